package mock

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"userapi/internal/contract"
)

// The states of a member of a body and of a parameter.
const (
	stateAbsent = "absent"
	stateNull   = "null"
	stateValue  = "value"
)

// shape is what the contract names in the requests of an operation. The zero shape names nothing.
type shape struct {
	operationID string
	members     openapi3.Schemas
	parameters  []*openapi3.Parameter
}

func newShape(c *contract.Contract, operation *contract.Operation) *shape {
	about := described(c, operation)
	s := &shape{operationID: about.OperationID}
	for _, parameter := range slices.Concat(c.Document().Paths.Value(operation.Path).Parameters, about.Parameters) {
		s.parameters = append(s.parameters, parameter.Value)
	}
	if about.RequestBody != nil {
		s.members = about.RequestBody.Value.Content[contract.MediaType].Schema.Value.Properties
	}
	return s
}

// isSecret reports whether the operation names a member, and its value must not be shown.
func (s *shape) isSecret(name string) bool {
	described := s.members[name]
	return described != nil && (described.Value.WriteOnly || described.Value.Format == "password")
}

// isShown reports whether the journal shows the value of a member. A member of the contract is never an array or an object.
func (s *shape) isShown(name string, value []byte) bool {
	isContainer := len(value) > 0 && (value[0] == '{' || value[0] == '[')
	return s.members[name] != nil && !s.isSecret(name) && !isContainer
}

func (s *shape) hasQuery(name string) bool {
	return slices.ContainsFunc(s.parameters, func(p *openapi3.Parameter) bool {
		return p.In == openapi3.ParameterInQuery && p.Name == name
	})
}

// memberState is what a request says about a member of the contract.
type memberState struct {
	State    string          `json:"state"`
	Value    json.RawMessage `json:"value,omitempty"`    // with [stateValue], unless the member is a password
	Repeated bool            `json:"repeated,omitempty"` // the body has the member more than once; this is the last one
}

// memberStates returns the state of each member that the contract names. The body is JSON and masked.
func (s *shape) memberStates(body []byte) map[string]memberState {
	states := map[string]memberState{}
	for name := range s.members {
		states[name] = memberState{State: stateAbsent}
	}
	for _, m := range scan(body).members {
		name, value := unquote(m.label.of(body)), m.span.of(body)
		before, isNamed := states[name]
		if !isNamed {
			continue
		}
		state := memberState{State: stateValue, Repeated: before.State != stateAbsent}
		switch {
		case string(value) == "null":
			state.State = stateNull
		case !s.isSecret(name):
			state.Value = value
		}
		states[name] = state
	}
	return states
}

// parameterState is what a request says about a parameter of the contract.
type parameterState struct {
	In       string  `json:"in"` // path, query or header
	State    string  `json:"state"`
	Value    *string `json:"value,omitempty"`
	Repeated bool    `json:"repeated,omitempty"` // the request has the parameter more than once; this is the first one
}

// parameterStates returns the state of each parameter that the contract names, by name.
func (s *shape) parameterStates(r *http.Request, template string, hidden secrets) map[string]parameterState {
	states := map[string]parameterState{}
	query, _ := url.ParseQuery(r.URL.RawQuery) // what cannot be read is left out
	for _, p := range s.parameters {
		var values []string
		switch p.In {
		case openapi3.ParameterInPath:
			values = []string{pathParameter(template, r.URL.EscapedPath(), p.Name)}
		case openapi3.ParameterInQuery:
			values = query[p.Name]
		case openapi3.ParameterInHeader:
			values = r.Header.Values(p.Name)
		}
		state := parameterState{In: p.In, State: stateAbsent, Repeated: len(values) > 1}
		if len(values) > 0 {
			state.State, state.Value = stateValue, new(hidden.mask(values[0]))
		}
		states[p.Name] = state
	}
	return states
}

// pathParameter returns the value of a parameter, decoded.
func pathParameter(template, escapedPath, name string) string {
	place := slices.Index(strings.Split(template, "/"), "{"+name+"}")
	return unescape(strings.Split(escapedPath, "/")[place], url.PathUnescape)
}
