package mock

import (
	_ "embed"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"userapi/internal/contract"
)

//go:embed now.schema.json
var nowSchemaText []byte

var loadNowSchema = sync.OnceValues(func() (*contract.Schema, error) { return contract.ParseSchema(nowSchemaText) })

// ServeHTTP answers what the clock shows and whether it runs. If the method is POST, it first moves the clock as the
// body says, which now.schema.json describes.
func (c *Clock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		problem, err := c.post(r)
		if err != nil {
			problem = &InternalError
		}
		if problem != nil {
			WriteProblem(w, *problem)
			return
		}
	}
	now, running := c.read()
	writeJSON(w, contract.MediaType, http.StatusOK, struct {
		Now     string `json:"now"`
		Running bool   `json:"running"`
	}{now.Format(timeLayout), running})
}

// timeLayout is how the contract writes times.
const timeLayout = "2006-01-02T15:04:05.000000Z"

func (c *Clock) post(r *http.Request) (*Problem, error) {
	isJSON := contract.CheckContentCoding(r.Header) == nil && contract.CheckMediaType(r.Header) == nil
	if !isJSON {
		return &Problem{
			Status: http.StatusUnsupportedMediaType, Code: string(contract.CodeUnsupportedMediaType), Title: "Unsupported media type",
			Detail: "Send Content-Type: application/json, with charset=utf-8 or none, and no Content-Encoding.",
		}, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, contract.MaxBody+1))
	if err != nil {
		return nil, err // the client has left
	}
	if len(body) > contract.MaxBody {
		return &Problem{
			Status: http.StatusRequestEntityTooLarge, Code: "content_too_large", Title: "Content too large", Detail: "Send a body of at most 64 KiB.",
		}, nil
	}
	schema, err := loadNowSchema()
	if err != nil {
		return nil, err
	}
	value, faults, err := schema.Check(body)
	if err != nil {
		return nil, err
	}
	if len(faults) == 0 {
		faults = c.apply(value.(map[string]any))
	}
	return problemOf(faults), nil
}

// problemOf returns the problem of a body with these faults, or nil if there are none.
func problemOf(faults []contract.Fault) *Problem {
	faults = faults[:min(len(faults), contract.MaxFaults)]
	isSyntax := func(f contract.Fault) bool {
		return f.Code == contract.FaultSyntax || f.Code == contract.FaultDuplicateMember
	}
	switch {
	case len(faults) == 0:
		return nil
	case slices.ContainsFunc(faults, isSyntax):
		return &Problem{
			Status: http.StatusBadRequest, Code: string(contract.CodeMalformedJSON), Title: "Malformed JSON",
			Detail: "Send one JSON text in UTF-8 without duplicate members.", Faults: faults,
		}
	}
	return &Problem{
		Status: http.StatusUnprocessableEntity, Code: string(contract.CodeInvalidRequest), Title: "Invalid request",
		Detail: "Correct the faults listed in errors. Nothing was changed.", Faults: faults,
	}
}

// apply moves the clock as a body says that fits the schema.
func (c *Clock) apply(body map[string]any) []contract.Fault {
	at, isSet := body["now"].(string)
	forward, isMoved := body["forward"].(string)
	var running *bool
	if value, ok := body["running"].(bool); ok {
		running = &value
	}
	var next func(time.Time) time.Time
	place := "/forward"
	switch {
	case isSet && isMoved:
		return []contract.Fault{{Pointer: place, Code: contract.FaultUnknownMember, Detail: "Send now or forward, not both."}}
	case isSet:
		place = "/now"
		t, err := parseTime(at)
		if err != nil {
			return []contract.Fault{{Pointer: place, Code: contract.FaultFormat, Detail: noSuchTime}}
		}
		next = func(time.Time) time.Time { return t }
		if running == nil {
			running = new(bool)
		}
	case isMoved:
		d, err := time.ParseDuration(forward)
		if err != nil || d < time.Microsecond {
			return []contract.Fault{{Pointer: place, Code: contract.FaultFormat, Detail: "Send a duration from 1 microsecond to 292 years."}}
		}
		next = func(now time.Time) time.Time { return now.Add(d) }
	case running != nil:
		next = func(now time.Time) time.Time { return now }
	default:
		return []contract.Fault{{Code: contract.FaultRequired, Detail: "Send now, forward or running."}}
	}
	if err := c.move(next, running); errors.Is(err, errOutOfRange) {
		return []contract.Fault{{Pointer: place, Code: contract.FaultMaximum, Detail: "The clock shows times from 1970 to 8999."}}
	}
	return nil
}

const noSuchTime = "There is no such date or time."

// parseTime reads a time that has the form of the schema.
func parseTime(text string) (time.Time, error) { return time.Parse(time.RFC3339Nano, text) }
