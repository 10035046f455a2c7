package conform_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/conform"
)

// The server itself has no faults, and nothing of the run is left.
func TestServerConforms(t *testing.T) {
	for seed := range uint64(3) {
		s := apitest.Start(t, apitest.Config{})
		before := s.DB.Rows(t)
		report, err := conform.Run(t.Context(), conform.Options{URL: s.URL, Token: s.Token, Seed: seed})
		require.NoError(t, err)
		for _, f := range report.Faults {
			t.Errorf("%s, %s (request %d, %d times)\n%s\nwanted (line %d): %s\ngot: %s", f.Operation, f.Rule, f.Request, f.Times, f.Curl, f.Line, f.Wanted, f.Got)
		}
		require.Equal(t, before, s.DB.Rows(t))
		t.Logf("%d requests in %s", report.Requests, report.Took)
		for _, o := range report.Operations {
			t.Logf("%s: %d requests, %d succeeded, %d rules", o.Operation, o.Requests, o.Succeeded, len(o.Rules))
		}
	}
}
