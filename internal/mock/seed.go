package mock

import (
	"cmp"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"userapi/internal/contract"
	"userapi/internal/directory"
)

// Seed is what a mock begins with.
type Seed struct {
	Users  []User
	Tokens []Token
	Now    time.Time // when the clock stands; zero: it runs
}

// User is a user of a seed.
type User struct {
	ID           directory.UserID
	NickName     string
	Password     string // "": none
	EnterpriseID string
	Email        *string // nil: none
	Phone        string  // "": none
	IsActive     *bool   // nil: not decided yet
	Role         directory.Role
	CreateTime   time.Time // zero: when the mock starts
}

// Active reports whether the user may log in and use tokens.
func (u User) Active() bool { return u.IsActive != nil && *u.IsActive }

// Token is a token of a seed.
type Token struct {
	UserID  directory.UserID
	Name    string
	Token   string
	Expires time.Time // zero: never
}

//go:embed seed.json
var defaultSeed []byte

// DefaultSeed returns the seed of a mock that is given none.
func DefaultSeed() []byte { return defaultSeed }

//go:embed seed.schema.json
var seedSchemaText []byte

var loadSeedSchema = sync.OnceValues(func() (*contract.Schema, error) { return contract.ParseSchema(seedSchemaText) })

// Fault is one thing that is wrong with a seed. It never repeats a value.
type Fault struct {
	Pointer string // JSON Pointer (RFC 6901); "": the whole seed
	Detail  string // a sentence without a full stop
}

func (f Fault) String() string { return cmp.Or(f.Pointer, "the seed") + ": " + f.Detail }

// ParseSeed reads a seed, which seed.schema.json describes. It returns all faults, sorted by pointer, and the seed if there
// are none. An error is a fault of the program.
func ParseSeed(text []byte) (Seed, []Fault, error) {
	schema, err := loadSeedSchema()
	if err != nil {
		return Seed{}, nil, err
	}
	value, found, err := schema.Check(text)
	if err != nil {
		return Seed{}, nil, err
	}
	r := &seedReader{wrong: map[string]bool{}}
	for _, f := range found {
		r.addFault(f.Pointer, describe(f))
	}
	seed := r.read(value)
	if len(r.faults) > 0 {
		slices.SortStableFunc(r.faults, func(a, b Fault) int { return cmp.Compare(padNumbers(a.Pointer), padNumbers(b.Pointer)) })
		return Seed{}, slices.Compact(r.faults), nil
	}
	return seed, nil, nil
}

// describe says what is wrong in words that fit a file.
func describe(f contract.Fault) string {
	switch {
	case f.Code == contract.FaultRequired:
		return "this member is missing"
	case f.Code == contract.FaultUnknownMember:
		return "there is no such member"
	case f.Code == contract.FaultDuplicateMember:
		return "this member is there twice"
	case f.Expected != "":
		return "use " + f.Expected
	}
	return strings.TrimSuffix(f.Detail, ".")
}

var digits = regexp.MustCompile(`[0-9]+`)

// padNumbers makes pointers sort by their numbers.
func padNumbers(pointer string) string {
	return digits.ReplaceAllStringFunc(pointer, func(number string) string { return fmt.Sprintf("%20s", number) })
}

// seedReader reads a seed of which parts may be wrong, and collects what the schema cannot say.
type seedReader struct {
	faults []Fault
	wrong  map[string]bool // pointers of the faults
}

func (r *seedReader) addFault(pointer, detail string) {
	r.faults = append(r.faults, Fault{pointer, detail})
	r.wrong[pointer] = true
}

func (r *seedReader) read(value any) (seed Seed) {
	whole, _ := value.(map[string]any)
	seed.Now = r.readTime(whole, "", "now")
	users, _ := whole["users"].([]any)
	last := directory.UserID(0)
	for i, item := range users {
		u := r.readUser(item, fmt.Sprint("/users/", i), last)
		last = u.ID
		seed.Users = append(seed.Users, u)
	}
	tokens, _ := whole["tokens"].([]any)
	for i, item := range tokens {
		seed.Tokens = append(seed.Tokens, r.readToken(item, fmt.Sprint("/tokens/", i)))
	}
	r.checkUsers(seed.Users)
	r.checkTokens(seed)
	return seed
}

func (r *seedReader) readUser(item any, place string, last directory.UserID) User {
	object, _ := item.(map[string]any)
	u := User{
		ID:           directory.UserID(integer(object, "user_id", int64(last)+1)),
		NickName:     text(object, "nick_name", ""),
		Password:     text(object, "password", ""),
		EnterpriseID: text(object, "enterprise_id", "default"),
		Phone:        text(object, "phone", ""),
		Role:         directory.Role(text(object, "role", string(directory.RoleUser))),
		CreateTime:   r.readTime(object, place, "create_time"),
	}
	if email, ok := object["email"].(string); ok {
		u.Email = &email
	}
	active, given := object["is_active"]
	if value, ok := active.(bool); ok || !given {
		value = value || !given
		u.IsActive = &value
	}
	if _, given := object["user_id"]; !given && u.ID == 0 {
		r.addFault(place+"/user_id", "use a number, because there is none after that of the user before")
	}
	return u
}

func (r *seedReader) readToken(item any, place string) Token {
	object, _ := item.(map[string]any)
	return Token{
		UserID:  directory.UserID(integer(object, "user_id", 0)),
		Name:    text(object, "name", "seed"),
		Token:   text(object, "token", ""),
		Expires: r.readTime(object, place, "expires_at"),
	}
}

func text(object map[string]any, name, absent string) string {
	if value, ok := object[name].(string); ok {
		return value
	}
	return absent
}

// integer returns 0 for a number that is no user's.
func integer(object map[string]any, name string, absent int64) int32 {
	value, ok := object[name].(float64)
	if !ok {
		value = float64(absent)
	}
	if id := int32(max(0, min(value, 1<<31-1))); float64(id) == value {
		return id
	}
	return 0
}

func (r *seedReader) readTime(object map[string]any, place, name string) time.Time {
	value, ok := object[name].(string)
	place += "/" + name
	if !ok || r.wrong[place] {
		return time.Time{}
	}
	t, err := parseTime(value)
	if err != nil {
		r.addFault(place, "there is no such date or time")
	}
	return t
}

// checkUsers adds a fault for each number, address and name that a user before has, too.
func (r *seedReader) checkUsers(users []User) {
	ids, emails, names := map[directory.UserID]int{}, map[string]int{}, map[[2]string]int{}
	for i, u := range users {
		place := fmt.Sprint("/users/", i)
		checkUnique(r, ids, u.ID, u.ID != 0, i, place+"/user_id", "user_id")
		if u.Email != nil {
			checkUnique(r, emails, directory.FoldEmail(*u.Email), true, i, place+"/email", "e-mail address")
		}
		checkUnique(r, names, [2]string{u.EnterpriseID, directory.Fold(u.NickName)}, u.NickName != "", i, place+"/nick_name", "name in the enterprise")
	}
}

// checkUnique adds a fault if another user has the key. It ignores keys that are wrong themselves.
func checkUnique[K comparable](r *seedReader, seen map[K]int, key K, counts bool, i int, place, what string) {
	if !counts || r.wrong[place] {
		return
	}
	if first, taken := seen[key]; taken {
		r.addFault(place, fmt.Sprintf("the user at /users/%d has this %s", first, what))
		return
	}
	seen[key] = i
}

// checkTokens adds a fault for each token that is there twice, or whose user is not.
func (r *seedReader) checkTokens(seed Seed) {
	seen := map[string]int{}
	for i, t := range seed.Tokens {
		place := fmt.Sprint("/tokens/", i)
		isOwner := func(u User) bool { return u.ID == t.UserID }
		if owner := place + "/user_id"; !r.wrong[owner] && !r.wrong[place] && !slices.ContainsFunc(seed.Users, isOwner) {
			r.addFault(owner, "no user of the seed has this user_id")
		}
		if t.Token == "" || r.wrong[place+"/token"] {
			continue
		}
		if first, taken := seen[t.Token]; taken {
			r.addFault(place+"/token", fmt.Sprintf("the token at /tokens/%d is the same", first))
			continue
		}
		seen[t.Token] = i
	}
}
