package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

// environmentPrefix is what the names of all variables of userapi begin with.
const environmentPrefix = "USERAPI_"

// adminTokenVariable has no flag, because process lists show flags.
const adminTokenVariable = "USERAPI_ADMIN_TOKEN"

// foreignPrefixes are those of variables that Kubernetes sets in every container next to a service
// named userapi.
var foreignPrefixes = []string{"USERAPI_SERVICE_", "USERAPI_PORT"}

// parse reads the arguments and the environment, and returns all faults together. The parser stops at the
// first one, so parse leaves out what cannot be read, and lets the parser check the rest.
func parse(parser *kong.Kong, args []string) (*kong.Context, error) {
	faults := checkVariables(parser.Model)
	if slices.ContainsFunc(args, func(arg string) bool { return !utf8.ValidString(arg) }) {
		faults = append(faults, errors.New("the arguments must be valid UTF-8")) // the parser replaces invalid bytes
	}
	for {
		traced, err := kong.Trace(parser, args)
		if err != nil {
			return nil, err
		}
		if traced.Error == nil {
			faults = append(faults, checkSwitches(traced)...)
			break
		}
		rest := withoutFault(traced, args)
		if len(rest) == len(args) {
			break // the parser says what is wrong
		}
		faults, args = append(faults, traced.Error), rest
	}
	command, err := parser.Parse(args)
	return command, errors.Join(append(faults, err)...)
}

// checkVariables returns a fault for each variable that userapi does not know, and makes the parser
// ignore variables that are empty.
func checkVariables(app *kong.Application) (faults []error) {
	known := []string{adminTokenVariable}
	eachFlag(app.Node, func(flag *kong.Flag) {
		known = append(known, flag.Tag.Envs...)
		flag.Tag.Envs = slices.DeleteFunc(slices.Clone(flag.Tag.Envs), func(name string) bool { return os.Getenv(name) == "" })
	})
	variables := os.Environ()
	slices.Sort(variables)
	for _, variable := range variables {
		name, value, _ := strings.Cut(variable, "=")
		isForeign := slices.ContainsFunc(foreignPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		if strings.HasPrefix(name, environmentPrefix) && value != "" && !isForeign && !slices.Contains(known, name) {
			nearest := slices.MinFunc(known, func(a, b string) int { return distance(name, a) - distance(name, b) })
			faults = append(faults, fmt.Errorf("%s: there is no such setting: use %s, or remove the variable", name, nearest))
		}
	}
	return faults
}

// checkSwitches returns a fault for each variable of the command that must be true or false and is not,
// and makes the parser ignore it.
func checkSwitches(command *kong.Context) (faults []error) {
	for _, flag := range command.Flags() {
		if !flag.IsBool() {
			continue
		}
		flag.Tag.Envs = slices.DeleteFunc(flag.Tag.Envs, func(name string) bool {
			wrong := !slices.Contains([]string{"true", "1", "yes", "false", "0", "no"}, strings.ToLower(os.Getenv(name)))
			if wrong {
				faults = append(faults, fmt.Errorf("%s or --%s: use true or false instead of %q", name, flag.Name, os.Getenv(name)))
			}
			return wrong
		})
	}
	return faults
}

// withoutFault returns the arguments without the one at which the parser has stopped and, if that is a
// flag, without its value. It returns all of them if nothing is left to check, because there is no command.
func withoutFault(failed *kong.Context, args []string) []string {
	at := len(args) - len(failed.Path[len(failed.Path)-1].Remainder())
	if at < 0 || at >= len(args) {
		return args
	}
	name, isFlag := strings.TrimPrefix(args[at], "--"), strings.HasPrefix(args[at], "-")
	if selected := failed.Selected(); !isFlag && (selected == nil || len(selected.Children) > 0) {
		return args
	}
	end := at + 1
	takesNext := func(flag *kong.Flag) bool { return flag.Name == name && !flag.IsBool() }
	if isFlag && slices.ContainsFunc(failed.Flags(), takesNext) && end < len(args) && !strings.HasPrefix(args[end], "-") {
		end++
	}
	return slices.Concat(args[:at], args[end:])
}

// eachFlag calls do for the flags of a command and of all commands below it.
func eachFlag(node *kong.Node, do func(*kong.Flag)) {
	for _, flag := range node.Flags {
		do(flag)
	}
	for _, child := range node.Children {
		eachFlag(child, do)
	}
}

// distance returns how much a name differs from what was typed: 1 for each character that is missing, and 3 for
// each that is too many, because people shorten names.
func distance(typed, name string) int {
	row := make([]int, len(name)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(typed) {
		diagonal := row[0]
		row[0] += 3
		for j := range len(name) {
			differs := diagonal
			if typed[i] != name[j] {
				differs += 4
			}
			diagonal = row[j+1]
			row[j+1] = min(differs, diagonal+3, row[j]+1)
		}
	}
	return row[len(name)]
}
