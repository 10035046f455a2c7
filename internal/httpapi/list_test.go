package httpapi_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/gen/client"
	"userapi/internal/apitest"
)

// listNames reads a page of users and returns their nick names.
func listNames(t *testing.T, s *apitest.Server, path string, headers ...string) (names []string, total int64) {
	t.Helper()
	return readPage(t, s, path, func(user client.UserInfo) string { return user.NickName }, headers...)
}

func TestListUsers(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	names, total := listNames(t, s, "/openapi/v1/users")
	require.Equal(t, []string{"admin"}, names)
	require.EqualValues(t, 1, total)
	first := s.CreateUser(t, "n00")
	for i := range 23 {
		s.CreateUser(t, fmt.Sprintf("n%02d", i+1))
	}
	names, total = listNames(t, s, "/openapi/v1/users")
	require.Len(t, names, 10, "page_size is 10 by default")
	require.Equal(t, "admin", names[0])
	require.EqualValues(t, 25, total)
	names, total = listNames(t, s, "/openapi/v1/users?page=3")
	require.Equal(t, []string{"n19", "n20", "n21", "n22", "n23"}, names)
	require.EqualValues(t, 25, total)
	names, _ = listNames(t, s, "/openapi/v1/users?page=2&page_size=1")
	require.Equal(t, []string{"n00"}, names)
	names, _ = listNames(t, s, "/openapi/v1/users?page_size=100")
	require.Len(t, names, 25)
	for _, behind := range []string{"4", "2147483647"} {
		names, total = listNames(t, s, "/openapi/v1/users?page_size=100&page="+behind)
		require.Empty(t, names)
		require.EqualValues(t, 25, total)
	}
	second := s.Send(t, "GET", "/openapi/v1/users?page_size=1&page=2", "")
	read := s.Send(t, "GET", first.Path(), "")
	require.JSONEq(t, `{"users":[`+read.Body+`],"total":25}`, second.Body, "a list shows the same members as getUser")
}

// A query finds its text in names, e-mail addresses and phones. It has no special characters.
func TestListUsersWithQuery(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "Stra\u00dfe", `"email":"Upper.Case@Example.com"`, `"phone":"+44 B\u00dcro"`)
	percent := s.CreateUser(t, "100%", `"phone":"_7_"`)
	s.CreateUser(t, "'quoted'", `"email":"o'hara@example.org"`)
	s.CreateUser(t, `\back`, `"origion":"example"`)
	for query, want := range map[string][]string{
		"":             {"admin", "Stra\u00dfe", "100%", "'quoted'", `\back`},
		"straSSe":      {"Stra\u00dfe"},
		"tra\u1e9ee":   {"Stra\u00dfe"},
		"PER.case@E":   {"Stra\u00dfe"},
		"EXAMPLE":      {"Stra\u00dfe", "'quoted'"},
		"bu\u0308ro":   {"Stra\u00dfe"},
		"B\u00dcRO":    {"Stra\u00dfe"},
		"+44":          {"Stra\u00dfe"},
		"%":            {"100%"},
		"_":            {"100%"},
		"_7":           {"100%"},
		"0%":           {"100%"},
		"'":            {"'quoted'"},
		"' OR 1=1 --":  {},
		`\`:            {`\back`},
		"default":      {},
		"argon2id":     {},
		"nobody":       {},
		"example.com ": {},
	} {
		names, total := listNames(t, s, "/openapi/v1/users?query="+url.QueryEscape(query))
		require.Equal(t, want, names, query)
		require.EqualValues(t, len(want), total)
	}
	require.Equal(t, 200, s.Send(t, "PUT", percent.Path(), `{"phone":"Wei\u00df"}`).Status)
	names, _ := listNames(t, s, "/openapi/v1/users?query=WEISS")
	require.Equal(t, []string{"100%"}, names)
	names, total := listNames(t, s, "/openapi/v1/users?query=a&page_size=1&page=2")
	require.Equal(t, []string{"Stra\u00dfe"}, names)
	require.EqualValues(t, 4, total, "the total counts all matches, not only those on the page")
}

// namesOf returns the nick names of these people.
func namesOf(people ...apitest.Person) (names []string) {
	for _, p := range people {
		names = append(names, p.Name)
	}
	return names
}

// Lists show administrators their own enterprise, without system administrators.
func TestListsShowWhatIsSeen(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.DB.InsertPeople(t)
	as := people.Admin.Auth()
	administrators, foreign := namesOf(people.Admin, people.OtherAdmin), namesOf(people.ForeignAdmin, people.OtherForeignAdmin)
	own := namesOf(people.User, people.OtherUser, people.Admin, people.OtherAdmin)
	names, total := listNames(t, s, "/openapi/v1/users", as)
	require.Equal(t, own, names)
	require.EqualValues(t, 4, total)
	names, total = listNames(t, s, "/openapi/v1/users?query="+people.System.Name, as)
	require.Empty(t, names, "administrators do not see system administrators")
	require.Zero(t, total)
	names, _ = listNames(t, s, "/openapi/v1/users?query="+people.ForeignUser.Name, as)
	require.Empty(t, names, "administrators do not see other enterprises")
	for _, path := range []string{"/openapi/v1/administrators", "/openapi/v1/administrators?eid=default"} {
		names, total = listNames(t, s, path, as)
		require.Equal(t, administrators, names)
		require.EqualValues(t, 2, total)
	}

	names, total = listNames(t, s, "/openapi/v1/users")
	require.Equal(t, namesOf(append([]apitest.Person{people.First}, people.Inserted()...)...), names)
	require.EqualValues(t, 10, total)
	names, _ = listNames(t, s, "/openapi/v1/administrators")
	require.Equal(t, slices.Concat(administrators, foreign), names)
	names, total = listNames(t, s, "/openapi/v1/administrators?eid=other&page_size=1&page=2")
	require.Equal(t, namesOf(people.OtherForeignAdmin), names)
	require.EqualValues(t, 2, total)
	s.Appoint(t, s.CreateUserIn(t, "another", "last"))
	names, _ = listNames(t, s, "/openapi/v1/administrators")
	require.Equal(t, slices.Concat(administrators, foreign, []string{"last"}), names, "users are sorted by number, not by enterprise")
	names, total = listNames(t, s, "/openapi/v1/administrators?eid=nowhere")
	require.Empty(t, names)
	require.Zero(t, total)
}

// A parameter that its schema refuses is 422, and the fault names it.
func TestQueryParametersAreChecked(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for query, fault := range map[string]string{
		"page=abc":                          "page type",
		"page=":                             "page type",
		"page=1.0":                          "page type",
		"page=1e0":                          "page type",
		"page=%2B1":                         "page type",
		"page=01":                           "page type",
		"page=0x1":                          "page type",
		"page=%201":                         "page type",
		"page=0":                            "page minimum",
		"page=-1":                           "page minimum",
		"page=2147483648":                   "page maximum",
		"page=99999999999999999999":         "page maximum",
		"page_size=0":                       "page_size minimum",
		"page_size=101":                     "page_size maximum",
		"page=1&page=1":                     "page repeated",
		"query=a&query=b":                   "query repeated",
		"query=%00":                         "query pattern",
		"query=%0A":                         "query pattern",
		"query=%FF":                         "query syntax",
		"query=" + strings.Repeat("x", 255): "query max_length",
		"query=%zz":                         "- syntax",
		"a;b":                               "- syntax",
	} {
		answer := s.Send(t, "GET", "/openapi/v1/users?"+query, "")
		require.Equal(t, 422, answer.Status, query)
		faults := answer.Problem(t).Errors
		require.Len(t, faults, 1)
		name := "-"
		if faults[0].Parameter != nil {
			name = *faults[0].Parameter
		}
		require.Equal(t, fault, name+" "+string(faults[0].Code), query)
		require.Empty(t, faults[0].Pointer)
	}
	all := s.Send(t, "GET", "/openapi/v1/users?page=x&page_size=0&query=%0A", "")
	named := []string{}
	for _, fault := range all.Problem(t).Errors {
		named = append(named, *fault.Parameter)
	}
	require.Equal(t, []string{"page", "page_size", "query"}, named, "the answer has all faults in a fixed order")
	require.Equal(t, 422, s.Send(t, "GET", "/openapi/v1/administrators?eid=a/b", "").Status)
	require.Equal(t, 422, s.Send(t, "GET", people.First.Path()+"/audit?page=0", "").Status)
	require.Equal(t, 200, s.Send(t, "GET", "/openapi/v1/users?unknown=1&unknown=2", "", "Content-Type: text/plain").Status)
}

// Reading page after page while others insert users shows no user twice.
func TestPagingWhileOthersInsert(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for i := range 20 {
		s.CreateUser(t, fmt.Sprintf("before%d", i))
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				s.Send(t, "POST", "/openapi/v1/users", apitest.NewUser("default", fmt.Sprintf("during%d", i)))
			}
		}
	}()
	defer func() {
		close(stop)
		<-stopped
	}()
	for range 5 {
		seen := map[string]bool{}
		for page := 1; ; page++ {
			names, total := listNames(t, s, fmt.Sprintf("/openapi/v1/users?page=%d&page_size=3", page))
			require.LessOrEqual(t, len(names), 3)
			if len(names) == 0 {
				require.LessOrEqual(t, total, int64(3*page))
				break
			}
			for _, name := range names {
				require.False(t, seen[name], name)
				seen[name] = true
			}
			if page > 12 {
				break // users may be inserted as fast as pages are read
			}
		}
		for i := range 20 {
			require.True(t, seen[fmt.Sprintf("before%d", i)])
		}
	}
}
