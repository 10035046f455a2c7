package sqlite

import (
	"database/sql/driver"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"userapi/internal/directory"
	"userapi/internal/store"
)

func TestUnsupportedModelsAreRefused(t *testing.T) {
	_, err := newTable[struct {
		C00, C01, C02, C03, C04, C05, C06, C07, C08, C09, C10, C11, C12, C13, C14, C15 int64
		C16, C17, C18, C19, C20, C21, C22, C23, C24, C25, C26, C27, C28, C29, C30, C31 int64
		C32, C33, C34, C35, C36, C37, C38, C39, C40, C41, C42, C43, C44, C45, C46, C47 int64
		C48, C49, C50, C51, C52, C53, C54, C55, C56, C57, C58, C59, C60, C61, C62, C63 int64
		C64                                                                            int64
	}]()
	require.ErrorContains(t, err, "65 columns")
	_, err = newTable[struct{ At *time.Time }]()
	require.ErrorContains(t, err, "not supported")
	_, err = newTable[struct {
		Pair struct{ A, B int64 } `gorm:"embedded"`
	}]()
	require.ErrorContains(t, err, "not supported", "the column is not a field of the row itself")
	require.PanicsWithValue(t, "table users has no column nickname", func() { userTable.set("nickname") })
}

// A variable that is not a placeholder has a value of the dry run, not of the row.
func TestArgumentsRefuseOtherVariables(t *testing.T) {
	for _, variable := range []any{7, "id", placeholder("hash")} {
		_, err := userTable.arguments(statement{variables: []any{placeholder("id"), variable}}, &store.User{})
		require.ErrorContains(t, err, "variable 2 is not a column of users")
	}
}

func TestValuesOfAnotherTypeAreRefused(t *testing.T) {
	var row store.Token
	columns := tokenTable.set("user_id", "name")
	_, err := tokenTable.scan(columns, &row, []driver.Value{int64(1), int64(2)})
	require.ErrorContains(t, err, "tokens.name")
	_, err = tokenTable.scan(columns, &row, []driver.Value{int64(1 << 40), "n"})
	require.ErrorContains(t, err, "tokens.user_id")
	_, err = tokenTable.scan(columns, &row, []driver.Value{nil, "n"})
	require.ErrorContains(t, err, "tokens.user_id")
}

// fullUser returns a user with a value in every field, each a different one.
func fullUser() directory.User {
	active, email, origion := true, "ada@example.com", "import"
	return directory.User{
		ID: 7, Version: 3, NickName: "Ada", EnterpriseID: "default", Role: directory.RoleAdministrator,
		Email: &email, Phone: "BÜRO 1", IsActive: &active, Origion: &origion,
		CreateTime: time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC), ClientIP: netip.MustParseAddr("2001:db8::1"),
	}
}

const fullHash = "$argon2id$of-ada"

// requireDistinct fails if a field of the struct is zero, or two fields have the same value. With
// such a struct, a test would not notice that two values are exchanged.
func requireDistinct(t *testing.T, row any, skip ...string) {
	t.Helper()
	seen := map[string]string{}
	for name, value := range fieldsOf(row) {
		if slices.Contains(skip, name) {
			continue
		}
		require.False(t, reflect.ValueOf(value).IsZero(), "%T.%s is zero", row, name)
		text := fmt.Sprint(value)
		require.Empty(t, seen[text], "%T.%s has the value of another field", row, name)
		seen[text] = name
	}
}

// fieldsOf returns the values of a struct by the names of its fields. It follows pointers.
func fieldsOf(row any) map[string]any {
	fields := map[string]any{}
	value := reflect.ValueOf(row)
	for i := range value.NumField() {
		field := value.Field(i)
		if field.Kind() == reflect.Pointer && !field.IsNil() {
			field = field.Elem()
		}
		fields[value.Type().Field(i).Name] = field.Interface()
	}
	return fields
}

// requireStored fails unless each column of the table's only row has the value of its field in row.
func requireStored(t *testing.T, s *Store, table string, row any) {
	t.Helper()
	stored := readColumns(t, s.readSession.gorm, table)
	for name, value := range fieldsOf(row) {
		column := schema.NamingStrategy{}.ColumnName(table, name)
		if active, ok := value.(bool); ok {
			value = map[bool]int64{false: 0, true: 1}[active]
		}
		require.EqualValues(t, value, stored[column], "%s.%s", table, column)
		delete(stored, column)
	}
	require.Empty(t, stored, "columns of %s that the row does not have", table)
}

// readColumns returns the only row of a table. The names of the columns are those that SQLite has.
func readColumns(t *testing.T, db *gorm.DB, table string) map[string]any {
	t.Helper()
	var rows []map[string]any
	require.NoError(t, db.Raw("SELECT * FROM "+table).Find(&rows).Error)
	require.Len(t, rows, 1)
	return rows[0]
}

func TestUserRowCarriesEveryField(t *testing.T) {
	s := openStore(t)
	full := fullUser()
	row := store.NewUser(full, fullHash)
	requireDistinct(t, full)
	requireDistinct(t, row)
	require.NoError(t, s.writer.Write(t.Context(), func(tx session) error {
		_, err := insertUser(tx, full, fullHash)
		return err
	}))
	requireStored(t, s, "users", row)
	found, err := findUserRow(s.readSession, full.ID)
	require.NoError(t, err)
	row.NickNameFolded, row.PhoneFolded = "", "" // these are not read
	require.Equal(t, row, found)
	user, err := s.User(t.Context(), full.ID)
	require.NoError(t, err)
	require.Equal(t, full, user)

	least := directory.User{ID: 1, CreateTime: time.Unix(0, 0).UTC()}
	user, err = store.NewUser(least, "").User()
	require.NoError(t, err)
	require.Equal(t, least, user)
	broken := "localhost"
	_, err = store.User{ClientIP: &broken}.User()
	require.ErrorContains(t, err, "client_ip")
}

func TestTokenRowCarriesEveryField(t *testing.T) {
	s := openStore(t)
	owner := fullUser()
	full := directory.NewToken{Hash: directory.TokenHash{1, 2, 3}, Token: directory.Token{
		ID: 5, UserID: owner.ID, Name: "nightly job", Kind: directory.TokenMade,
		Created: owner.CreateTime, Expires: owner.CreateTime.Add(time.Hour),
	}}
	row := store.NewToken(full)
	requireDistinct(t, full.Token)
	requireDistinct(t, row, "ID") // SQLite assigns it
	require.NoError(t, s.writer.Write(t.Context(), func(tx session) error {
		if _, err := insertUser(tx, owner, fullHash); err != nil {
			return err
		}
		for range 4 { // so that SQLite assigns the number 5
			other := full
			if err := insertToken(tx, other); err != nil {
				return err
			}
			if err := tx.gorm.Delete(&store.Token{}, "hash = ?", other.Hash[:]).Error; err != nil {
				return err
			}
		}
		return insertToken(tx, full)
	}))
	row.ID = full.ID
	requireStored(t, s, "tokens", row)
	for _, by := range []func() (directory.Principal, error){
		func() (directory.Principal, error) { return findPrincipal(s.readSession, tokenByHash, full.Hash[:]) },
		func() (directory.Principal, error) { return findPrincipal(s.readSession, tokenByID, full.ID) },
	} {
		p, err := by()
		require.NoError(t, err)
		require.Equal(t, directory.Principal{User: owner, Token: full.Token}, p)
	}
	token, err := s.Token(t.Context(), full.ID)
	require.NoError(t, err)
	require.Equal(t, full.Token, token)

	least := directory.Token{Created: time.Unix(0, 0).UTC()}
	require.Equal(t, least, store.NewToken(directory.NewToken{Token: least}).Token())
}

func TestEventRowCarriesEveryField(t *testing.T) {
	s := openStore(t)
	full := directory.Event{
		ID: 1, At: time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC), ActorID: 7, TokenName: "nightly job", TargetID: 8,
		EnterpriseID: "default", Operation: directory.OperationUpdateUser,
		Fields: []directory.Field{directory.FieldPhone, directory.FieldRole}, RequestID: "QG5D7YB4OPZ5AYPRQIVXYDGPIZ",
	}
	row := store.NewEvent(full)
	requireDistinct(t, full)
	requireDistinct(t, row, "ID") // SQLite assigns it
	require.NoError(t, s.writer.Write(t.Context(), func(tx session) error { return insertEvent(tx, full) }))
	row.ID = full.ID
	requireStored(t, s, "events", row)
	least := directory.Event{ID: 2, At: time.Unix(0, 0).UTC()}
	require.NoError(t, s.writer.Write(t.Context(), func(tx session) error { return insertEvent(tx, least) }))
	events, total, err := s.Events(t.Context(), directory.EventFilter{}, directory.Page{Number: 1, Size: 10})
	require.NoError(t, err)
	require.EqualValues(t, 2, total)
	require.Equal(t, []directory.Event{full, least}, events)
}

// A request may name each field of a [directory.Patch]. The role may change with it, and a name is
// folded again.
func TestEveryFieldOfAnUpdateHasColumns(t *testing.T) {
	var patch directory.Patch
	members := reflect.ValueOf(&patch).Elem()
	for i := range members.NumField() {
		members.Field(i).FieldByName("Set").SetBool(true)
	}
	fields := append(patch.Fields(), directory.FieldRole, directory.FieldNickName)
	require.Len(t, fields, members.NumField()+2)
	for _, field := range fields {
		require.Contains(t, updatable, field)
	}
	require.Len(t, updatable, len(fields))
}

func TestUpdateRefusesOtherChanges(t *testing.T) {
	s := openStore(t)
	for field, text := range map[directory.Field]string{
		directory.FieldOrigion:  "origion cannot be updated",
		directory.FieldPassword: "must not take the password away",
	} {
		err := s.writer.Write(t.Context(), func(tx session) error {
			return updateUser(tx, directory.Change{User: fullUser(), Fields: []directory.Field{field}})
		})
		require.ErrorContains(t, err, text)
	}
}

// Whichever fields an update names, each value is stored in its own column, and no other
// column changes.
func TestUpdateWritesTheNamedColumns(t *testing.T) {
	s := openStore(t)
	inactive, email := false, "eve@example.com"
	changed := fullUser()
	changed.Version, changed.NickName, changed.ClientIP = 4, "Eve", netip.MustParseAddr("192.0.2.1")
	changed.EnterpriseID, changed.Role, changed.Email, changed.Phone, changed.IsActive = "other", directory.RoleUser, &email, "WEISS 2", &inactive
	const hash = "$argon2id$of-eve"
	requireDistinct(t, store.NewUser(changed, hash), "IsActive")
	written := map[directory.Field]map[string]any{
		directory.FieldNickName:     {"nick_name_folded": "eve"},
		directory.FieldPassword:     {"password_hash": hash},
		directory.FieldEnterpriseID: {"enterprise_id": "other"},
		directory.FieldEmail:        {"email": email},
		directory.FieldPhone:        {"phone": "WEISS 2", "phone_folded": "weiss 2"},
		directory.FieldIsActive:     {"is_active": int64(0)},
		directory.FieldRole:         {"role": "user"},
	}
	var fields []directory.Field
	for field := range updatable {
		require.Contains(t, written, field)
		fields = append(fields, field)
	}
	for subset := range 1 << len(fields) {
		require.NoError(t, s.writer.Write(t.Context(), func(tx session) error {
			if err := tx.gorm.Exec("DELETE FROM users").Error; err != nil {
				return err
			}
			if _, err := insertUser(tx, fullUser(), fullHash); err != nil {
				return err
			}
			want := readColumns(t, tx.gorm, "users")
			want["version"] = int64(4)
			c := directory.Change{User: changed, PasswordHash: hash}
			for i, field := range fields {
				if subset&(1<<i) != 0 {
					c.Fields = append(c.Fields, field)
					for column, value := range written[field] {
						require.NotEqual(t, want[column], value)
						want[column] = value
					}
				}
			}
			require.NoError(t, updateUser(tx, c))
			require.Equal(t, want, readColumns(t, tx.gorm, "users"), "%v", c.Fields)
			return nil
		}))
	}
}
