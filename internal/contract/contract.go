package contract

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"

	"userapi/gen/spec"
)

// Contract is openapi.yaml, prepared for checks. It is safe for concurrent use.
type Contract struct {
	document   *openapi3.T
	operations []*Operation
}

// Load returns the contract that is embedded in the program. The first call reads it. It fails
// if the contract asks for something that no check covers.
func Load() (*Contract, error) { return loadOnce() }

var loadOnce = sync.OnceValues(load)

func load() (*Contract, error) {
	document, err := spec.GetSpec()
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	c := &Contract{document: document}
	for path, item := range document.Paths.Map() {
		for method, described := range item.Operations() {
			operation, err := newOperation(document, item, described)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			operation.Method, operation.Path = method, path
			c.operations = append(c.operations, operation)
		}
	}
	closeAnswers(document)
	return c, nil
}

// closeAnswers forbids members that the document does not name in answers. Requests are
// closed by the document itself.
func closeAnswers(document *openapi3.T) {
	closed := false
	for _, schema := range document.Components.Schemas {
		if schema.Value.Type.Is(openapi3.TypeObject) && schema.Value.AdditionalProperties.Has == nil {
			schema.Value.AdditionalProperties.Has = &closed
		}
	}
}

// Document returns the parsed contract. It is stricter than openapi.yaml in one thing: no
// object takes members that its schema does not name. Callers must not change it.
func (c *Contract) Document() *openapi3.T { return c.document }

// Version is info.version.
func (c *Contract) Version() string { return c.document.Info.Version }

// Line returns a line of openapi.yaml, counted from 1: the first one that contains the first text or, with more texts,
// the first one that contains the last text and comes after the line of the texts before it. It returns 0 if there is none.
func (c *Contract) Line(texts ...string) int {
	number := 0
	for line := range strings.Lines(string(spec.YAML)) {
		number++
		if !strings.Contains(line, texts[0]) {
			continue
		}
		if texts = texts[1:]; len(texts) == 0 {
			return number
		}
	}
	return 0
}

// Operations returns all operations, in no particular order.
func (c *Contract) Operations() []*Operation { return c.operations }

// CheckValue checks a value against a schema of components/schemas, as part of a request.
// Strings have to be valid UTF-8. It returns no faults if the value fits, and an error if the
// contract has no such schema.
func (c *Contract) CheckValue(schema string, value any) ([]Fault, error) {
	described := c.document.Components.Schemas[schema]
	if described == nil {
		return nil, fmt.Errorf("the contract has no schema %s", schema)
	}
	return findFaults(described.Value, value)
}

// requestOptions are how the validator looks at values in requests. The details of its
// errors would repeat values, so they are disabled.
var requestOptions = []openapi3.SchemaValidationOption{
	openapi3.MultiErrors(),
	openapi3.VisitAsRequest(),
	openapi3.DisableSchemaErrorDetails(),
	openapi3.WithStringFormatValidator("email", openapi3.NewCallbackValidator(checkEmail)),
}

// checkEmail checks what a pattern cannot say (RFC 5321 §4.5.3.1.1).
func checkEmail(address string) error {
	if strings.IndexByte(address, '@') > 64 {
		return errors.New("more than 64 characters before the @")
	}
	return nil
}
