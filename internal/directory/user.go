package directory

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// UserID is the number of a user, from 1 to 2147483647. A number is never used again.
type UserID int32

// Nobody is a number that no user has.
const Nobody UserID = -1

// ParseUserID reads a decimal number without a sign, leading zeros or white space. If s is not
// a number from 1 to 2147483647, it returns [Nobody].
func ParseUserID(s string) UserID {
	id, err := strconv.ParseInt(s, 10, 32)
	if err != nil || id < 1 || UserID(id).String() != s {
		return Nobody
	}
	return UserID(id)
}

func (id UserID) String() string { return strconv.FormatInt(int64(id), 10) }

// User is a user as stored, without the password's hash.
type User struct {
	ID           UserID
	Version      int64 // 1 for a new user; every change adds 1
	NickName     string
	EnterpriseID string
	Role         Role
	Email        *string // nil: none
	Phone        string  // "": none
	IsActive     *bool   // nil: not decided yet
	Origion      *string // nil: not given
	CreateTime   time.Time
	ClientIP     netip.Addr // of the client that created the user; zero: no client, or not known
}

// Active reports whether the user may log in and use tokens.
func (u User) Active() bool { return u.IsActive != nil && *u.IsActive }

// Field is the name of a member of a user, as the contract spells it.
type Field string

// The fields that can be written. In the contract, a user has neither a role nor an eid.
const (
	FieldNickName     Field = "nick_name"
	FieldPassword     Field = "password"
	FieldEnterpriseID Field = "enterprise_id"
	FieldEmail        Field = "email"
	FieldPhone        Field = "phone"
	FieldIsActive     Field = "is_active"
	FieldOrigion      Field = "origion"
	FieldRole         Field = "role" // in the policy and the audit, never in a request
	FieldEID          Field = "eid"  // the enterprise of an administrator, only in requests
)

// FoldEmail returns the same text for two e-mail addresses exactly if they differ only in
// letter case. An address is ASCII, so FoldEmail changes only ASCII letters.
func FoldEmail(address string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, address)
}

// Fold returns the same text for two texts exactly if they differ only in letter case, width or
// Unicode composition. Source: canonical caseless matching (Unicode 15.0 §3.13, D145), in NFC,
// after the width mapping of RFC 8265 §3.3.
func Fold(text string) string {
	if isASCII(text) {
		return strings.ToLower(text) // most texts, at a tenth of the time
	}
	return FoldCase(width.Fold.String(text))
}

// FoldCase is Fold without the width mapping, as Fold was up to schema 7. If two names of that
// time now fold alike, one of the users keeps the name in this form.
func FoldCase(text string) string {
	return norm.NFC.String(cases.Fold().String(strings.Map(upperCherokee, norm.NFD.String(text))))
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// upperCherokee returns a Cherokee letter in upper case, because cases.Fold swaps the two cases
// of Cherokee letters. It returns any other rune as it is.
func upperCherokee(r rune) rune {
	if unicode.Is(unicode.Cherokee, r) {
		return unicode.ToUpper(r)
	}
	return r
}
