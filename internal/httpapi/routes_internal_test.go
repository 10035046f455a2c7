package httpapi

import (
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"userapi/internal/contract"
)

// A server does not start if its routes and the contract differ.
func TestRoutesAreTheContracts(t *testing.T) {
	c, err := contract.Load()
	require.NoError(t, err)
	r := newRoutes(c)
	require.ErrorContains(t, r.covers(nil), "has no route")
	require.ErrorContains(t, r.covers([]*echo.Route{{Method: "GET", Path: "/x"}}), "is not in the contract")
}
