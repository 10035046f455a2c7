package store_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/store"
)

// digestOf returns the digest of one row, which is a pointer to a struct.
func digestOf(row any) string {
	d := store.NewDigest()
	d.Add(row)
	return d.Sum()
}

// A digest changes with each field of a row, with NULL, and with the order of rows.
func TestDigestSeesEveryField(t *testing.T) {
	for _, row := range []any{&store.User{}, &store.Token{}, &store.Event{}, &store.Size{}} {
		found := map[string]string{digestOf(row): "empty"}
		seen := func(name string) {
			digest := digestOf(row)
			require.Empty(t, found[digest], "%T: %s", row, name)
			found[digest] = name
		}
		fields := reflect.ValueOf(row).Elem()
		for i := range fields.NumField() {
			field, name := fields.Field(i), fields.Type().Field(i).Name
			if field.Kind() == reflect.Pointer {
				field.Set(reflect.New(field.Type().Elem()))
				seen(name + " is not NULL")
				field = field.Elem()
			}
			switch field.Kind() {
			case reflect.Int32, reflect.Int64:
				field.SetInt(-1)
			case reflect.String:
				field.SetString("x")
			case reflect.Bool:
				field.SetBool(true)
			default:
				field.SetBytes([]byte{0})
			}
			seen(name)
			fields.Field(i).SetZero()
		}
	}

	first, second := store.User{NickName: "ab", EnterpriseID: "c"}, store.User{NickName: "a", EnterpriseID: "bc"}
	require.NotEqual(t, digestOf(&first), digestOf(&second))
	one, other := store.NewDigest(), store.NewDigest()
	one.Add(&first)
	one.Add(&second)
	other.Add(&second)
	other.Add(&first)
	require.NotEqual(t, one.Sum(), other.Sum())
	require.Len(t, one.Sum(), 64)
}
