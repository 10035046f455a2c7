// Does the job of the clients in ../node with the client that oapi-codegen generates by default.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"strings"

	"clients/plain/api"
)

// This client cannot send null: it leaves a nil pointer out.
var _ *bool = api.UpdateUser{}.IsActive

func want(holds bool, what any) {
	if !holds {
		log.Panicf("%+v", what)
	}
}

// done returns the answer. It panics if there is an error.
func done[T any](answer T, err error) T {
	want(err == nil, err)
	return answer
}

// connect returns a client that sends a token.
func connect(token string) *api.ClientWithResponses {
	return done(api.NewClientWithResponses(os.Getenv("SERVER_URL"), api.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	})))
}

var (
	ctx       = context.Background()
	yes, no   = true, false
	none, one = "", "1"
	// bob is the user of the job.
	bob = api.CreateUser{NickName: "bob", Password: "correct horse", EnterpriseId: "default", Phone: &one}
)

func main() {
	admin := connect(os.Getenv("TOKEN"))
	create(admin)
	oneself := changePasswords(admin)
	refused(admin, oneself)
	want(done(admin.DeleteUserWithResponse(ctx, "3", nil)).StatusCode() == 204, "delete")
	want(done(admin.GetUserWithResponse(ctx, "3", nil)).ApplicationproblemJSON404.Code == api.ProblemCodeNotFound, "get")
	want(done(oneself.GetUserWithResponse(ctx, "3", nil)).ApplicationproblemJSON401.Code == api.ProblemCodeUnauthenticated, "get")
}

// create creates bob, sends the states of an update that this client has, and lists bob.
func create(c *api.ClientWithResponses) {
	query := "bob"
	created := done(c.CreateUserWithResponse(ctx, bob)).JSON201
	want(created.UserId == 3 && *created.IsActive && created.Email == nil, created)
	read := done(c.GetUserWithResponse(ctx, "3", nil)).JSON200
	want(read.NickName == "bob", read)

	update := func(change api.UpdateUser) *api.UpdateUser {
		return done(c.UpdateUserWithResponse(ctx, "3", nil, change)).JSON200
	}
	absent := update(api.UpdateUser{})
	want(*absent.IsActive, absent)
	off := update(api.UpdateUser{IsActive: &no})
	want(!*off.IsActive, off)
	cleared := update(api.UpdateUser{Phone: &none})
	want(*cleared.Phone == "", cleared)
	on := update(api.UpdateUser{IsActive: &yes})
	want(*on.IsActive, on)

	listed := done(c.ListUsersWithResponse(ctx, &api.ListUsersParams{Query: &query})).JSON200
	want(listed.Total == 1 && listed.Users[0].NickName == "bob", listed)
}

// changePasswords gives bob a new password and logs bob in, who gives himself another. It returns bob's client.
func changePasswords(admin *api.ClientWithResponses) *api.ClientWithResponses {
	changed := done(admin.ChangePasswordWithResponse(ctx, "3", nil,
		api.ChangePassword{UserId: 3, Password: "battery staple", Password1: "battery staple"})).JSON200
	want(changed.UserId == 3, changed)

	login := api.LogIn{Username: "default/bob", Password: "battery staple"}
	oneself := connect(done(connect("").CreateAuthTokenWithResponse(ctx, login)).JSON200.Token)
	own := api.ChangeOwnPassword{Password: "correct horse", Password1: "correct horse"}
	want(done(oneself.ChangeOwnPasswordWithResponse(ctx, own)).JSON200 != nil, "changepwd")
	wrong := done(connect("").CreateAuthTokenWithResponse(ctx, login)).ApplicationproblemJSON401
	want(wrong.Code == api.ProblemCodeInvalidCredentials, wrong)
	return oneself
}

// refused provokes one error of each kind.
func refused(admin, oneself *api.ClientWithResponses) {
	update := func(c *api.ClientWithResponses, change api.UpdateUser, ifMatch *api.EntityTags) *api.UpdateUserResponse {
		return done(c.UpdateUserWithResponse(ctx, "3", &api.UpdateUserParams{IfMatch: ifMatch}, change))
	}
	short, long, noTag, old := "short", strings.Repeat("1", 1<<16), "zzz", `"99"`
	malformed := update(admin, api.UpdateUser{}, &noTag).ApplicationproblemJSON400
	want(malformed.Code == api.ProblemCodeMalformedHeader, malformed)
	forbidden := update(oneself, api.UpdateUser{IsActive: &no}, nil).ApplicationproblemJSON403
	want(forbidden.Code == api.ProblemCodeForbidden && forbidden.Errors[0].Pointer == "/is_active", forbidden)
	hidden := done(oneself.GetUserWithResponse(ctx, "2", nil)).ApplicationproblemJSON404
	want(hidden.Code == api.ProblemCodeNotFound, hidden)
	stale := update(admin, api.UpdateUser{}, &old).ApplicationproblemJSON412
	want(stale.Code == api.ProblemCodePreconditionFailed, stale)
	large := update(admin, api.UpdateUser{Phone: &long}, nil).ApplicationproblemJSON413
	want(large.Code == api.ProblemCodeContentTooLarge, large)
	taken := done(admin.CreateUserWithResponse(ctx, bob)).ApplicationproblemJSON409
	want(taken.Code == api.ProblemCodeNickNameTaken && taken.Errors[0].Pointer == "/nick_name", taken)
	invalid := update(admin, api.UpdateUser{Password: &short}, nil).ApplicationproblemJSON422
	want(invalid.Code == api.ProblemCodeInvalidRequest && invalid.Errors[0].Pointer == "/password", invalid)
}
