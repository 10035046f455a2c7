package conform

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"userapi/internal/contract"
)

// Operation is an operation of the contract for which requests are generated.
type Operation struct {
	Method, Path string // the path is a template
	Described    *openapi3.Operation
	Parameters   openapi3.Parameters // of the path and of the operation
	Body         *openapi3.Schema    // nil: none
}

// NewOperation returns the operation of a method of a path. The contract must have it.
func NewOperation(c *contract.Contract, method, path string) Operation {
	item := c.Document().Paths.Value(path)
	described := item.GetOperation(method)
	o := Operation{Method: method, Path: path, Described: described, Parameters: slices.Concat(item.Parameters, described.Parameters)}
	if described.RequestBody != nil {
		o.Body = described.RequestBody.Value.Content[contract.MediaType].Schema.Value
	}
	return o
}

// ID is the operationId.
func (o Operation) ID() string { return o.Described.OperationID }

// Open reports whether the operation needs no token.
func (o Operation) Open() bool { return o.Described.Security != nil }

// Person is a user whom a generated request names: as the one who sends it, or as its target.
type Person struct {
	ID         string
	Token      string
	Enterprise string
	Name       string
	Password   string
}

// Cast is who can be named in a generated request. Most requests are about Actor and Target.
type Cast struct {
	Actor, Target   Person
	Actors, Targets []Person // who may take their places, in one of 16 requests each
}

// Request is a request that was generated.
type Request struct {
	Method, Path string
	Query        url.Values
	Headers      map[string]string
	Members      map[string]any // of the body; nil: Body is sent
	Body         string
}

// SetMember puts a member into the body.
func (r *Request) SetMember(name string, value any) {
	if r.Members == nil {
		r.Members = map[string]any{}
		r.Headers["Content-Type"] = contract.MediaType
	}
	r.Members[name] = value
}

// SetText replaces the body.
func (r *Request) SetText(text string) {
	r.Headers["Content-Type"] = contract.MediaType
	r.Members, r.Body = nil, text
}

// Target returns the path with the query.
func (r Request) Target() string {
	if len(r.Query) == 0 {
		return r.Path
	}
	return r.Path + "?" + r.Query.Encode()
}

// Content returns the body as it is sent.
func (r Request) Content() string {
	if r.Members == nil {
		return r.Body
	}
	text, err := json.Marshal(r.Members)
	if err != nil {
		panic(fmt.Sprintf("a generated body is not JSON: %v", err)) // its values are strings, numbers, booleans and null
	}
	return string(text)
}

// Generate returns a request that the contract allows. Most of them succeed. If succeeding is set, all of them
// do, except those that send a condition.
func (o Operation) Generate(s Source, cast Cast, succeeding bool) Request {
	actor, target := cast.Actor, cast.Target
	if !succeeding && rarely(s) {
		actor = oneOf(s, cast.Actors...)
	}
	if !succeeding && rarely(s) {
		target = oneOf(s, cast.Targets...)
	}
	r := Request{Method: o.Method, Path: o.Path, Query: url.Values{}, Headers: map[string]string{}}
	if !o.Open() {
		r.Headers["Authorization"] = oneOf(s, "Bearer ", "bearer ", "BEARER  ", "") + actor.Token
	}
	for _, p := range o.Parameters {
		switch name := p.Value.Name; p.Value.In {
		case "path":
			r.Path = strings.ReplaceAll(r.Path, "{"+name+"}", target.ID)
		case "query":
			if yes(s) {
				r.Query.Set(name, fmt.Sprint(valueOf(s, p.Value.Schema.Value)))
			}
		case "header":
			if rarely(s) {
				r.Headers[name] = fmt.Sprint(valueOf(s, p.Value.Schema.Value))
			}
		}
	}
	if o.Body == nil || !o.Described.RequestBody.Value.Required && rarely(s) {
		return r
	}
	r.Headers["Content-Type"] = oneOf(s, "application/json", "Application/JSON", `application/json; charset="utf-8"`, "application/json;charset=UTF-8")
	r.Members = map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(o.Body.Properties)) {
		if slices.Contains(o.Body.Required, name) || yes(s) {
			r.Members[name] = valueOf(s, o.Body.Properties[name].Value)
		}
	}
	if succeeding || !rarely(s) {
		o.KeepRules(r.Members, target)
	}
	return r
}

// KeepRules changes members so that they keep the rules in the description of the operation.
func (o Operation) KeepRules(members map[string]any, target Person) {
	switch o.ID() {
	case "changePassword":
		members["user_id"], members["password1"] = json.Number(target.ID), members["password"]
	case "changeOwnPassword":
		members["password1"] = members["password"]
	case "createAdministrator":
		members["user_id"], members["eid"] = target.ID, target.Enterprise
	case "createAuthToken":
		members["username"], members["password"] = target.Enterprise+"/"+strings.ToUpper(target.Name), target.Password
	}
}
