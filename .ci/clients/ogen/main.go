// Does the job of the clients in ../node with the client that ogen generates.
package main

import (
	"context"
	"log"
	"os"
	"strings"

	"github.com/ogen-go/ogen/ogenerrors"

	"clients/ogen/api"
)

type token string

// BearerToken implements api.SecuritySource.
func (t token) BearerToken(context.Context, api.OperationName) (api.BearerToken, error) {
	return api.BearerToken{Token: string(t)}, nil
}

// BareToken implements api.SecuritySource.
func (token) BareToken(context.Context, api.OperationName) (api.BareToken, error) {
	return api.BareToken{}, ogenerrors.ErrSkipClientSecurity
}

// is returns the answer as a T. It panics if there is an error or the answer has another type.
func is[T any](answer any, err error) T {
	typed, ok := answer.(T)
	if err != nil || !ok {
		log.Panicf("%T %+v: %v", answer, answer, err)
	}
	return typed
}

func want(holds bool, what any) {
	if !holds {
		log.Panicf("%+v", what)
	}
}

// bob is the user of the job.
var bob, bobID = &api.CreateUser{NickName: "bob", Password: "correct horse", EnterpriseID: "default", Phone: api.NewOptPhone("1")}, api.GetUserParams{UserID: "3"}

// connect returns a client that sends a token.
func connect(secret string) *api.Client {
	c, err := api.NewClient(os.Getenv("SERVER_URL"), token(secret))
	want(err == nil, err)
	return c
}

func main() {
	ctx, admin := context.Background(), connect(os.Getenv("TOKEN"))
	create(ctx, admin)
	oneself := changePasswords(ctx, admin)
	refused(ctx, admin, oneself)
	is[*api.DeleteUserNoContent](admin.DeleteUser(ctx, api.DeleteUserParams{UserID: "3"}))
	missing := is[*api.NotFoundHeaders](admin.GetUser(ctx, bobID)).Response
	want(missing.Code == api.ProblemCodeNotFound, missing)
	stranger := is[*api.UnauthorizedHeaders](oneself.GetUser(ctx, bobID)).Response
	want(stranger.Code == api.ProblemCodeUnauthenticated, stranger)
}

// create creates bob, sends each state of an update, and lists bob.
func create(ctx context.Context, c *api.Client) {
	created := is[*api.UserInfoHeaders](c.CreateUser(ctx, bob)).Response
	want(created.UserID == 3 && created.IsActive == api.NewNilBool(true) && created.Email.Null, created)
	read := is[*api.GetUserOKHeaders](c.GetUser(ctx, bobID)).Response
	want(read == created, read)

	update := func(change api.UpdateUser) api.UpdateUser {
		return is[*api.UpdateUserHeaders](c.UpdateUser(ctx, api.NewOptUpdateUser(change), api.UpdateUserParams{UserID: "3"})).Response
	}
	var undecided api.OptNilBool
	undecided.SetToNull()
	absent := update(api.UpdateUser{})
	want(absent.IsActive == api.NewOptNilBool(true), absent)
	null := update(api.UpdateUser{IsActive: undecided})
	want(null.IsActive == undecided, null)
	off := update(api.UpdateUser{IsActive: api.NewOptNilBool(false)})
	want(off.IsActive == api.NewOptNilBool(false), off)
	cleared := update(api.UpdateUser{Phone: api.NewOptPhone("")})
	want(cleared.Phone == api.NewOptPhone(""), cleared)
	on := update(api.UpdateUser{IsActive: api.NewOptNilBool(true)})
	want(on.IsActive == api.NewOptNilBool(true), on)

	listed := is[*api.UserListHeaders](c.ListUsers(ctx, api.ListUsersParams{Query: api.NewOptString("bob")})).Response
	want(listed.Total == 1 && listed.Users[0].NickName == "bob", listed)
}

// changePasswords gives bob a new password and logs bob in, who gives himself another. It returns bob's client.
func changePasswords(ctx context.Context, admin *api.Client) *api.Client {
	changed := is[*api.ChangedPasswordHeaders](admin.ChangePassword(ctx,
		&api.ChangePassword{UserID: 3, Password: "battery staple", Password1: "battery staple"}, api.ChangePasswordParams{UserID: "3"})).Response
	want(changed.UserID == 3, changed)

	login := &api.LogIn{Username: "default/bob", Password: "battery staple"}
	oneself := connect(is[*api.AuthTokenHeaders](connect("").CreateAuthToken(ctx, login)).Response.Token)
	is[*api.ChangedOwnPasswordHeaders](oneself.ChangeOwnPassword(ctx, &api.ChangeOwnPassword{Password: "correct horse", Password1: "correct horse"}))
	wrong := is[*api.InvalidCredentialsHeaders](connect("").CreateAuthToken(ctx, login)).Response
	want(wrong.Code == api.ProblemCodeInvalidCredentials, wrong)
	return oneself
}

// refused provokes one error of each kind.
func refused(ctx context.Context, admin, oneself *api.Client) {
	update := func(c *api.Client, change api.UpdateUser, ifMatch api.OptEntityTags) (api.UpdateUserRes, error) {
		return c.UpdateUser(ctx, api.NewOptUpdateUser(change), api.UpdateUserParams{UserID: "3", IfMatch: ifMatch})
	}
	var always api.OptEntityTags
	malformed := is[*api.BadRequestHeaders](update(admin, api.UpdateUser{}, api.NewOptEntityTags("zzz"))).Response
	want(malformed.Code == api.ProblemCodeMalformedHeader, malformed)
	forbidden := is[*api.ForbiddenChangeHeaders](update(oneself, api.UpdateUser{IsActive: api.NewOptNilBool(false)}, always)).Response
	want(forbidden.Code == api.ProblemCodeForbidden && forbidden.Errors[0].Pointer == "/is_active", forbidden)
	hidden := is[*api.NotFoundHeaders](oneself.GetUser(ctx, api.GetUserParams{UserID: "2"})).Response
	want(hidden.Code == api.ProblemCodeNotFound, hidden)
	stale := is[*api.PreconditionFailedHeaders](update(admin, api.UpdateUser{}, api.NewOptEntityTags(`"99"`))).Response
	want(stale.Code == api.ProblemCodePreconditionFailed, stale)
	large := api.UpdateUser{Phone: api.NewOptPhone(api.Phone(strings.Repeat("1", 1<<16)))}
	tooLarge := is[*api.ContentTooLargeHeaders](update(admin, large, always)).Response
	want(tooLarge.Code == api.ProblemCodeContentTooLarge, tooLarge)
	taken := is[*api.TakenHeaders](admin.CreateUser(ctx, bob)).Response
	want(taken.Code == api.ProblemCodeNickNameTaken && taken.Errors[0].Pointer == "/nick_name", taken)
	short := is[*api.InvalidRequestHeaders](update(admin, api.UpdateUser{Password: api.NewOptString("short")}, always)).Response
	want(short.Code == api.ProblemCodeInvalidRequest && short.Errors[0].Pointer == "/password", short)
}
