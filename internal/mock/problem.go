package mock

import (
	"encoding/json"
	"net/http"

	"userapi/internal/contract"
)

// Problem is what a handler of the ops listener answers if it fails (RFC 9457). It has the members of the contract's Problem,
// except request_id.
type Problem struct {
	Status int
	Code   string // as in the contract
	Title  string
	Detail string
	Faults []contract.Fault
}

// InternalError is the problem of a fault of the mock.
var InternalError = Problem{
	Status: http.StatusInternalServerError, Code: "internal_error", Title: "Internal error", Detail: "The mock failed. If its log does not say why, report this.",
}

// NoBody is the problem of a request with a body that must have none.
var NoBody = Problem{
	Status: http.StatusUnprocessableEntity, Code: string(contract.CodeInvalidRequest), Title: "Invalid request", Detail: "Send no body. Nothing was changed.",
}

// WriteProblem answers with a problem.
func WriteProblem(w http.ResponseWriter, p Problem) {
	type fault struct {
		Pointer string             `json:"pointer"`
		Code    contract.FaultCode `json:"code"`
		Detail  string             `json:"detail"`
	}
	body := struct {
		Type   string  `json:"type"`
		Title  string  `json:"title"`
		Status int     `json:"status"`
		Detail string  `json:"detail"`
		Code   string  `json:"code"`
		Errors []fault `json:"errors"`
	}{"urn:userapi:problem:" + p.Code, p.Title, p.Status, p.Detail, p.Code, []fault{}}
	for _, f := range p.Faults {
		body.Errors = append(body.Errors, fault{f.Pointer, f.Code, f.Detail})
	}
	writeJSON(w, "application/problem+json", p.Status, body)
}

func writeJSON(w http.ResponseWriter, mediaType string, status int, body any) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // people read the answer, too
	_ = encoder.Encode(body)     // an error means that the client has left
}
