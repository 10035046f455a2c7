package httpapi_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/directory"
)

// thiefsPassword is the only password that the thief knows.
const thiefsPassword = "the thief's own"

// mallory is the user whom the thief can create. The number is the first free one of the Cast.
var mallory = apitest.Person{ID: 11, Name: "mallory", Role: directory.RoleUser, Enterprise: "default"}

// theft is what a thief can do with the old log-in token of an administrator.
type theft struct {
	server *apitest.Server
	victim apitest.Person
	gained string // a token from a log-in with the thief's password; "": none
}

// step is one request of the thief.
type step struct {
	name, method, path, body string
	gained                   bool           // sends the token that was gained instead of the stolen one
	logIn                    apitest.Person // logs in as this person; zero: the request above
}

// reset puts everyone back, and makes the victim's token one from a log-in of 1970.
func (f *theft) reset(t *testing.T) {
	t.Helper()
	f.server.DB.InsertPeopleWhoLogIn(t)
	f.server.DB.SetTokenKind(t, f.victim, directory.TokenLogIn)
	f.gained = ""
}

// take runs a step, and reports whether it succeeded.
func (f *theft) take(t *testing.T, s step) bool {
	t.Helper()
	if s.logIn.ID != 0 {
		answer := f.server.LogIn(t, s.logIn.Username(), thiefsPassword)
		if answer.Status == 200 {
			f.gained = answer.Token(t)
		}
		return answer.Status == 200
	}
	token := f.victim.Token()
	if s.gained {
		if token = f.gained; token == "" {
			return false
		}
	}
	return f.server.Send(t, s.method, s.path, s.body, apitest.Auth(token)).Status < 300
}

// requireNothingTaken fails if the thief can act as an administrator with the password that the thief knows.
func (f *theft) requireNothingTaken(t *testing.T, chain []step) {
	t.Helper()
	for _, p := range []apitest.Person{people.Admin, people.OtherAdmin, people.System} {
		require.Equal(t, 401, f.server.LogIn(t, p.Username(), thiefsPassword).Status, "%s was taken by %+v", p.Name, chain)
	}
	if f.gained != "" {
		answer := f.server.Send(t, "GET", "/openapi/v1/administrators", "", apitest.Auth(f.gained))
		require.Contains(t, []int{401, 403}, answer.Status, "an administrator was made by %+v", chain)
	}
}

// walk tries every chain of up to length more steps after this one.
func (f *theft) walk(t *testing.T, steps, chain []step, length int) (tried int) {
	t.Helper()
	repeat := func() {
		f.reset(t)
		for _, s := range chain {
			require.True(t, f.take(t, s), "%+v", chain)
		}
	}
	repeat()
	for _, s := range steps {
		tried++
		if !f.take(t, s) {
			continue // nothing has changed, so no longer chain begins with this
		}
		longer := append(slices.Clone(chain), s)
		f.requireNothingTaken(t, longer)
		if length > 1 {
			tried += f.walk(t, steps, longer, length-1)
		}
		repeat()
	}
	return tried
}

// thiefsSteps returns all that the thief may try.
func thiefsSteps() []step {
	steps := []step{
		{name: "create", method: "POST", path: "/openapi/v1/users", body: fmt.Sprintf(
			`{"nick_name":%q,"password":%q,"enterprise_id":%q}`, mallory.Name, thiefsPassword, mallory.Enterprise)},
		{name: "own password", method: "PUT", path: "/openapi/v1/changepwd", body: apitest.NewPassword(thiefsPassword)},
		{name: "log out", method: "DELETE", path: "/openapi/v1/auth-token"},
	}
	for _, p := range []apitest.Person{people.User, mallory, people.Admin, people.OtherAdmin, people.System} {
		steps = append(steps,
			step{name: "password", method: "PUT", path: p.Path() + "/changepwd", body: p.NewPassword(thiefsPassword)},
			step{name: "appoint", method: "POST", path: "/openapi/v1/administrators", body: p.Appointment(p.Enterprise)},
			step{name: "dismiss", method: "DELETE", path: p.AdministratorPath()},
			step{name: "delete", method: "DELETE", path: p.Path()},
		)
		for member, value := range map[string]string{
			"password": `"` + thiefsPassword + `"`, "email": fmt.Sprintf(`"thief%d@example.com"`, p.ID),
			"phone": `"1"`, "is_active": "null", "enterprise_id": `"other"`,
		} {
			steps = append(steps, step{name: "set " + member, method: "PUT", path: p.Path(), body: fmt.Sprintf(`{%q:%s}`, member, value)})
		}
	}
	for _, s := range slices.Clone(steps) {
		s.gained = true
		steps = append(steps, s)
	}
	for _, p := range []apitest.Person{people.User, mallory} { // requireNothingTaken logs in as the others
		steps = append(steps, step{name: "log in", logIn: p})
	}
	return steps
}

// A thief with a token from an old log-in of an administrator or a system administrator becomes
// neither that person nor another administrator, by any chain of three operations.
func TestStolenTokensTakeNoAccount(t *testing.T) {
	for name, victim := range map[string]apitest.Person{"administrator": people.Admin, "system administrator": people.System} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &theft{server: apitest.Start(t, apitest.Config{}), victim: victim}
			t.Log(f.walk(t, thiefsSteps(), nil, 3), "requests were tried")
		})
	}
}
