package client_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/oapi-codegen/nullable"

	"userapi/gen/client"
)

// connect returns a client that sends the token with each request.
func connect() *client.ClientWithResponses {
	c, err := client.NewClientWithResponses(server.URL, client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+server.Token)
		return nil
	}))
	if err != nil {
		log.Fatal(err)
	}
	return c
}

// If you leave a member out, it stays as it is.
func ExampleUpdateUser_absent() {
	answer, err := connect().UpdateUserWithResponse(context.Background(), "2", nil, client.UpdateUser{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(answer.Body))
	// Output: {"enterprise_id":"default","is_active":true,"phone":"1"}
}

// null means that nobody has decided whether the user is active. The server stores and returns it.
func ExampleUpdateUser_null() {
	undecided := client.UpdateUser{IsActive: nullable.NewNullNullable[bool]()}
	answer, err := connect().UpdateUserWithResponse(context.Background(), "3", nil, undecided)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(answer.Body))
	fmt.Println(answer.JSON200.IsActive.IsNull())
	// Output:
	// {"enterprise_id":"default","is_active":null,"phone":"1"}
	// true
}

// false switches the user off.
func ExampleUpdateUser_false() {
	off := client.UpdateUser{IsActive: nullable.NewNullableWithValue(false)}
	answer, err := connect().UpdateUserWithResponse(context.Background(), "4", nil, off)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(answer.Body))
	// Output: {"enterprise_id":"default","is_active":false,"phone":"1"}
}

// "" clears the phone. A nil pointer would leave it out.
func ExampleUpdateUser_empty() {
	none := ""
	answer, err := connect().UpdateUserWithResponse(context.Background(), "5", nil, client.UpdateUser{Phone: &none})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(answer.Body))
	// Output: {"enterprise_id":"default","is_active":true,"phone":""}
}

// Send the version that you have read as If-Match. The second update fails, because the first
// one made a new version.
func ExampleUpdateUserParams() {
	read, err := connect().GetUserWithResponse(context.Background(), "2", nil)
	if err != nil {
		log.Fatal(err)
	}
	unchanged := &client.UpdateUserParams{IfMatch: &read.Headers200.ETag}
	phone := "1"
	for range 2 {
		answer, err := connect().UpdateUserWithResponse(context.Background(), "2", unchanged, client.UpdateUser{Phone: &phone})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(answer.Status())
	}
	// Output:
	// 200 OK
	// 412 Precondition Failed
}

// Every error is a problem, with a code and a pointer to each fault.
func ExampleProblem() {
	short := "short"
	answer, err := connect().UpdateUserWithResponse(context.Background(), "2", nil, client.UpdateUser{Password: &short})
	if err != nil {
		log.Fatal(err)
	}
	if problem := answer.ApplicationProblemJSON422; problem != nil {
		fmt.Println(problem.Code, problem.Errors[0].Pointer, problem.Errors[0].Detail)
	}
	// Output: invalid_request /password Send 8 or more characters.
}
