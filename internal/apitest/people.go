package apitest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// Person is a user whom a test knows by name.
type Person struct {
	ID         directory.UserID
	Name       string // the nick name
	Role       directory.Role
	Enterprise string

	token string // "" if InsertPeople does not insert this person
}

// Token returns the token that InsertPeople gives this person. It panics for anyone else.
func (p Person) Token() string {
	if p.token == "" {
		panic("InsertPeople gives no token to " + p.Name)
	}
	return p.token
}

// Auth returns the header that sends the person's Token.
func (p Person) Auth() string { return Auth(p.Token()) }

// Auth returns the header that sends a token.
func Auth(token string) string { return "Authorization: " + token }

// NoAuth makes Send leave out the header Authorization.
const NoAuth = "Authorization:"

// Path returns the path of this person in the API.
func (p Person) Path() string { return fmt.Sprintf("/openapi/v1/users/%d", p.ID) }

// AdministratorPath returns the path of this person among the administrators.
func (p Person) AdministratorPath() string { return fmt.Sprintf("/openapi/v1/administrators/%d", p.ID) }

// Username returns the name that this person logs in with.
func (p Person) Username() string { return p.Enterprise + "/" + p.Name }

// Cast is everyone whom a test can name without creating them. Each enterprise has two
// administrators, so that neither of them is the last one.
type Cast struct {
	First   Person // created by the first start of a server; the owner of Server.Token
	Missing Person // does not exist

	// In the enterprise default:
	User, OtherUser, Admin, OtherAdmin, System Person
	// In the enterprise other:
	ForeignUser, ForeignAdmin, OtherForeignAdmin, ForeignSystem Person
}

// People returns the Cast.
func People() Cast {
	person := func(id directory.UserID, name string, role directory.Role, enterprise string) Person {
		return Person{id, name, role, enterprise, fmt.Sprint("token-of-", id)}
	}
	return Cast{
		First:             Person{ID: 1, Name: "admin", Role: directory.RoleSystemAdministrator, Enterprise: "default"},
		User:              person(2, "user", directory.RoleUser, "default"),
		OtherUser:         person(3, "other-user", directory.RoleUser, "default"),
		Admin:             person(4, "administrator", directory.RoleAdministrator, "default"),
		OtherAdmin:        person(5, "other-administrator", directory.RoleAdministrator, "default"),
		System:            person(6, "system", directory.RoleSystemAdministrator, "default"),
		ForeignUser:       person(7, "foreign-user", directory.RoleUser, "other"),
		ForeignAdmin:      person(8, "foreign-administrator", directory.RoleAdministrator, "other"),
		OtherForeignAdmin: person(9, "other-foreign-administrator", directory.RoleAdministrator, "other"),
		ForeignSystem:     person(10, "foreign-system", directory.RoleSystemAdministrator, "other"),
		Missing:           Person{ID: 99, Name: "missing"},
	}
}

// Inserted returns the people whom InsertPeople inserts, in the order of their numbers.
func (c Cast) Inserted() []Person {
	return []Person{
		c.User, c.OtherUser, c.Admin, c.OtherAdmin, c.System,
		c.ForeignUser, c.ForeignAdmin, c.OtherForeignAdmin, c.ForeignSystem,
	}
}

// InsertPeople deletes all users except the first one and inserts the people of the Cast.
// Each of them is active and has one token, made in 1970, but no password.
func (db *Database) InsertPeople(t testing.TB) {
	t.Helper()
	db.insertPeople(t, nil)
}

// InsertPeopleWhoLogIn is InsertPeople, but everyone's password is Password.
func (db *Database) InsertPeopleWhoLogIn(t testing.TB) {
	t.Helper()
	hash, err := passwordHash()
	require.NoError(t, err)
	db.insertPeople(t, hash)
}

// passwordHash returns a hash of Password.
var passwordHash = sync.OnceValues(func() (string, error) {
	return CheapHasher().Hash(context.Background(), Password)
})

// insertPeople gives everyone this hash of a password; nil is NULL.
func (db *Database) insertPeople(t testing.TB, passwordHash any) {
	t.Helper()
	db.write(t, func(exec func(statement string, args ...any)) {
		exec(`DELETE FROM users WHERE id > 1`)
		for _, p := range People().Inserted() {
			exec(`INSERT INTO users (id, version, nick_name, nick_name_folded, enterprise_id, role, password_hash, phone, is_active, create_time)
				VALUES ($1, 1, $2, $2, $3, $4, $5, '', TRUE, 0)`, p.ID, p.Name, p.Enterprise, p.Role, passwordHash)
			hash := sha256.Sum256([]byte(p.Token()))
			exec(`INSERT INTO tokens (hash, user_id, name, kind, created) VALUES ($1, $2, 'inserted', 'made', 0)`, hash[:], p.ID)
		}
		exec(db.dialect.renumber())
	})
}

// InsertMany inserts ordinary users into an enterprise. Their names end in a number from 1.
func (db *Database) InsertMany(t testing.TB, enterprise string, users int) {
	t.Helper()
	db.write(t, func(exec func(statement string, args ...any)) {
		exec(`INSERT INTO users (id, version, nick_name, nick_name_folded, enterprise_id, role, phone, is_active, create_time)
			WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $1)
			SELECT n + (SELECT max(id) FROM users), 1, 'many' || n, 'many' || n, $2, 'user', '', TRUE, 0 FROM numbers`, users, enterprise)
		exec(db.dialect.renumber())
	})
}
