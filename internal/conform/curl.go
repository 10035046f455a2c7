package conform

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// The members whose values no report shows, also in a body that is cut.
var secretMember = regexp.MustCompile(`("(?:password1?|token)"\s*:\s*)"(?:[^"\\]|\\.)*("|$)`)

// masked stands for a secret.
const masked = "********"

// mask hides the passwords and tokens in a body.
func mask(text string) string { return secretMember.ReplaceAllString(text, `$1"`+masked+`"`) }

// mostOfBody is how many bytes of a body a curl line shows.
const mostOfBody = 2000

// curl returns a request as a command line. $TOKEN stands for the token that the user has given, and a longer
// name for the token of a user whom the run has made.
func curl(base string, x exchange) string {
	words := []string{"curl", "-i"}
	switch x.request.Method {
	case http.MethodGet:
	case http.MethodHead:
		words = append(words, "--head")
	default:
		words = append(words, "-X", x.request.Method)
	}
	words = append(words, quote(base+x.request.Target()))
	for _, name := range slices.Sorted(maps.Keys(x.request.Headers)) {
		value := x.request.Headers[name]
		if name == "Authorization" && x.token != "" && strings.HasSuffix(value, x.token) {
			words = append(words, fmt.Sprintf(`-H "Authorization: %s$%s"`, strings.TrimSuffix(value, x.token), x.as))
			continue
		}
		if value != "" {
			words = append(words, "-H", quote(name+": "+value))
		}
	}
	if content := x.request.Content(); content != "" {
		cut := ""
		if len(content) > mostOfBody {
			content, cut = content[:mostOfBody], fmt.Sprintf(" # the body has %d bytes", len(content))
		}
		words = append(words, "--data-raw", quote(mask(content))+cut)
	}
	return strings.Join(words, " ")
}

// quote writes a word for a shell. Text that is not printable gets the form of bash.
func quote(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) < 0 {
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	var quoted strings.Builder
	quoted.WriteString("$'")
	for i := range len(text) {
		switch b := text[i]; {
		case b == '\'' || b == '\\':
			quoted.WriteString(`\` + string(rune(b)))
		case b < ' ' || b > '~':
			fmt.Fprintf(&quoted, `\x%02x`, b)
		default:
			quoted.WriteByte(b)
		}
	}
	quoted.WriteString("'")
	return quoted.String()
}
