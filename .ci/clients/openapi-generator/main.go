// Creates, changes, lists and deletes a user with the client that openapi-generator generates.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/antihax/optional"

	api "client/api/go"
)

func want(holds bool, what any) {
	if !holds {
		log.Panicf("%+v", what)
	}
}

// done returns the answer. It panics if there is an error.
func done[T any](answer T, _ *http.Response, err error) T {
	want(err == nil, err)
	return answer
}

// refused panics unless the answer is this problem. The client does not decode problems, because it does not know their media type.
func refused(status int, code string, pointers []string, response *http.Response, err error) {
	var refusal api.GenericOpenAPIError
	want(errors.As(err, &refusal), err)
	var problem api.Problem
	want(json.Unmarshal(refusal.Body(), &problem) == nil, string(refusal.Body()))
	var got []string
	for _, fault := range problem.Errors {
		got = append(got, fault.Pointer)
	}
	want(response.StatusCode == status && string(problem.Code) == code && slices.Equal(got, pointers), problem)
}

// onlyError leaves the answer out.
func onlyError[T any](_ T, response *http.Response, err error) (*http.Response, error) {
	return response, err
}

func as(token string) context.Context {
	return context.WithValue(context.Background(), api.ContextAccessToken, token)
}

func main() {
	configuration := api.NewConfiguration()
	configuration.BasePath = os.Getenv("SERVER_URL")
	c := api.NewAPIClient(configuration)
	first := as(os.Getenv("TOKEN"))

	bob := api.CreateUser{NickName: "bob", Password: "correct horse", EnterpriseId: "default", Phone: "1"}
	created := done(c.UsersApi.CreateUser(first, bob))
	want(created.UserId == 3 && *created.IsActive && created.Email == nil, created)
	read := done(c.UsersApi.GetUser(first, "3", nil))
	want(read.CreateTime.Equal(created.CreateTime), read)

	update := func(change any) api.UpdateUser {
		return done(c.UsersApi.UpdateUser(first, "3", &api.UpdateUserOpts{UpdateUser: optional.NewInterface(change)}))
	}
	no, yes := false, true
	absent := update(api.UpdateUser{})
	want(*absent.IsActive, absent)
	off := update(api.UpdateUser{IsActive: &no})
	want(!*off.IsActive, off)
	on := update(api.UpdateUser{IsActive: &yes, Email: "bob@example.com"})
	want(*on.IsActive && on.Email == "bob@example.com", on)

	listed := done(c.UsersApi.ListUsers(first, &api.ListUsersOpts{Query: optional.NewString("bob")}))
	want(listed.Total == 1 && listed.Users[0].NickName == "bob", listed)
	changed := api.ChangePassword{UserId: 3, Password: "battery staple", Password1: "battery staple"}
	want(done(c.PasswordsApi.ChangePassword(first, "3", changed, nil)).UserId == 3, changed)
	ctx := context.Background()
	token := done(c.TokensApi.CreateAuthToken(ctx, api.LogIn{Username: "bob@example.com", Password: "battery staple"})).Token
	want(done(c.UsersApi.GetUser(as(token), "3", nil)).NickName == "bob", token)
	done(c.PasswordsApi.ChangeOwnPassword(as(token), api.ChangeOwnPassword{Password: "correct horse", Password1: "correct horse"}))

	refuse(c, first, as(token), bob, changed)
	_, err := c.UsersApi.DeleteUser(first, "3", nil)
	want(err == nil, err)
	response, err := onlyError(c.UsersApi.GetUser(first, "3", nil))
	refused(404, "not_found", nil, response, err)
}

// refuse gets one error of each kind.
func refuse(c *api.APIClient, first, own context.Context, bob api.CreateUser, changed api.ChangePassword) {
	ctx := context.Background()
	response, err := onlyError(c.UsersApi.GetUser(first, "3", &api.GetUserOpts{IfNoneMatch: optional.NewString("x")}))
	refused(400, "malformed_header", nil, response, err)
	response, err = onlyError(c.UsersApi.GetUser(as("wrong"), "3", nil))
	refused(401, "unauthenticated", nil, response, err)
	wrong := api.LogIn{Username: "default/ada", Password: "wrong"}
	response, err = onlyError(c.TokensApi.CreateAuthToken(ctx, wrong))
	refused(401, "invalid_credentials", nil, response, err)
	response, err = onlyError(c.TokensApi.CreateAuthToken(ctx, wrong))
	refused(429, "too_many_requests", nil, response, err)
	yes := true
	change := &api.UpdateUserOpts{UpdateUser: optional.NewInterface(api.UpdateUser{IsActive: &yes})}
	response, err = onlyError(c.UsersApi.UpdateUser(own, "3", change))
	refused(403, "forbidden", []string{"/is_active"}, response, err)
	response, err = onlyError(c.UsersApi.GetUser(first, "9", nil))
	refused(404, "not_found", nil, response, err)
	response, err = onlyError(c.UsersApi.CreateUser(first, bob))
	refused(409, "nick_name_taken", []string{"/nick_name"}, response, err)
	response, err = onlyError(c.UsersApi.UpdateUser(first, "3", &api.UpdateUserOpts{IfMatch: optional.NewString(`"1"`)}))
	refused(412, "precondition_failed", nil, response, err)
	bob.Origion = strings.Repeat("x", 70000)
	response, err = onlyError(c.UsersApi.CreateUser(first, bob))
	refused(413, "content_too_large", nil, response, err)
	changed.Password1 = "correct horse"
	response, err = onlyError(c.PasswordsApi.ChangePassword(first, "3", changed, nil))
	refused(422, "invalid_request", []string{"/password1"}, response, err)
}
