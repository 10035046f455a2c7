package contract

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFind(t *testing.T) {
	c, err := Load()
	require.NoError(t, err)
	for _, operation := range c.Operations() {
		require.Same(t, operation, c.Find(operation.Method, operation.Path))
	}
	for request, template := range map[[2]string]string{
		{"GET", "/openapi/v1/users/2"}:            "/openapi/v1/users/{user_id}",
		{"HEAD", "/openapi/v1/users/2"}:           "/openapi/v1/users/{user_id}",
		{"GET", "/openapi/v1/users/2%2F3"}:        "/openapi/v1/users/{user_id}",
		{"GET", "/openapi/v1/%75sers/%32"}:        "/openapi/v1/users/{user_id}",
		{"PUT", "/openapi/v1/users/x/changepwd"}:  "/openapi/v1/users/{user_id}/changepwd",
		{"GET", "/openapi/v1/users/changepwd"}:    "/openapi/v1/users/{user_id}",
		{"GET", "/openapi/v1/users/"}:             "",
		{"GET", "/openapi/v1/users/2/"}:           "",
		{"GET", "/openapi/v1/users//audit"}:       "",
		{"GET", "/openapi/v1/users%2F2"}:          "",
		{"GET", "/openapi/v1/Users/2"}:            "",
		{"PATCH", "/openapi/v1/users/2"}:          "",
		{"put", "/openapi/v1/users/2"}:            "",
		{"OPTIONS", "*"}:                          "",
		{"GET", "/"}:                              "",
		{"GET", "x/openapi/v1/users/2"}:           "",
		{"GET", "/openapi/v1/users/{user_id}/no"}: "",
	} {
		found := c.Find(request[0], request[1])
		if template == "" {
			require.Nil(t, found, request)
		} else {
			require.NotNil(t, found, request)
			require.Equal(t, template, found.Path)
		}
	}
}
