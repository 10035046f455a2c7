package httpapi

import (
	"reflect"
	"strings"
	"testing"

	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"userapi/gen/api"
)

// Every member of a request reaches the directory: when one member of the generated type is
// set and the others are absent, the converted request differs from an empty one.
func TestEveryMemberReachesTheDirectory(t *testing.T) {
	requireCarried(t, func(body api.UpdateUser) any { return newPatch(&body) })
	requireCarried(t, func(body api.CreateUser) any { return newUser(&body) })
}

// requireCarried fails for each field of a generated type that convert ignores.
func requireCarried[T any](t *testing.T, convert func(T) any) {
	t.Helper()
	var absent T
	for i := range reflect.TypeFor[T]().NumField() {
		field := reflect.TypeFor[T]().Field(i)
		member, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		var body T
		set(t, reflect.ValueOf(&body).Elem().Field(i))
		require.NotEqual(t, convert(absent), convert(body), "%s of %s is not carried into the directory", member, reflect.TypeFor[T]().Name())
	}
}

// set gives a field of a generated type a value that differs from absent: null where null is
// a value.
func set(t *testing.T, field reflect.Value) {
	t.Helper()
	switch value := field.Addr().Interface().(type) {
	case *string:
		*value = "text"
	case **string:
		text := "text"
		*value = &text
	case *nullable.Nullable[bool]:
		value.SetNull()
	case *nullable.Nullable[string]:
		value.SetNull()
	default:
		if field.Kind() == reflect.Pointer {
			field.Set(reflect.New(field.Type().Elem()))
			return
		}
		require.Fail(t, "this type of member needs a value here", "%s", field.Type())
	}
}
