package conform

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"userapi/internal/contract"
)

// judgement is what a rule says of an answer: wanted is "" if the answer keeps the rule.
type judgement struct {
	rule        rule
	wanted, got string
}

// basePath is the prefix of every path of the contract.
const basePath = "/openapi/v1/"

// judge returns what the contract says of any answer, whatever was asked. The operation is nil for a path or a method
// outside the contract. It does not judge headers that the contract does not name, because proxies add some.
func judge(c *contract.Contract, operation *Operation, x exchange) (all []judgement) {
	add := func(rule rule, ok bool, wanted, got string) {
		if ok {
			wanted = ""
		}
		all = append(all, judgement{rule, wanted, got})
	}
	isHead := x.request.Method == http.MethodHead
	if x.status >= http.StatusBadRequest && !isHead {
		wanted, got := checkProblem(c, x)
		add(ruleProblem, wanted == "", wanted, got)
		wanted, got = checkPointers(x)
		add(rulePointer, wanted == "", wanted, got)
	}
	if operation == nil {
		return all
	}
	id := x.header.Get("X-Request-Id")
	add(ruleRequestID, id != "" && checkSchema(c.Document().Components.Headers["RequestId"].Value.Schema, id) == "", "X-Request-Id", header(x, "X-Request-Id"))
	add(ruleNoStore, x.header.Get("Cache-Control") == "no-store", "Cache-Control: no-store", header(x, "Cache-Control"))
	add(ruleNoSniff, x.header.Get("X-Content-Type-Options") == "nosniff", "X-Content-Type-Options: nosniff", header(x, "X-Content-Type-Options"))
	add(ruleUncompressed, x.header.Get("Content-Encoding") == "", "no Content-Encoding", header(x, "Content-Encoding"))
	add(ruleNoETag, x.request.Method != http.MethodPut || x.header.Get("ETag") == "", "no ETag", header(x, "ETag"))
	documented := operation.Described.Responses.Status(x.status)
	add(ruleStatus, documented != nil, "one of the statuses "+strings.Join(statuses(operation.Described), ", "), x.text())
	if documented == nil {
		return all
	}
	wanted, got := checkHeaders(documented.Value, x)
	add(ruleHeaders, wanted == "", wanted, got)
	add(ruleTimes, findWrongTime(x.value) == "", "a time such as 2026-11-23T12:00:00.000000Z", findWrongTime(x.value))
	if code, _ := x.object()["code"].(string); x.status >= http.StatusBadRequest && !isHead {
		add(ruleCode, strings.Contains(*documented.Value.Description, "`"+code+"`"), "a code that the description of the status names", x.text())
	}
	if isHead || len(documented.Value.Content) == 0 {
		add(ruleNoBody, len(x.body) == 0, "no body", x.text())
		return all
	}
	for media, content := range documented.Value.Content {
		sent, parameters, err := mime.ParseMediaType(x.header.Get("Content-Type"))
		charset, named := parameters["charset"]
		add(ruleMediaType, err == nil && sent == media && (!named || strings.EqualFold(charset, "utf-8")), media, header(x, "Content-Type"))
		wanted := checkSchema(content.Schema, x.value)
		add(ruleSchema, wanted == "", wanted, x.text())
	}
	return all
}

func header(x exchange, name string) string {
	if values := x.header.Values(name); len(values) > 0 {
		return name + ": " + strings.Join(values, ", ")
	}
	return "no " + name
}

func statuses(described *openapi3.Operation) (all []string) {
	for status := range described.Responses.Map() {
		all = append(all, status)
	}
	slices.Sort(all)
	return all
}

// checkProblem returns what is wrong with an error, apart from the pointers.
func checkProblem(c *contract.Contract, x exchange) (wanted, got string) {
	if media := x.header.Get("Content-Type"); media != "application/problem+json" {
		return "Content-Type: application/problem+json", header(x, "Content-Type")
	}
	if broken := checkSchema(c.Document().Components.Schemas["Problem"], x.value); broken != "" {
		return broken, x.text()
	}
	problem := x.object()
	switch code, _ := problem["code"].(string); {
	case problem["status"] != float64(x.status):
		return fmt.Sprintf("the member status is %d", x.status), x.text()
	case problem["request_id"] != x.header.Get("X-Request-Id"):
		return "the member request_id is X-Request-Id", x.text()
	case problem["type"] != "urn:userapi:problem:"+code:
		return "type is urn:userapi:problem: and the code", x.text()
	}
	return "", ""
}

// pointerForm is a JSON Pointer (RFC 6901 §3).
var pointerForm = regexp.MustCompile(`^(/([^/~]|~[01])*)*$`)

// checkPointers returns which fault of a problem names its place wrongly. A fault has a pointer or a parameter.
func checkPointers(x exchange) (wanted, got string) {
	for _, fault := range faultsOf(x) {
		if !pointerForm.MatchString(fault.pointer) {
			return "JSON Pointers", x.text()
		}
	}
	return "", ""
}

// problemFault is a fault in a problem.
type problemFault struct{ pointer, parameter, code string }

// place is the pointer, or ? and the name of the parameter.
func (f problemFault) place() string {
	if f.parameter != "" {
		return "?" + f.parameter
	}
	return f.pointer
}

func faultsOf(x exchange) (all []problemFault) {
	listed, _ := x.object()["errors"].([]any)
	for _, one := range listed {
		members, _ := one.(map[string]any)
		var fault problemFault
		fault.pointer, _ = members["pointer"].(string)
		fault.parameter, _ = members["parameter"].(string)
		fault.code, _ = members["code"].(string)
		all = append(all, fault)
	}
	return all
}

// checkHeaders returns which documented header is missing or malformed.
func checkHeaders(documented *openapi3.Response, x exchange) (wanted, got string) {
	for name, described := range documented.Headers {
		sent := x.header.Get(name)
		if sent == "" {
			if described.Value.Required {
				return "the header " + name, header(x, name)
			}
			continue
		}
		var value any = sent
		if described.Value.Schema.Value.Type.Is("integer") {
			number, err := strconv.ParseFloat(sent, 64)
			if err != nil {
				return name + " with an integer", header(x, name)
			}
			value = number
		}
		if broken := checkSchema(described.Value.Schema, value); broken != "" {
			return name + ": " + broken, header(x, name)
		}
	}
	return "", ""
}

// checkSchema returns what a value has to be, or "" if it fits the schema. A later version of the contract may add
// members to any answer except UpdateUser, so others may have members that the schema does not name.
func checkSchema(schema *openapi3.SchemaRef, value any) string {
	if value == nil && !schema.Value.Nullable {
		return "a body in JSON"
	}
	err := schema.Value.VisitJSON(value, openapi3.VisitAsResponse(), openapi3.MultiErrors(), openapi3.DisableSchemaErrorDetails())
	isOpen := !strings.HasSuffix(schema.Ref, "/UpdateUser")
	for _, one := range flatten(err) {
		broken, ok := errors.AsType[*openapi3.SchemaError](one)
		if !ok {
			return one.Error()
		}
		if isOpen && strings.HasSuffix(broken.Reason, "is unsupported") {
			continue
		}
		return fmt.Sprintf("/%s: %s", strings.Join(broken.JSONPointer(), "/"), broken.Reason)
	}
	return ""
}

func flatten(err error) (all []error) {
	if err == nil {
		return nil
	}
	if several, ok := errors.AsType[openapi3.MultiError](err); ok {
		for _, one := range several {
			all = append(all, flatten(one)...)
		}
		return all
	}
	return []error{err}
}

// timeForm is what each time has to look like.
var timeForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`)

// findWrongTime returns the first time in an answer that does not have the form, or "".
func findWrongTime(value any) string {
	switch v := value.(type) {
	case []any:
		for _, one := range v {
			if wrong := findWrongTime(one); wrong != "" {
				return wrong
			}
		}
	case map[string]any:
		for name, member := range v {
			text, isText := member.(string)
			if isTime := name == "create_time" || name == "time" || name == "expires_at"; isTime && isText && !timeForm.MatchString(text) {
				return name + ": " + text
			}
			if wrong := findWrongTime(member); wrong != "" {
				return wrong
			}
		}
	}
	return ""
}
