package httpapi_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// Every time in an answer has six fractional digits, also if they are zeros.
func TestTimesHaveOneLength(t *testing.T) {
	for fraction, digits := range map[time.Duration]string{
		0:                         "000000",
		time.Microsecond:          "000001",
		time.Millisecond:          "001000",
		100 * time.Millisecond:    "100000",
		120300 * time.Microsecond: "120300",
		999999999:                 "999999",
	} {
		clock := apitest.NewClock()
		clock.Advance(fraction)
		at := clock.Now().UTC().Format("2006-01-02T15:04:05.") + digits + "Z"
		expires := clock.Now().UTC().Add(apitest.TokenLife).Format("2006-01-02T15:04:05.") + digits + "Z"
		s := apitest.Start(t, apitest.Config{Clock: clock})
		ada := s.CreateUser(t, "ada")
		require.Equal(t, 201, appoint(t, s, ada.ID.String(), "default").Status)
		for _, path := range []string{ada.Path(), people.First.Path(), "/openapi/v1/users", "/openapi/v1/administrators"} {
			require.Contains(t, s.Send(t, "GET", path, "").Body, `"create_time":"`+at+`"`, path)
		}
		require.Contains(t, s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", "bob")).Body, `"create_time":"`+at+`"`)
		require.Contains(t, s.Send(t, "GET", ada.Path()+"/audit", "").Body, `"time":"`+at+`"`)
		logIn := s.LogIn(t, "default/ada", apitest.Password)
		require.Contains(t, logIn.Body, `"expires_at":"`+expires+`"`)
		require.Len(t, at, 27)
	}
}
