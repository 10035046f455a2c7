package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"reflect"
)

// Size says how much a database holds.
type Size struct {
	Users, Tokens, Events int64 // rows
	// The highest numbers that were ever given, also to rows that are gone. User 1 counts before the
	// first start.
	LastUser, LastToken, LastEvent int64
}

// Digest is a SHA-256 over rows. Two databases with the same rows, added in the same order, have the same
// digest, whatever their dialects. It needs no more memory for more rows.
type Digest struct {
	hash hash.Hash
	row  []byte
}

// NewDigest returns the digest of no rows.
func NewDigest() *Digest { return &Digest{hash: sha256.New()} }

// Add adds every field of the row, which is a pointer to a struct of the package.
func (d *Digest) Add(row any) {
	fields := reflect.ValueOf(row).Elem()
	d.row = appendText(d.row[:0], fields.Type().Name())
	for i := range fields.NumField() {
		d.row = appendField(d.row, fields.Field(i))
	}
	_, _ = d.hash.Write(d.row) // it never fails
}

// Sum returns the digest in hexadecimal digits.
func (d *Digest) Sum() string { return hex.EncodeToString(d.hash.Sum(nil)) }

// appendField appends the value so that no two lists of values have the same encoding.
func appendField(to []byte, field reflect.Value) []byte {
	switch field.Kind() {
	case reflect.Pointer:
		if field.IsNil() {
			return append(to, 0)
		}
		return appendField(append(to, 1), field.Elem())
	case reflect.Int32, reflect.Int64:
		return binary.BigEndian.AppendUint64(to, uint64(field.Int())) //nolint:gosec // the same bits
	case reflect.String:
		return appendText(to, field.String())
	case reflect.Bool:
		if field.Bool() {
			return append(to, 1)
		}
		return append(to, 0)
	case reflect.Slice:
		return appendText(to, string(field.Bytes()))
	default:
		panic(fmt.Sprintf("a digest of %s is not supported", field.Type()))
	}
}

func appendText(to []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint64(to, uint64(len(text))), text...)
}
