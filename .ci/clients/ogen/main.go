// Creates, changes, lists and deletes a user with the client that ogen generates.
package main

import (
	"context"
	"log"
	"os"

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

func main() {
	ctx := context.Background()
	c, err := api.NewClient(os.Getenv("USERAPI_URL"), token(os.Getenv("USERAPI_TOKEN")))
	want(err == nil, err)

	bob := &api.CreateUser{NickName: "bob", Password: "correct horse", EnterpriseID: "default", Phone: api.NewOptPhone("1")}
	created := is[*api.UserInfoHeaders](c.CreateUser(ctx, bob)).Response
	id := api.GetUserParams{UserID: "3"}
	want(created.UserID == 3 && created.IsActive == api.NewNilBool(true) && created.Email.Null, created)
	read := is[*api.GetUserOKHeaders](c.GetUser(ctx, id)).Response
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

	listed := is[*api.UserListHeaders](c.ListUsers(ctx, api.ListUsersParams{Query: api.NewOptString("bob")})).Response
	want(listed.Total == 1 && listed.Users[0].NickName == "bob", listed)
	changed := is[*api.ChangedPasswordHeaders](c.ChangePassword(ctx,
		&api.ChangePassword{UserID: 3, Password: "battery staple", Password1: "battery staple"}, api.ChangePasswordParams{UserID: "3"})).Response
	want(changed.UserID == 3, changed)

	taken := is[*api.TakenHeaders](c.CreateUser(ctx, bob)).Response
	want(taken.Code == api.ProblemCodeNickNameTaken && taken.Errors[0].Pointer == "/nick_name", taken)
	short := is[*api.UnprocessableContentHeaders](c.UpdateUser(ctx,
		api.NewOptUpdateUser(api.UpdateUser{Password: api.NewOptString("short")}), api.UpdateUserParams{UserID: "3"})).Response
	want(short.Errors[0].Pointer == "/password", short)
	is[*api.DeleteUserNoContent](c.DeleteUser(ctx, api.DeleteUserParams{UserID: "3"}))
	is[*api.NotFoundHeaders](c.GetUser(ctx, id))
}
