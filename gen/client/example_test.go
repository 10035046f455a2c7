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

// A member that is left out stays as it is.
func ExampleUpdateUser_absent() {
	answer, err := connect().UpdateUserWithResponse(context.Background(), "2", nil, client.UpdateUser{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(answer.Body))
	// Output: {"enterprise_id":"default","is_active":true,"phone":"1"}
}

// null says that it is not decided whether the user is active. It is stored and answered.
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

// "" clears the phone. The pointer tells it from a phone that is left out.
func ExampleUpdateUser_empty() {
	none := ""
	answer, err := connect().UpdateUserWithResponse(context.Background(), "5", nil, client.UpdateUser{Phone: &none})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(answer.Body))
	// Output: {"enterprise_id":"default","is_active":true,"phone":""}
}

// A version that was read is the condition of a change.
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
