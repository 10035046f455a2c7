package httpapi_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
)

// JSON that the schema refuses is 422, and the answer has every fault.
func TestInvalidUpdate(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	before := s.DB.State(t)
	long := strings.Repeat("x", 200)
	email := func(address string) string { return fmt.Sprintf(`{"email":%q}`, address) }
	for name, c := range map[string]struct {
		body   string
		faults []string
	}{
		"null":             {`null`, []string{" not_null"}},
		"array":            {`[]`, []string{" type"}},
		"string":           {`"canary"`, []string{" type"}},
		"number":           {`1`, []string{" type"}},
		"deep value":       {strings.Repeat("[", 9000) + strings.Repeat("]", 9000), []string{" type"}},
		"deep member":      {`{"x":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`, []string{"/x unknown_member"}},
		"unknown":          {`{"is_actve":true}`, []string{"/is_actve unknown_member"}},
		"wrong case":       {`{"PASSWORD":"canary-canary"}`, []string{"/PASSWORD unknown_member"}},
		"both cases":       {`{"phone":"1","Phone":"canary"}`, []string{"/Phone unknown_member"}},
		"read-only":        {`{"user_id":2,"nick_name":"eve","version":1}`, []string{"/nick_name unknown_member", "/user_id unknown_member", "/version unknown_member"}},
		"empty name":       {`{"":1}`, []string{"/ unknown_member"}},
		"slash and tilde":  {`{"a/b~c":1}`, []string{"/a~1b~0c unknown_member"}},
		"long name":        {`{"` + long + `":1}`, []string{"/" + long[:64] + " unknown_member"}},
		"control in name":  {`{"a\u0000\u009fb":1}`, []string{"/a\uFFFD\uFFFDb unknown_member"}},
		"short password":   {`{"password":"canary7"}`, []string{"/password min_length"}},
		"long password":    {`{"password":"` + long[:129] + `"}`, []string{"/password max_length"}},
		"NUL in password":  {`{"password":"canary\u0000canary"}`, []string{"/password pattern"}},
		"long phone":       {`{"phone":"` + long[:33] + `"}`, []string{"/phone max_length"}},
		"NUL in phone":     {`{"phone":"1\u0000"}`, []string{"/phone pattern"}},
		"line in phone":    {`{"phone":"1\n"}`, []string{"/phone pattern"}},
		"C1 in phone":      {`{"phone":"1\u0085"}`, []string{"/phone pattern"}},
		"C1 in password":   {`{"password":"canary\u0080canary"}`, []string{"/password pattern"}},
		"C0 and C1":        {`{"phone":"\u0001\u009f"}`, []string{"/phone pattern"}},
		"long with C1":     {`{"phone":"\u0085` + long[:32] + `"}`, []string{"/phone max_length", "/phone pattern"}},
		"long enterprise":  {`{"enterprise_id":"` + long[:65] + `"}`, []string{"/enterprise_id max_length"}},
		"enterprise space": {`{"enterprise_id":"a b"}`, []string{"/enterprise_id pattern"}},
		"enterprise slash": {`{"enterprise_id":"a/b"}`, []string{"/enterprise_id pattern"}},
		"enterprise ü":     {`{"enterprise_id":"ü"}`, []string{"/enterprise_id pattern"}},
		"huge numbers":     {`{"is_active":1e999,"phone":-1e999,"email":"canary"}`, []string{"/email pattern", "/is_active type", "/phone type"}},
		"everything": {
			`{"password":"canary7","enterprise_id":null,"email":"canary","phone":1,"is_active":"canary","Is_active":null}`,
			[]string{
				"/Is_active unknown_member", "/email pattern", "/enterprise_id not_null",
				"/is_active type", "/password min_length", "/phone type",
			},
		},
		"display name":      {email("Canary <user@example.com>"), []string{"/email pattern"}},
		"angle brackets":    {email("<user@example.com>"), []string{"/email pattern"}},
		"quoted":            {`{"email":"\"us er\"@example.com"}`, []string{"/email pattern"}},
		"comment":           {email("user(canary)@example.com"), []string{"/email pattern"}},
		"space":             {email("us er@example.com"), []string{"/email pattern"}},
		"space around":      {email(" user@example.com "), []string{"/email pattern"}},
		"two @":             {email("user@canary@example.com"), []string{"/email pattern"}},
		"no @":              {email("user.example.com"), []string{"/email pattern"}},
		"no local part":     {email("@example.com"), []string{"/email pattern"}},
		"no domain":         {email("user@"), []string{"/email pattern"}},
		"two dots":          {email("us..er@example.com"), []string{"/email pattern"}},
		"dot at the start":  {email(".user@example.com"), []string{"/email pattern"}},
		"dots in domain":    {email("user@example..com"), []string{"/email pattern"}},
		"dash at the start": {email("user@-example.com"), []string{"/email pattern"}},
		"long label":        {email("user@" + long[:64] + ".com"), []string{"/email pattern"}},
		"address literal":   {email("user@[192.0.2.1]"), []string{"/email pattern"}},
		"list":              {email("a@example.com,b@example.com"), []string{"/email pattern"}},
		"line":              {`{"email":"user@example.com\n"}`, []string{"/email pattern"}},
		"header injection":  {`{"email":"user@example.com\r\nBcc: canary"}`, []string{"/email pattern"}},
		"NUL in e-mail":     {`{"email":"user\u0000@example.com"}`, []string{"/email pattern"}},
		"not ASCII":         {email("üser@example.com"), []string{"/email pattern"}},
		"long local part":   {email(long[:65] + "@example.com"), []string{"/email format"}},
		"255 characters":    {email("a@" + strings.Repeat("a.", 126) + "a"), []string{"/email max_length"}},
	} {
		t.Run(name, func(t *testing.T) {
			answer := s.Send(t, "PUT", ada.Path(), c.body)
			require.Equal(t, 422, answer.Status, answer.Body)
			require.Equal(t, c.faults, answer.Faults(t))
			require.NotContains(t, answer.Body, "canary")
		})
	}
	require.Equal(t, before, s.DB.State(t))
	require.NotContains(t, s.Log.String(), "canary")
}

func TestInvalidCreate(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	before := s.DB.State(t)
	for name, c := range map[string]struct {
		body   string
		faults []string
	}{
		"nothing": {`{}`, []string{"/enterprise_id required", "/nick_name required", "/password required"}},
		"nulls": {
			`{"nick_name":null,"password":null,"enterprise_id":null,"email":null,"phone":null,"origion":null,"is_active":null}`,
			[]string{"/email not_null", "/enterprise_id not_null", "/nick_name not_null", "/origion not_null", "/password not_null", "/phone not_null"},
		},
		"unknown":    {apitest.NewUser("default", "bob", `"role":"canary"`), []string{"/role unknown_member"}},
		"empty name": {apitest.NewUser("default", ""), []string{"/nick_name min_length", "/nick_name pattern"}},
		"origion":    {apitest.NewUser("default", "bob", `"origion":"`+strings.Repeat("x", 33)+`"`), []string{"/origion max_length"}},
	} {
		t.Run(name, func(t *testing.T) {
			answer := s.Send(t, "POST", "/openapi/v1/users", c.body)
			require.Equal(t, 422, answer.Status, answer.Body)
			require.Equal(t, c.faults, answer.Faults(t))
			require.NotContains(t, answer.Body, "canary")
		})
	}
	for _, name := range []string{
		"a b", "a/b", "a@b", "a\tb", "a\u00a0b", "a\u3000b", "a\u0085b", "a\u2028b", "a\u0000b",
		"a\u1680b", "a\u2000b", "a\u2007b", "a\u200ab", "a\u2029b", "a\u202fb", "a\u205fb", "a\u007fb", "a\u009fb", strings.Repeat("x", 65),
	} {
		answer := s.Send(t, "POST", "/openapi/v1/users", fmt.Sprintf(`{"nick_name":%s,"password":"correct horse","enterprise_id":"default"}`, quoteASCII(name)))
		require.Equal(t, 422, answer.Status, name)
	}
	require.Equal(t, before, s.DB.State(t))
}

// quoteASCII returns a string in JSON that is all ASCII.
func quoteASCII(s string) string {
	var text bytes.Buffer
	text.WriteByte('"')
	for _, r := range s {
		fmt.Fprintf(&text, `\u%04x`, r)
	}
	text.WriteByte('"')
	return text.String()
}

func TestLimitsOfValues(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	for _, body := range []string{
		`{"password":"` + strings.Repeat("😀", 128) + `"}`,
		`{"password":"8 chars."}`,
		`{"phone":"` + strings.Repeat("电", 32) + `"}`,
		`{"email":"` + "a@" + strings.Repeat("a.", 125) + "ab" + `"}`,
		`{"email":"` + strings.Repeat("x", 64) + `@localhost"}`,
		`{"email":"!#$%&'*+/=?^_{|}~-` + "`" + `.a@xn--bcher-kva.example"}`,
		`{"enterprise_id":"` + strings.Repeat("x", 64) + `"}`,
		`{"phone":"\ud83d\ude00\"\\\/"}`,
	} {
		answer := s.Send(t, "PUT", ada.Path(), body)
		require.Equal(t, 200, answer.Status, answer.Body)
	}
	require.Equal(t, 422, s.Send(t, "PUT", ada.Path(), `{"password":"`+strings.Repeat("😀", 129)+`"}`).Status)
	require.Equal(t, 422, s.Send(t, "PUT", ada.Path(), `{"password":"`+strings.Repeat("😀", 7)+`"}`).Status)
}

// If several things are wrong, the answer has the status that comes first in the contract.
func TestOrderOfStatuses(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	ada := s.CreateUser(t, "ada")
	as := apitest.Auth(s.CreateToken(t, ada))
	const text, nonsense, stale = "Content-Type: text/plain", "If-Match: nonsense", `If-Match: "9"`
	long := "{" + strings.Repeat(" ", 64<<10) + "}"
	for _, c := range []struct {
		status             int
		method, path, body string
		headers            []string
	}{
		{404, "PUT", "/nowhere", long, []string{apitest.NoAuth, text}},
		{405, "PATCH", ada.Path(), long, []string{apitest.NoAuth, text}},
		{401, "PUT", ada.Path(), long, []string{apitest.NoAuth, text, nonsense}},
		{415, "PUT", "/openapi/v1/users/x", long, []string{text, nonsense}},
		{413, "PUT", "/openapi/v1/users/x", long, []string{nonsense}},
		{400, "PUT", "/openapi/v1/users/x", "[]", []string{nonsense}},
		{400, "PUT", "/openapi/v1/users/x", "[", nil},
		{422, "PUT", "/openapi/v1/users/x", "[]", []string{stale}},
		{404, "PUT", people.First.Path(), `{"is_active":true}`, []string{as, stale}},
		{403, "PUT", ada.Path(), `{"is_active":true}`, []string{as, stale}},
		{412, "PUT", people.First.Path(), `{"is_active":null}`, []string{stale}},
		{409, "PUT", people.First.Path(), `{"is_active":null}`, nil},
	} {
		require.Equal(t, c.status, s.Send(t, c.method, c.path, c.body, c.headers...).Status, "%+v", c)
	}
}
