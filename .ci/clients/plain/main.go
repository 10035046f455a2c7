// Creates, changes, lists and deletes a user with the client that oapi-codegen generates by default.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

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

func main() {
	ctx := context.Background()
	c := done(api.NewClientWithResponses(os.Getenv("USERAPI_URL"), api.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+os.Getenv("USERAPI_TOKEN"))
		return nil
	})))
	no, none, one, query, short := false, "", "1", "bob", "short"

	bob := api.CreateUser{NickName: "bob", Password: "correct horse", EnterpriseId: "default", Phone: &one}
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

	listed := done(c.ListUsersWithResponse(ctx, &api.ListUsersParams{Query: &query})).JSON200
	want(listed.Total == 1 && listed.Users[0].NickName == "bob", listed)
	changed := done(c.ChangePasswordWithResponse(ctx, "3", nil,
		api.ChangePassword{UserId: 3, Password: "battery staple", Password1: "battery staple"})).JSON200
	want(changed.UserId == 3, changed)

	taken := done(c.CreateUserWithResponse(ctx, bob)).ApplicationproblemJSON409
	want(taken.Errors[0].Pointer == "/nick_name", taken)
	refused := done(c.UpdateUserWithResponse(ctx, "3", nil, api.UpdateUser{Password: &short})).ApplicationproblemJSON422
	want(refused.Errors[0].Pointer == "/password", refused)
	want(done(c.DeleteUserWithResponse(ctx, "3", nil)).StatusCode() == 204, "delete")
	want(done(c.GetUserWithResponse(ctx, "3", nil)).ApplicationproblemJSON404 != nil, "get")
}
