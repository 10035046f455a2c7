package mock_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/apitest"
	"userapi/internal/contract"
	"userapi/internal/mock"
)

// No password and no token is in the journal, wherever a client puts them.
func TestJournalMasks(t *testing.T) {
	a := start(t)
	a.DB.InsertPeopleWhoLogIn(t)
	a.emptyJournal(t)
	const secret = "s3cret-Pässword"
	path := people.First.Path()
	for _, body := range []string{
		`{"password":"SECRET"}`,
		`{"password":"SECRET","phone":"1"}`,
		`{"phone":"1","password":"SECRET","password":"SECRET2"}`,
		`{"\u0070assword":"SECRET"}`,
		`{"passw\u006Frd" : "s3cret-P\u00e4ssword"}`,
		`{"password":"SECRET`,
		`{"password":"SECRET"`,
		`{"password":SECRET}`,
		`{"password" "SECRET"}`,
		`{"password":["SECRET"],"phone":"1"}`,
		`{"password":{"password":"SECRET"}}`,
		`{"phone":{"password":"SECRET"}}`,
		`{"Password":"SECRET"}`,
		`{"passwrod":"SECRET"}`,
		`{"user":{"password":"SECRET"}}`,
		`[{"password":"SECRET"}]`,
		`"SECRET"`,
		`password=SECRET`,
		`{'password':'SECRET'}`,
		`{password:"SECRET"}`,
		`{"x":1,"password":"SECRET",}`,
		`{"phone":"SECRET","password":"SECRET"}`,
		`{"phone":"+SECRET.","password":"SECRET"}`,
		`{"SECRET":1,"password":"SECRET"}`,
		`{"p\u0061ssword":"SECRET","phone":"SECRET"}`,
		"\ufeff" + `{"password":"SECRET"}`,
		"{\"password\":\"\xffSECRET\"}",
		`{"phone":"\","password":"SECRET"}`,
		`{"phone":"` + strings.Repeat("1", contract.MaxBody) + `","password":"SECRET"}`,
		`{"password":"` + strings.Repeat("SECRET", contract.MaxBody) + `"}`,
	} {
		body = strings.ReplaceAll(body, "SECRET", secret)
		a.send(t, "PUT", path, body)
		a.send(t, "PUT", path, body, "Content-Type: text/plain")
		a.send(t, "PUT", path, body, apitest.NoAuth)
		a.send(t, "PUT", path, body, "Prefer: code=409")
		a.send(t, "PUT", path+"/nothing", body)
		a.send(t, "POST", "/openapi/v1/users", body)
	}
	a.send(t, "PUT", "/openapi/v1/changepwd", `{"password":"`+secret+`","password1":"`+secret+`"}`)
	a.send(t, "POST", "/openapi/v1/auth-token", `{"username":"`+people.User.Username()+`","password":"`+secret+`"}`, apitest.NoAuth)
	logIn := a.send(t, "POST", "/openapi/v1/auth-token", fmt.Sprintf(`{"username":%q,"password":%q}`, people.User.Username(), apitest.Password), apitest.NoAuth)
	require.Equal(t, 200, logIn.Status)
	var made struct{ Token string }
	require.NoError(t, json.Unmarshal([]byte(logIn.Body), &made))
	for _, request := range [][2]string{
		{"/openapi/v1/users/" + made.Token, "X: y"},
		{"/openapi/v1/users?access_token=" + made.Token, "X: y"},
		{"/openapi/v1/users?query=" + made.Token, "X: y"},
		{"/openapi/v1/users?query=%75a_" + made.Token[3:], "X: y"},
		{"/openapi/v1/%75a_" + made.Token[3:], "X: y"},
		{"/healthz", "X-Api-Key: " + made.Token},
		{"/healthz", "User-Agent: " + made.Token},
		{"/healthz", "Cookie: token=" + made.Token},
		{"/healthz", "Proxy-Authorization: Bearer " + made.Token},
		{"/healthz", "Authorization: " + made.Token},
		{"/healthz", "Authorization: Token " + made.Token},
		{"/healthz", "Authorization: bearer  " + made.Token},
		{"/healthz", "Authorization: Bearer\t" + made.Token},
		{"/healthz", "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("ada:"+secret))},
	} {
		a.send(t, "GET", request[0], "", request[1])
	}
	// A token that has no form of its own is known from the header of the same request.
	token := people.Admin.Token() + "-which-is-long"
	a.send(t, "GET", "/openapi/v1/users/"+token+"?page="+token+"&x="+token, "", apitest.Auth(token), "User-Agent: "+token)
	a.send(t, "PUT", path, `{"phone":"`+token+`"}`, "Authorization: Bearer "+token)

	// Another token in X-Request-Id, in the target and in the pointer of a fault is known, too.
	const odd = "odd/t~ken-0123456789"
	a.send(t, "GET", path, "", "Authorization: Token "+odd, "X-Request-Id: "+odd)
	a.send(t, "GET", path+"?page=1;token="+odd, "")
	a.send(t, "PUT", path, `{"password":"`+odd+`","`+odd+`":1}`)
	a.send(t, "DELETE", "/openapi/v1/auth-token/"+seedToken, "", apitest.NoAuth)

	for _, hidden := range []string{secret, odd, "odd~1t~0ken", seedToken, "SECRET2", made.Token[3:], token, apitest.Password, a.Token} {
		requireHidden(t, a.journal(t), hidden)
	}
	all := a.requests(t)
	require.Len(t, all, 6*30+3+14+2+4)
	require.Equal(t, `{"password":"***","phone":"1"}`, all[6].Body)
	require.Equal(t, `{"phone":"1","password":"***","password":"***"}`, all[12].Body)
	require.Equal(t, `{"\u0070assword":"***"}`, all[18].Body)
}

// The parts of a request that are no secrets are shown.
func TestJournalShowsWhatIsNoSecret(t *testing.T) {
	a := start(t)
	for sent, shown := range map[string]string{
		"Authorization: bearer  abc": "bearer  ***", "Authorization: abc": "***", "Authorization: Bearer": "Bearer", "Accept: text/x": "text/x",
		"Prefer: delay=0": "delay=0", "X-Own: abc": "***", "Authorization: Bearer x y": "Bearer ***", "Traceparent: 00-1-2-3": "00-1-2-3",
	} {
		a.send(t, "GET", "/healthz", "", sent)
		name, _, _ := strings.Cut(sent, ":")
		require.Equal(t, []string{shown}, a.last(t).Header[name])
	}
	for sent, shown := range map[string]string{
		`{"nickname":"x","isActive":null,"b":true,"n":1}`: `{"nickname":"***","isActive":null,"b":true,"n":"***"}`,
		`{"password":null,"phone":"password"}`:            `{"password":null,"phone":"password"}`,
		`{"password":"a","phone":"a"}`:                    `{"password":"***","phone":"a"}`,
		`{"phone":"\u0031","phone":[ 1 ]}`:                `{"phone":"\u0031","phone":"***"}`,
		`{"ph\u006fne":"1"}`:                              `{"ph\u006fne":"1"}`,
	} {
		a.send(t, "PUT", people.First.Path(), sent)
		require.Equal(t, shown, a.last(t).Body)
	}
	a.send(t, "GET", "/openapi/v1/users?page=1&pageSize=2&x&y=", "")
	require.Equal(t, "/openapi/v1/users?page=1&pageSize=***&x&y=", a.last(t).Target)
}

// requireHidden fails if a secret is anywhere in the journal, in whatever spelling JSON allows.
func requireHidden(t testing.TB, journal, secret string) {
	t.Helper()
	hide := func(text string) {
		t.Helper()
		if at := strings.Index(text, secret); at >= 0 {
			t.Fatalf("the journal shows a secret in %q", text[max(0, at-200):min(len(text), at+len(secret)+50)])
		}
	}
	hide(journal)
	var all any
	require.NoError(t, json.Unmarshal([]byte(journal), &all))
	var look func(value any)
	look = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			for name, member := range value {
				look(name)
				look(member)
				if text, isText := member.(string); isText && name == "body_base64" {
					raw, err := base64.StdEncoding.DecodeString(text)
					require.NoError(t, err)
					look(string(raw))
				}
			}
		case []any:
			for _, element := range value {
				look(element)
			}
		case string:
			hide(value)
			for name, member := range bodyStrings(value) {
				hide(name)
				hide(member)
			}
		}
	}
	look(all)
}

// bodyStrings returns the strings in a text that is JSON, decoded.
func bodyStrings(text string) map[string]string {
	var object map[string]any
	_ = json.Unmarshal([]byte(text), &object)
	found := map[string]string{}
	for name, value := range object {
		found[name] = fmt.Sprint(value)
	}
	return found
}

// FuzzJournalMasks searches the journal for a password that is in the body between bytes that may be anything, under a name whose
// letters may be escaped, and for a token in a header whose name may be anything.
func FuzzJournalMasks(f *testing.F) {
	described, err := contract.Load()
	require.NoError(f, err)
	const password, token = "qWx7-correct-horse", "zKv9-battery-staple"
	for i, before := range []string{`{`, `{"phone":"1",`, `{"phone":"\`, `{"phone":"x\"`, `[`, `{"email":{`, `{"email":[`, ``, "\xff{", `{'`, `{"phone":nul`, `{"phone":"1"}{`} {
		for _, after := range []string{`}`, `,"phone":"2"}`, ``, `"`, `}}`, `]`, `,"password":null}`} {
			f.Add(before, after, uint16(i*321), "Authorization", "Bearer ", "", uint8(i), false)
		}
	}
	f.Add(`{`, `}`, uint16(0), "X-Api-Key", "", "page", uint8(1), true)
	f.Add(`{`, `}`, uint16(0), "authorization", "Basic ", "access_token", uint8(2), false)
	f.Add(`{`, `}`, uint16(0xffff), "Authorization", "", "query", uint8(0), false)
	f.Fuzz(func(t *testing.T, before, after string, escaped uint16, header, scheme, parameter string, operation uint8, quotes bool) {
		if strings.Contains(before+after, "orse") || strings.Contains(before+after, "taple") || strings.Contains(before+after, `\u00`) {
			t.Skip("the bytes around the password have a part of it")
		}
		name := ""
		for i, letter := range "password" {
			if escaped>>i&1 == 1 {
				name += fmt.Sprintf(`\u%04x`, letter)
			} else {
				name += string(letter)
			}
		}
		value := `"` + password + `"`
		if quotes {
			value = password
		}
		body := before + `"` + name + `":` + value + after
		operations := []string{"PUT /openapi/v1/users/2", "POST /openapi/v1/users", "PUT /openapi/v1/changepwd", "POST /openapi/v1/auth-token", "POST /nothing"}
		method, path, _ := strings.Cut(operations[int(operation)%len(operations)], " ")
		request := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		request.Header[http.CanonicalHeaderKey(header)] = []string{scheme + token}
		if !strings.EqualFold(header, "Authorization") {
			request.Header["Authorization"] = []string{"Bearer " + token}
		}
		request.URL.RawQuery = parameter + "=" + token
		request.RequestURI = path + "?" + request.URL.RawQuery

		journal, ops := mock.NewJournal(described), http.NewServeMux()
		journal.Register(ops)
		journal.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() { w.WriteHeader(http.StatusNoContent) }()
			for buffer := make([]byte, 4096); ; {
				if _, err := r.Body.Read(buffer); err != nil {
					return
				}
			}
		})).ServeHTTP(httptest.NewRecorder(), request)
		listed := httptest.NewRecorder()
		ops.ServeHTTP(listed, httptest.NewRequestWithContext(t.Context(), "GET", "/requests", nil))
		requireHidden(t, listed.Body.String(), password)
		requireHidden(t, listed.Body.String(), token)
	})
}
