package directory

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// UserID numbers a user, from 1 to 2147483647. A number is never used again.
type UserID int32

// Nobody is a number that no user has.
const Nobody UserID = -1

// ParseUserID reads the decimal form without sign, leading zero or white space.
// What is not a number of a user gives Nobody.
func ParseUserID(s string) UserID {
	id, err := strconv.ParseInt(s, 10, 32)
	if err != nil || id < 1 || UserID(id).String() != s {
		return Nobody
	}
	return UserID(id)
}

func (id UserID) String() string { return strconv.FormatInt(int64(id), 10) }

// User is a user as stored. The password's hash stays in the store.
type User struct {
	ID           UserID
	Version      int64 // raised by 1 with every change, from 1
	NickName     string
	EnterpriseID string
	Role         Role
	Email        *string // nil: none
	Phone        string  // "": none
	IsActive     *bool   // nil: not decided yet
	Origion      *string // nil: was not said
	CreateTime   time.Time
	ClientIP     netip.Addr // of the client that created the user; zero: the server itself
}

// Active reports whether the user may log in and use tokens.
func (u User) Active() bool { return u.IsActive != nil && *u.IsActive }

// Field names a member of a user, as the contract spells it.
type Field string

// The members that can be written. Role and eid are not members of a user in the contract.
const (
	FieldNickName     Field = "nick_name"
	FieldPassword     Field = "password"
	FieldEnterpriseID Field = "enterprise_id"
	FieldEmail        Field = "email"
	FieldPhone        Field = "phone"
	FieldIsActive     Field = "is_active"
	FieldOrigion      Field = "origion"
	FieldRole         Field = "role" // in the policy and the audit, in no request
	FieldEID          Field = "eid"  // the enterprise of an administrator, in requests only
)

// FoldEmail gives two addresses the same form when they differ in letter case only. An
// address is ASCII: nothing else is folded.
func FoldEmail(address string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, address)
}

// Fold gives two texts the same form when they differ in letter case or Unicode
// composition only: canonical caseless matching (Unicode 15.0 §3.13, D145), in NFC.
func Fold(text string) string {
	return norm.NFC.String(cases.Fold().String(strings.Map(upperCherokee, norm.NFD.String(text))))
}

// upperCherokee makes up for cases.Fold, which swaps the two cases of Cherokee.
func upperCherokee(r rune) rune {
	if unicode.Is(unicode.Cherokee, r) {
		return unicode.ToUpper(r)
	}
	return r
}
