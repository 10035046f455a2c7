package mock

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"userapi/internal/contract"
)

const problemType = "application/problem+json"

// answer is an answer that the contract documents for an operation.
type answer struct {
	status  int
	problem string      // the code of the problem; "": it is not a problem
	example string      // the name of the example; "": it has none
	header  http.Header // without those that every answer has
	body    any         // nil: none
}

// described returns what the contract says about an operation.
func described(c *contract.Contract, operation *contract.Operation) *openapi3.Operation {
	return c.Document().Paths.Value(operation.Path).GetOperation(operation.Method)
}

// problemCode is a code of the contract, and what the contract says about it.
type problemCode struct{ name, text string }

var codeLine = regexp.MustCompile("(?m)^- `([a-z_]+)`: (.+)$")

// problemCodes returns the codes that the description of the schema ProblemCode explains.
func problemCodes(c *contract.Contract) (codes []problemCode) {
	for _, line := range codeLine.FindAllStringSubmatch(c.Document().Components.Schemas["ProblemCode"].Value.Description, -1) {
		codes = append(codes, problemCode{name: line[1], text: line[2]})
	}
	return codes
}

// answersOf returns all answers that the contract documents for an operation: sorted by status, problems in the order
// in which the description of the status names their codes, and examples by name. It fails if one of them cannot be made.
func answersOf(operation *openapi3.Operation, codes []problemCode) (answers []answer, err error) {
	for status, response := range operation.Responses.Map() {
		number, err := strconv.Atoi(status)
		if err != nil {
			return nil, fmt.Errorf("status %s: %w", status, err)
		}
		found, err := answersWith(number, response.Value, codes)
		if err != nil {
			return nil, fmt.Errorf("status %s: %w", status, err)
		}
		answers = append(answers, found...)
	}
	slices.SortStableFunc(answers, func(a, b answer) int { return cmp.Compare(a.status, b.status) })
	return answers, nil
}

// answersWith returns the answers of one status.
func answersWith(status int, response *openapi3.Response, codes []problemCode) (answers []answer, err error) {
	if len(response.Content) == 0 {
		answers = []answer{{status: status, header: http.Header{}}}
	}
	for mediaType, media := range response.Content {
		answers = exampleAnswers(status, media)
		if mediaType == problemType {
			answers = addProblems(answers, status, *response.Description, codes)
		}
		for i := range answers {
			answers[i].header = http.Header{"Content-Type": {mediaType}}
			if err := media.Schema.Value.VisitJSON(answers[i].body, openapi3.VisitAsResponse()); err != nil {
				return nil, err
			}
		}
	}
	if len(answers) == 0 || len(response.Content) > 1 {
		return nil, errors.New("it needs one media type, and an example of it")
	}
	for _, a := range answers {
		for name, header := range response.Headers {
			value := headerValue(header.Value, a.example)
			if value == "" {
				return nil, fmt.Errorf("header %s has no example", name)
			}
			a.header.Set(name, value)
		}
	}
	return answers, nil
}

// exampleAnswers returns an answer for each example, by name.
func exampleAnswers(status int, media *openapi3.MediaType) (answers []answer) {
	bodies := map[string]any{}
	if media.Example != nil {
		bodies[""] = media.Example
	}
	for name, example := range media.Examples {
		bodies[name] = example.Value.Value
	}
	for _, name := range slices.Sorted(maps.Keys(bodies)) {
		body := bodies[name]
		code := ""
		if object, isObject := body.(map[string]any); isObject && status >= http.StatusBadRequest {
			code, _ = object["code"].(string)
		}
		answers = append(answers, answer{status: status, problem: code, example: name, body: body})
	}
	return answers
}

// addProblems makes a problem for each code that a description names and that has no example, and sorts the
// answers in the order of the description.
func addProblems(answers []answer, status int, description string, codes []problemCode) []answer {
	for _, code := range codes {
		hasExample := slices.ContainsFunc(answers, func(a answer) bool { return a.problem == code.name })
		if !hasExample && strings.Contains(description, "`"+code.name+"`") {
			answers = append(answers, answer{status: status, problem: code.name, body: map[string]any{
				"type":       "urn:userapi:problem:" + code.name,
				"title":      sentenceCase(strings.ReplaceAll(code.name, "_", " ")),
				"status":     float64(status), // as the validator expects numbers
				"detail":     sentenceCase(code.text),
				"code":       code.name,
				"request_id": "",
				"errors":     []any{},
			}})
		}
	}
	slices.SortStableFunc(answers, func(a, b answer) int {
		return cmp.Compare(strings.Index(description, "`"+a.problem+"`"), strings.Index(description, "`"+b.problem+"`"))
	})
	return answers
}

func sentenceCase(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// headerValue returns an example of a header, if possible the one that belongs to the example of the body.
func headerValue(header *openapi3.Header, example string) string {
	if named := header.Examples[example]; named != nil {
		return fmt.Sprint(named.Value.Value)
	}
	if header.Example != nil {
		return fmt.Sprint(header.Example)
	}
	if values := header.Schema.Value.Enum; len(values) > 0 {
		return fmt.Sprint(values[0])
	}
	for _, name := range slices.Sorted(maps.Keys(header.Examples)) {
		return fmt.Sprint(header.Examples[name].Value.Value)
	}
	return ""
}
