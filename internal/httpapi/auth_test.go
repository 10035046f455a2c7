package httpapi_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/gen/client"
	"userapi/internal/directory"
	"userapi/internal/httpapi/apitest"
)

func TestAuthorizationHeader(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for _, accepted := range []string{"TOKEN", "Bearer TOKEN", "bearer TOKEN", "BEARER   TOKEN"} {
		answer := s.Send(t, "GET", "/openapi/v1/users/1", "", "Authorization: "+strings.Replace(accepted, "TOKEN", s.Token, 1))
		require.Equal(t, 200, answer.Status, accepted)
	}
	for _, refused := range [][]string{
		{"Authorization:"},
		{"Authorization: Bearer"},
		{"Authorization: Bearer wrong"},
		{"Authorization: wrong"},
		{"Authorization: Basic TOKEN"},
		{"Authorization: Bearer Bearer TOKEN"},
		{"Authorization: Bearer TOKENx"},
		{"Authorization: Bearer TOKEN", "Authorization: Bearer TOKEN"},
		{"Authorization: Bearer TOKEN, Bearer TOKEN"},
		{"Authorization: Bearer " + strings.Repeat("x", 8000)},
		{"Authorization:", "X-Api-Key: TOKEN"},
	} {
		for i := range refused {
			refused[i] = strings.ReplaceAll(refused[i], "TOKEN", s.Token)
		}
		answer := s.Send(t, "GET", "/openapi/v1/users/1", "", refused...)
		require.Equal(t, 401, answer.Status, refused)
		require.Equal(t, "Bearer", answer.Header.Get("WWW-Authenticate"))
		require.NotContains(t, answer.Body, s.Token)
	}
	require.Equal(t, 401, s.Send(t, "GET", "/openapi/v1/users/1?access_token="+s.Token, "", "Authorization:").Status)
	require.Equal(t, 401, s.Send(t, "PUT", "/openapi/v1/users/1", "not read", "Authorization:", "Content-Type: x").Status)
}

// A token counts only while it lives and its owner is active.
func TestTokensEnd(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Now().Unix())
	s := apitest.Start(t, apitest.Config{Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	s.CreateUser(t, "ada")
	status := func(token string) int {
		return s.Send(t, "GET", "/openapi/v1/users/2", "", "Authorization: "+token).Status
	}
	put := func(body string) {
		t.Helper()
		require.Equal(t, 200, s.Send(t, "PUT", "/openapi/v1/users/2", body).Status)
	}

	short, _, err := s.Service.CreateToken(t.Context(), 2, "short", time.Minute)
	require.NoError(t, err)
	require.Equal(t, 200, status(short))
	now.Add(59)
	require.Equal(t, 200, status(short))
	now.Add(1)
	require.Equal(t, 401, status(short))

	for _, state := range []string{"false", "null"} {
		token := s.TokenOf(t, 2)
		require.Equal(t, 200, status(token))
		put(`{"is_active":` + state + `}`)
		require.Equal(t, 401, status(token))
		inactive := s.TokenOf(t, 2)
		require.Equal(t, 401, status(inactive), "made for a user who may not use it")
		put(`{"is_active":true}`)
		require.Equal(t, 401, status(token), "ended for good")
	}

	token := s.TokenOf(t, 2)
	put(`{"email":"ada@example.com","phone":"1","enterprise_id":"other","is_active":true}`)
	require.Equal(t, 200, status(token))
	put(`{"password":"new password"}`)
	require.Equal(t, 401, status(token), "another changed the password")

	own, sibling := s.TokenOf(t, 2), s.TokenOf(t, 2)
	answer := s.Send(t, "PUT", "/openapi/v1/users/2", `{"password":"new password"}`, "Authorization: "+own)
	require.Equal(t, 200, answer.Status)
	require.Equal(t, 200, status(own), "the token that was used stays")
	require.Equal(t, 401, status(sibling))

	require.NoError(t, s.Service.RevokeToken(t.Context(), tokenID(t, s, 2)))
	require.Equal(t, 401, status(own))
	require.Equal(t, 200, s.Send(t, "GET", "/openapi/v1/users/1", "").Status)
}

func tokenID(t *testing.T, s *apitest.Server, user directory.UserID) int64 {
	t.Helper()
	tokens, err := s.Service.Store.Tokens(t.Context(), user)
	require.NoError(t, err)
	require.Len(t, tokens, 1)
	return tokens[0].ID
}

// Tokens are stored as SHA-256, passwords as argon2id.
func TestTokensAndPasswordsAreHashed(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	db := s.SQL(t)
	require.Equal(t, "blob 32", apitest.Value(t, db, `SELECT typeof(hash) || ' ' || length(hash) FROM tokens`))
	s.CreateUser(t, "ada")
	require.Regexp(t, `^\$argon2id\$`, apitest.Value(t, db, `SELECT password_hash FROM users WHERE id = 2`))
	require.Regexp(t, `^ua_[A-Za-z0-9_-]{43}$`, s.Token)
}

func TestWhoMayDoWhat(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	s.CreateUser(t, "ada")
	s.CreateUser(t, "bob")
	as := "Authorization: " + s.TokenOf(t, 2)

	require.Equal(t, 200, s.Send(t, "GET", "/openapi/v1/users/2", "", as).Status)
	own := s.Send(t, "PUT", "/openapi/v1/users/2", `{"email":"ada@example.com","phone":"1"}`, as)
	require.Equal(t, 200, own.Status)

	missing := s.Send(t, "GET", "/openapi/v1/users/99", "", as)
	for _, id := range []string{"1", "3"} {
		for _, method := range []string{"GET", "PUT"} {
			answer := s.Send(t, method, "/openapi/v1/users/"+id, "", as)
			require.Equal(t, 404, answer.Status)
			require.Equal(t, withoutID(t, missing), withoutID(t, answer))
		}
		require.Equal(t, 404, s.Send(t, "PUT", "/openapi/v1/users/"+id, `{"is_active":true,"password":"new password"}`, as).Status)
	}

	for body, faults := range map[string][]string{
		`{"is_active":true}`:                                  {"/is_active not_allowed"},
		`{"enterprise_id":"other"}`:                           {"/enterprise_id not_allowed"},
		`{"phone":"2","is_active":null}`:                      {"/is_active not_allowed"},
		`{"password":"new password","enterprise_id":"other"}`: {"/enterprise_id not_allowed"},
		`{"enterprise_id":"x","is_active":false,"phone":"2"}`: {"/enterprise_id not_allowed", "/is_active not_allowed"},
	} {
		answer := s.Send(t, "PUT", "/openapi/v1/users/2", body, as, `If-Match: "1"`)
		require.Equal(t, 403, answer.Status, "403 comes before 412")
		require.Equal(t, faults, answer.Faults(t))
	}
	require.JSONEq(t, own.Body, s.Send(t, "PUT", "/openapi/v1/users/2", "{}", as).Body, "one forbidden member refuses all")

	created := s.Send(t, "POST", "/openapi/v1/users", newUser+`}`, as)
	require.Equal(t, 403, created.Status)
	require.Equal(t, 422, s.Send(t, "POST", "/openapi/v1/users", `{}`, as).Status, "422 comes before 403")
}

func TestNobodyDeactivatesOneself(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	for _, state := range []string{"false", "null"} {
		answer := s.Send(t, "PUT", "/openapi/v1/users/1", fmt.Sprintf(`{"phone":"1","is_active":%s}`, state))
		require.Equal(t, 409, answer.Status)
		require.Equal(t, "own_account", string(answer.Problem(t).Code))
		require.Equal(t, []string{"/is_active not_allowed"}, answer.Faults(t))
	}
	require.Equal(t, 412, s.Send(t, "PUT", "/openapi/v1/users/1", `{"is_active":null}`, `If-Match: "9"`).Status, "412 comes before 409")
	answer := s.Send(t, "PUT", "/openapi/v1/users/1", `{"is_active":true,"enterprise_id":"moved"}`)
	require.Equal(t, 200, answer.Status)
	require.JSONEq(t, `{"enterprise_id":"moved","phone":"","is_active":true}`, answer.Body)
}

// What the actor was when the request came in no longer counts when it is carried out.
func TestRightsAreReadInTheUnit(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile string
		put, post int
	}{
		"token ended":       {`DELETE FROM tokens WHERE user_id = 1`, 401, 401},
		"token expired":     {`UPDATE tokens SET expires = 1 WHERE user_id = 1`, 401, 401},
		"actor deactivated": {`UPDATE users SET is_active = 0 WHERE id = 1`, 401, 401},
		"actor undecided":   {`UPDATE users SET is_active = NULL WHERE id = 1`, 401, 401},
		"role lost":         {`UPDATE users SET role = 'user' WHERE id = 1`, 404, 403},
		"target gone":       {`DELETE FROM users WHERE id = 2`, 404, 201},
		"target changed":    {`UPDATE users SET version = 2 WHERE id = 2`, 412, 201},
	} {
		for _, method := range []string{"PUT", "POST"} {
			t.Run(name+" "+method, func(t *testing.T) {
				held := newHeldHasher()
				s := apitest.Start(t, apitest.Config{Hasher: held})
				db := s.SQL(t)
				apitest.Exec(t, db, `INSERT INTO users (version, nick_name, nick_name_folded, enterprise_id, role, phone, create_time)
					VALUES (1, 'ada', 'ada', 'default', 'user', '1', 0)`)
				answered := make(chan apitest.Answer)
				go func() {
					if method == "PUT" {
						answered <- s.Send(t, "PUT", "/openapi/v1/users/2", `{"password":"new password"}`, `If-Match: "1"`)
						return
					}
					answered <- s.Send(t, "POST", "/openapi/v1/users", newUser+`}`)
				}()
				held.wait(t)
				apitest.Exec(t, db, c.meanwhile)
				close(held.release)
				want := map[string]int{"PUT": c.put, "POST": c.post}[method]
				require.Equal(t, want, (<-answered).Status)
				if want != 201 {
					require.Equal(t, "0", apitest.Value(t, db, `SELECT count(*) FROM users WHERE password_hash IS NOT NULL`))
					require.Equal(t, "1", apitest.Value(t, db, `SELECT count(*) FROM events`))
				}
			})
		}
	}
}

// A token that expires while its request waits no longer counts.
func TestClockIsReadInTheUnit(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Now().Unix())
	held := newHeldHasher()
	s := apitest.Start(t, apitest.Config{Hasher: held, Now: func() time.Time { return time.Unix(now.Load(), 0) }})
	token, _, err := s.Service.CreateToken(t.Context(), 1, "short", time.Minute)
	require.NoError(t, err)
	answered := make(chan apitest.Answer)
	go func() {
		answered <- s.Send(t, "PUT", "/openapi/v1/users/1", `{"password":"new password"}`, "Authorization: "+token)
	}()
	held.wait(t)
	now.Add(3600)
	close(held.release)
	require.Equal(t, 401, (<-answered).Status)
}

// Nobody makes the server hash a password for an update that is refused anyway.
func TestRefusedUpdatesAreNotHashed(t *testing.T) {
	s := apitest.Start(t, apitest.Config{Hasher: panickingHasher{}})
	db := s.SQL(t)
	apitest.Exec(t, db, `INSERT INTO users (version, nick_name, nick_name_folded, enterprise_id, role, phone, is_active, create_time)
		VALUES (1, 'ada', 'ada', 'default', 'user', '1', 1, 0)`)
	as := "Authorization: " + s.TokenOf(t, 2)
	const body = `{"password":"new password"}`
	require.Equal(t, 404, s.Send(t, "PUT", "/openapi/v1/users/9", body).Status)
	require.Equal(t, 404, s.Send(t, "PUT", "/openapi/v1/users/1", body, as).Status)
	require.Equal(t, 403, s.Send(t, "PUT", "/openapi/v1/users/2", `{"password":"new password","is_active":true}`, as).Status)
	require.Equal(t, 412, s.Send(t, "PUT", "/openapi/v1/users/2", body, `If-Match: "9"`).Status)
	require.Equal(t, 403, s.Send(t, "POST", "/openapi/v1/users", newUser+`}`, as).Status)
}

func TestCreateUser(t *testing.T) {
	s := apitest.Start(t, apitest.Config{TrustedProxies: []string{"127.0.0.1"}})
	answer := s.Send(t, "POST", "/openapi/v1/users",
		newUser+`,"email":"Bob@Example.com","phone":"1","origion":"","is_active":null}`, "X-Forwarded-For: 192.0.2.7")
	require.Equal(t, 201, answer.Status, answer.Body)
	require.Equal(t, "/openapi/v1/users/2", answer.Header.Get("Location"))
	read := s.Send(t, "GET", answer.Header.Get("Location"), "")
	require.JSONEq(t, answer.Body, read.Body)

	info, err := s.Client(t, s.Token).GetUserWithResponse(t.Context(), "2", nil)
	require.NoError(t, err)
	got := info.JSON200
	require.NotNil(t, got)
	require.WithinDuration(t, time.Now(), got.CreateTime, time.Minute)
	require.Equal(t, time.UTC, got.CreateTime.Location())
	got.CreateTime = time.Time{}
	want := client.UserInfo{UserID: 2, NickName: "bob", EnterpriseID: "default", Phone: "1"}
	want.Email.Set("Bob@Example.com")
	want.Origion.Set("")
	want.IsActive.SetNull()
	want.ClientIP.Set("192.0.2.7")
	require.Equal(t, want, *got)

	minimal := s.Send(t, "POST", "/openapi/v1/users", `{"nick_name":"cy","password":"correct horse","enterprise_id":"default"}`)
	require.Equal(t, 201, minimal.Status)
	require.Contains(t, minimal.Body, `"is_active":true`)
	require.Equal(t, true, apitest.Contract().Components.Schemas["CreateUser"].Value.Properties["is_active"].Value.Default)
	require.Contains(t, minimal.Body, `"email":null`)
	require.Contains(t, minimal.Body, `"origion":null`)
	require.Contains(t, minimal.Body, `"client_ip":"127.0.0.1"`)
}

// A name is taken in its enterprise in any letter case and composition, nowhere else.
func TestNickNames(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	create := func(name, enterprise string) int {
		t.Helper()
		answer := s.Send(t, "POST", "/openapi/v1/users",
			fmt.Sprintf(`{"nick_name":%q,"password":"correct horse","enterprise_id":%q}`, name, enterprise))
		if answer.Status == 409 {
			require.Equal(t, []string{"/nick_name taken"}, answer.Faults(t))
			require.NotContains(t, answer.Body, name)
		}
		return answer.Status
	}
	require.Equal(t, 201, create("Stra\u00dfe\u00c9", "default"))
	for _, same := range []string{"Stra\u00dfe\u00c9", "STRASSE\u00c9", "strasse\u00e9", "strassee\u0301", "STRASSEE\u0301"} {
		require.Equal(t, 409, create(same, "default"), same)
	}
	require.Equal(t, 201, create("strasse", "default"))
	require.Equal(t, 201, create("\u1f84", "default"))
	require.Equal(t, 409, create("\u03b1\u0345\u0313\u0301", "default"), "canonically equivalent")
	require.Equal(t, 201, create("strasse\u00e9", "Default"))
	require.Equal(t, 409, create("ADMIN", "default"))
	require.Equal(t, 201, create(strings.Repeat("\u00e9", 64), "default"))
}

// The number of a user who is gone is not given again, and user 1 is not made anew.
func TestNumbersAreNeverUsedAgain(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	require.EqualValues(t, 2, s.CreateUser(t, "ada").UserID)
	require.EqualValues(t, 3, s.CreateUser(t, "bob").UserID)
	db := s.SQL(t)
	s.TokenOf(t, 3)
	apitest.Exec(t, db, `DELETE FROM users WHERE id = 3`)
	require.Equal(t, "0", apitest.Value(t, db, `SELECT count(*) FROM tokens WHERE user_id = 3`))
	require.EqualValues(t, 4, s.CreateUser(t, "bob").UserID)

	apitest.Exec(t, db, `DELETE FROM users WHERE id = 1`)
	started, err := s.Service.Start(t.Context(), strings.Repeat("operator", 4), nil)
	require.NoError(t, err)
	require.Equal(t, directory.Started{}, started)
	require.Equal(t, 401, s.Send(t, "GET", "/openapi/v1/users/2", "", "Authorization: "+strings.Repeat("operator", 4)).Status)
}

// A token that is given to the server in its settings is the operator's, whatever it was.
func TestKnownTokenBecomesTheOperators(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	status := func() int { return s.Send(t, "GET", "/openapi/v1/users/1", "").Status }
	for _, c := range []struct {
		operator string
		status   int
	}{{s.Token, 200}, {s.Token, 200}, {"", 401}} {
		_, err := s.Service.Start(t.Context(), c.operator, nil)
		require.NoError(t, err)
		require.Equal(t, c.status, status())
	}
}

func TestForwardedAddressIsBelievedOnlyFromProxies(t *testing.T) {
	s := apitest.Start(t, apitest.Config{})
	answer := s.Send(t, "POST", "/openapi/v1/users", newUser+`}`, "X-Forwarded-For: 192.0.2.7", "X-Real-Ip: 192.0.2.7")
	require.Contains(t, answer.Body, `"client_ip":"127.0.0.1"`)
	elsewhere := apitest.Start(t, apitest.Config{TrustedProxies: []string{"192.0.2.0/24"}})
	answer = elsewhere.Send(t, "POST", "/openapi/v1/users", newUser+`}`, "X-Forwarded-For: 192.0.2.7")
	require.Contains(t, answer.Body, `"client_ip":"127.0.0.1"`, "neither loopback nor private addresses are proxies by themselves")
	mapped := apitest.Start(t, apitest.Config{TrustedProxies: []string{"127.0.0.1"}})
	answer = mapped.Send(t, "POST", "/openapi/v1/users", newUser+`}`, "X-Forwarded-For: ::ffff:192.0.2.7")
	require.Contains(t, answer.Body, `"client_ip":"192.0.2.7"`)
	trusting := apitest.Start(t, apitest.Config{TrustedProxies: []string{"127.0.0.0/8", "2001:db8::/32"}})
	answer = trusting.Send(t, "POST", "/openapi/v1/users", newUser+`}`, "X-Forwarded-For: 198.51.100.1, 2001:db9::1, 2001:db8::1")
	require.Contains(t, answer.Body, `"client_ip":"2001:db9::1"`, "the last one that is no proxy")
	require.Equal(t, 200, trusting.Send(t, "GET", "/openapi/v1/users/1", "", "X-Forwarded-For: nonsense").Status)
}
