package conform

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/contract"
)

// Each rule quotes the contract, so a fault can name the line. No two rules have the same name.
func TestRulesQuoteTheContract(t *testing.T) {
	c, err := contract.Load()
	require.NoError(t, err)
	file, err := parser.ParseFile(token.NewFileSet(), "rule.go", nil, 0)
	require.NoError(t, err)
	names := map[string]bool{}
	ast.Inspect(file, func(node ast.Node) bool {
		literal, ok := node.(*ast.CompositeLit)
		if !ok || len(literal.Elts) != 2 {
			return true
		}
		var texts []string
		for _, element := range literal.Elts {
			text, err := strconv.Unquote(element.(*ast.BasicLit).Value)
			require.NoError(t, err)
			texts = append(texts, text)
		}
		require.False(t, names[texts[0]], texts[0])
		names[texts[0]] = true
		if texts[1] != "" {
			require.Positive(t, c.Line(texts[1]), texts[1])
		}
		return true
	})
	require.Greater(t, len(names), 80)
}

// A fault in a status names the line of that status.
func TestLineOfAStatus(t *testing.T) {
	c, err := contract.Load()
	require.NoError(t, err)
	operation := c.Line("operationId: getUser")
	status := ruleStatus.line(c, "getUser", "412")
	require.Greater(t, status, operation)
	require.Less(t, status, c.Line("operationId: updateUser"))
	require.Equal(t, operation, ruleStatus.line(c, "getUser", "418"), "an undocumented status has no line of its own")
	require.Zero(t, ruleStatus.line(c, "", "404"))
	require.Zero(t, c.Line("no such text"))
}

// Text that a shell would read in another way is quoted.
func TestQuote(t *testing.T) {
	require.Equal(t, `'a"b $c'`, quote(`a"b $c`))
	require.Equal(t, `'it'\''s'`, quote("it's"))
	require.Equal(t, `$'\x00\xff\'\\'`, quote("\x00\xff'\\"))
}

// Secrets are masked also in a body that is cut.
func TestMask(t *testing.T) {
	require.Equal(t, `{"password":"********","phone":"1"}`, mask(`{"password":"a\"b","phone":"1"}`))
	require.Equal(t, `{"password1" : "********"`, mask(`{"password1" : "abc`))
	require.Equal(t, `{"token":"********"}`, mask(`{"token":"ua_x"}`))
}
