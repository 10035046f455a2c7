package contract

import (
	"net/http"
	"strings"
)

// Find returns the operation of a method and an escaped path, or nil if there is none. HEAD belongs to the operation
// of GET.
func (c *Contract) Find(method, escapedPath string) *Operation {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	path := NormalPath(escapedPath)
	for _, operation := range c.operations {
		if operation.Method == method && fitsTemplate(operation.Path, path) {
			return operation
		}
	}
	return nil
}

// fitsTemplate reports whether a path has the segments of a template. A parameter stands for any segment that is not empty.
func fitsTemplate(template, path string) bool {
	wanted, given := strings.Split(template, "/"), strings.Split(path, "/")
	if len(wanted) != len(given) {
		return false
	}
	for i, segment := range wanted {
		isParameter := strings.HasPrefix(segment, "{")
		if isParameter && given[i] == "" || !isParameter && given[i] != segment {
			return false
		}
	}
	return true
}
