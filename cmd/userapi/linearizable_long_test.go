//go:build long

package main

import (
	"testing"

	"userapi/internal/store/storetest"
)

func TestManyKilledProcessesAreLinearizable(t *testing.T) {
	requireLinearizable(t, 2, 20_000, nil)
}

func TestManyKilledNodesAreLinearizableOnPostgres(t *testing.T) {
	requireLinearizable(t, 3, 20_000, []string{"USERAPI_DATABASE=" + storetest.NewEmptyPostgres(t)})
}
