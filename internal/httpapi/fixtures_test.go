package httpapi_test

import "userapi/internal/apitest"

// people are those whom InsertPeople makes, by name.
var people = apitest.People()
