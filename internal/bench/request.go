package main

import (
	"fmt"
	"net/http"
	"strconv"
)

// requestFunc returns a request of a client. Clients are numbered from 0, and so are the
// requests of each.
type requestFunc func(client, number int) (method, path, body string)

// put changes is_active of users. Two clients hardly ever change the same user, the order
// looks random, and each value differs from the stored one: SQLite would not write a value
// that stays the same, and the durable baseline would have less to do. (userapi always
// writes, because it raises the version.)
func put(users int) requestFunc {
	usersPerClient := max(1, (users-1)/clients)
	return func(client, number int) (method, path, body string) {
		user := 2 + client + clients*(number*7919%usersPerClient)
		if user%enterpriseSize == 0 {
			user++ // the only administrator of an enterprise is left alone
		}
		path = "/openapi/v1/users/" + strconv.Itoa(min(user, users))
		if number/usersPerClient%2 == 0 {
			return http.MethodPut, path, `{"is_active":null}`
		}
		return http.MethodPut, path, `{"is_active":true}`
	}
}

// putPhone changes the phones of the users that put changes.
func putPhone(users int) requestFunc {
	update := put(users)
	return func(client, number int) (method, path, body string) {
		method, path, _ = update(client, number)
		return method, path, fmt.Sprintf(`{"phone":"%d"}`, number)
	}
}

// putPassword changes passwords of users.
func putPassword(client, number int) (method, path, body string) {
	return http.MethodPut, fmt.Sprintf("/openapi/v1/users/%d", 2+client), fmt.Sprintf(`{"password":"correct horse %d"}`, number)
}

// get reads the users that put changes, in the same order.
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
