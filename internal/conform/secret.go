package conform

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// shortestValue is how many characters a value has that can be recognized in an answer.
const shortestValue = 6

// sentText finds the texts in a body that may not be JSON.
var sentText = regexp.MustCompile(`:\s*"((?:[^"\\]|\\.){6,})"`)

// judgeSecrets wants no answer to have a password that was sent, and no error to repeat a value.
func (r *run) judgeSecrets(x exchange) {
	sent := map[string]string{}
	for name, value := range x.request.Members {
		if text, ok := value.(string); ok {
			sent[name] = text
		}
	}
	r.tally.check(x.operation, ruleNoPassword.name)
	for _, name := range []string{"password", "password1"} {
		if text := sent[name]; utf8.RuneCountInString(text) >= shortestValue && repeats(x, text) {
			r.fault(x, ruleNoPassword, "no password in the answer", "the answer has the value of "+name)
		}
	}
	if x.status < 400 {
		return
	}
	r.tally.check(x.operation, ruleNoValue.name)
	for name, values := range x.request.Query {
		for _, value := range values {
			sent["?"+name] = value
		}
	}
	for _, match := range sentText.FindAllStringSubmatch(x.request.Body, -1) {
		sent["a member"] = match[1]
	}
	sent["Authorization"] = x.token
	for name, value := range sorted(sent) {
		if utf8.RuneCountInString(value) >= shortestValue && repeats(x, value) {
			r.fault(x, ruleNoValue, "no value of the request in an error", "the answer repeats the value of "+name)
			return
		}
	}
}

// repeats reports whether a text is in a body, as JSON or as it is.
func repeats(x exchange, text string) bool {
	return strings.Contains(string(x.body), text) || hasText(x.value, text)
}

func hasText(value any, text string) bool {
	switch v := value.(type) {
	case string:
		return strings.Contains(v, text)
	case []any:
		for _, one := range v {
			if hasText(one, text) {
				return true
			}
		}
	case map[string]any:
		for _, one := range v {
			if hasText(one, text) {
				return true
			}
		}
	}
	return false
}
