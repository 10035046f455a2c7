package main

import (
	"fmt"
	"net/http"
	"strconv"
)

// requestFunc makes the requests of clients, which are numbered from 0, as their requests are.
type requestFunc func(client, number int) (method, path, body string)

// put changes users, hardly ever two clients the same, in an order that looks like none,
// and each time to what is not there: SQLite would not write what is (to userapi it makes
// no difference, as it raises the version).
func put(users int) requestFunc {
	usersPerClient := max(1, (users-1)/clients)
	return func(client, number int) (method, path, body string) {
		user := 2 + client + clients*(number*7919%usersPerClient)
		if user%enterpriseSize == 0 {
			user++ // not the only administrator of an enterprise
		}
		path = "/openapi/v1/users/" + strconv.Itoa(min(user, users))
		if number/usersPerClient%2 == 0 {
			return http.MethodPut, path, `{"is_active":null}`
		}
		return http.MethodPut, path, `{"is_active":true}`
	}
}

// putPassword gives users new passwords.
func putPassword(client, number int) (method, path, body string) {
	return http.MethodPut, fmt.Sprintf("/openapi/v1/users/%d", 2+client), fmt.Sprintf(`{"password":"correct horse %d"}`, number)
}

// get reads the users that put changes.
func get(users int) requestFunc {
	update := put(users)
	return func(client, number int) (method, path, body string) {
		_, path, _ = update(client, number)
		return http.MethodGet, path, ""
	}
}

// list lists users.
func list(query string) requestFunc {
	return func(int, int) (method, path, body string) { return http.MethodGet, "/openapi/v1/users?" + query, "" }
}
