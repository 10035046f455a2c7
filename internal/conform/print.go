package conform

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
)

// Print writes the report for a person: a table by operation, and each fault with its request.
func (r Report) Print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "OPERATION\tREQUESTS\tSUCCEEDED\tRULES\tBROKEN")
	for _, o := range r.Operations {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\n", nameOf(o.Operation), o.Requests, o.Succeeded, len(o.Rules), o.Faults)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	var text strings.Builder
	for i, f := range r.Faults {
		fmt.Fprintf(&text, "\n%d. %s: %s (request %d, seen %d times)\n   %s\n   wanted: %s\n   got:    %s\n",
			i+1, nameOf(f.Operation), f.Rule, f.Request, f.Times, oneLine(f.Curl), oneLine(f.wanted()), oneLine(f.Got))
	}
	for _, path := range r.Left {
		fmt.Fprintf(&text, "\nThis could not be removed: %s\n", oneLine(path))
	}
	fmt.Fprintf(&text, "\n%d requests, %d faults. The contract is %s, the seed is %d.\n", r.Requests, len(r.Faults), r.Contract, r.Seed)
	_, err := io.WriteString(w, text.String())
	return err
}

// nameOf names an operation for a person.
func nameOf(operation string) string { return cmp.Or(operation, "other paths") }

// wanted is what was wanted, and where the contract says so.
func (f Fault) wanted() string {
	if f.Line == 0 {
		return f.Wanted
	}
	return fmt.Sprintf("%s (openapi.yaml:%d)", f.Wanted, f.Line)
}

// oneLine keeps characters that a server sends from a terminal if they control it or turn the text around.
func oneLine(text string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, text)
}

// The elements of JUnit's XML, as CI systems read it.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Properties []junitProperty `xml:"properties>property,omitempty"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Failure *junitFailure `xml:"failure"`
		Error   *junitFailure `xml:"error"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the report as JUnit's XML: a suite for each operation, and a case for each rule.
func (r Report) WriteJUnit(w io.Writer) error {
	all := junitSuites{Name: "userapi conform " + r.URL, Failures: len(r.Faults), Time: fmt.Sprintf("%.3f", r.Took.Seconds())}
	for _, o := range r.Operations {
		suite := junitSuite{
			Name: nameOf(o.Operation), Tests: len(o.Rules), Failures: o.Faults,
			Properties: []junitProperty{{"seed", fmt.Sprint(r.Seed)}, {"contract", r.Contract}, {"requests", fmt.Sprint(o.Requests)}},
		}
		for _, rule := range o.Rules {
			suite.Cases = append(suite.Cases, junitCase{Class: nameOf(o.Operation), Name: rule.Rule, Failure: r.failureOf(o.Operation, rule.Rule)})
		}
		all.Tests += suite.Tests
		all.Suites = append(all.Suites, suite)
	}
	if whole := r.wholeRun(); whole.Tests > 0 {
		all.Tests += whole.Tests
		all.Failures += whole.Failures
		all.Errors += whole.Errors
		all.Suites = append(all.Suites, whole)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// wholeRun is the suite of what went wrong with the run itself, so that a CI system does not show it as passed.
func (r Report) wholeRun() junitSuite {
	suite := junitSuite{Name: "the run"}
	if r.Stopped != "" {
		reason := oneLine(r.Stopped)
		suite.Cases = append(suite.Cases, junitCase{Class: suite.Name, Name: "judges the server", Error: &junitFailure{Message: reason, Text: reason}})
		suite.Errors++
	}
	if len(r.Left) > 0 {
		text := oneLine(strings.Join(r.Left, " "))
		suite.Cases = append(suite.Cases, junitCase{Class: suite.Name, Name: "removes what it has made", Failure: &junitFailure{Message: "this could not be removed", Text: text}})
		suite.Failures++
	}
	suite.Tests = len(suite.Cases)
	return suite
}

func (r Report) failureOf(operation, rule string) *junitFailure {
	for _, f := range r.Faults {
		if f.Operation == operation && f.Rule == rule {
			text := fmt.Sprintf("%s\nwanted: %s\ngot: %s\nrequest %d, seen %d times", oneLine(f.Curl), oneLine(f.wanted()), oneLine(f.Got), f.Request, f.Times)
			return &junitFailure{Message: "wanted " + oneLine(f.wanted()), Text: text}
		}
	}
	return nil
}
