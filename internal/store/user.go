package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"gorm.io/gorm"

	"userapi/internal/directory"
)

// User is a row of users; NULL is nil.
type User struct {
	ID             int32
	Version        int64
	NickName       string
	NickNameFolded string
	EnterpriseID   string
	Role           string
	PasswordHash   *string
	Email          *string
	Phone          string
	PhoneFolded    string
	IsActive       *bool
	Origion        *string
	ClientIP       *string
	CreateTime     int64 // Unix time in microseconds
}

func newUser(u directory.User, passwordHash string) User {
	row := User{
		ID:             int32(u.ID),
		Version:        u.Version,
		NickName:       u.NickName,
		NickNameFolded: directory.Fold(u.NickName),
		EnterpriseID:   u.EnterpriseID,
		Role:           string(u.Role),
		Email:          u.Email,
		Phone:          u.Phone,
		PhoneFolded:    directory.Fold(u.Phone),
		IsActive:       u.IsActive,
		Origion:        u.Origion,
		CreateTime:     u.CreateTime.UnixMicro(),
	}
	if passwordHash != "" {
		row.PasswordHash = &passwordHash
	}
	if u.ClientIP.IsValid() {
		address := u.ClientIP.String()
		row.ClientIP = &address
	}
	return row
}

func (row User) user() (directory.User, error) {
	u := directory.User{
		ID:           directory.UserID(row.ID),
		Version:      row.Version,
		NickName:     row.NickName,
		EnterpriseID: row.EnterpriseID,
		Role:         directory.Role(row.Role),
		Email:        row.Email,
		Phone:        row.Phone,
		IsActive:     row.IsActive,
		Origion:      row.Origion,
		CreateTime:   time.UnixMicro(row.CreateTime).UTC(),
	}
	if row.ClientIP != nil {
		address, err := netip.ParseAddr(*row.ClientIP)
		if err != nil {
			return directory.User{}, fmt.Errorf("user %d: client_ip is no address", row.ID)
		}
		u.ClientIP = address
	}
	return u, nil
}

// userColumns are all columns, in the order of the fields.
const userColumns = "users.id, users.version, users.nick_name, users.nick_name_folded, users.enterprise_id, users.role, " +
	"users.password_hash, users.email, users.phone, users.phone_folded, users.is_active, users.origion, users.client_ip, users.create_time"

// read reads all columns in the order of the fields. The tables are STRICT: a column has
// the type that it was declared with.
func (row *User) read(values []driver.Value) {
	row.ID, row.Version = int32(values[0].(int64)), values[1].(int64) //nolint:gosec // at most 2147483647, by a CHECK
	row.NickName, row.NickNameFolded = values[2].(string), values[3].(string)
	row.EnterpriseID, row.Role = values[4].(string), values[5].(string)
	row.PasswordHash, row.Email = nullable[string](values[6]), nullable[string](values[7])
	row.Phone, row.PhoneFolded = values[8].(string), values[9].(string)
	if active := nullable[int64](values[10]); active != nil {
		value := *active == 1
		row.IsActive = &value
	}
	row.Origion, row.ClientIP = nullable[string](values[11]), nullable[string](values[12])
	row.CreateTime = values[13].(int64)
}

func nullable[T any](value driver.Value) *T {
	if value == nil {
		return nil
	}
	typed := value.(T)
	return &typed
}

// findRow returns the row of a user.
func findRow(db session, id directory.UserID) (row User, err error) {
	text := db.buildOnce("user", func(dry *gorm.DB) *gorm.DB { return dry.Select(userColumns).Find(&User{}, "id = ?", 0) })
	err = db.prepared.queryRow(text, row.read, int64(id))
	return row, err
}

func findUser(db session, id directory.UserID) (directory.User, error) {
	row, err := findRow(db, id)
	if err != nil {
		return directory.User{}, err
	}
	return row.user()
}

// User implements directory.Store.
func (s *Store) User(_ context.Context, id directory.UserID) (user directory.User, err error) {
	defer translateRead(&err)
	return findUser(s.readSession, id)
}

// Account implements directory.Store.
func (s *Store) Account(ctx context.Context, name directory.LogInName) (account directory.Account, err error) {
	defer translateRead(&err)
	query := s.readSession.withContext(ctx).gorm.Where("enterprise_id = ? AND nick_name_folded = ?", name.EnterpriseID, directory.Fold(name.NickName))
	if name.Email != "" {
		query = s.readSession.withContext(ctx).gorm.Where("lower(email) = ?", directory.FoldEmail(name.Email))
	}
	var row User
	if err := query.Take(&row).Error; err != nil {
		return directory.Account{}, err
	}
	account.User, err = row.user()
	if row.PasswordHash != nil {
		account.PasswordHash = *row.PasswordHash
	}
	return account, err
}

// Users implements directory.Store.
func (s *Store) Users(ctx context.Context, filter directory.UserFilter, page directory.Page) (users []directory.User, total int64, err error) {
	defer translateRead(&err)
	find := s.listUsers
	if filter.Text != "" {
		find = s.searchUsers
	}
	rows, total, err := find(ctx, filter, page)
	if err != nil {
		return nil, 0, err
	}
	users = make([]directory.User, len(rows))
	for i, row := range rows {
		if users[i], err = row.user(); err != nil {
			return nil, 0, err
		}
	}
	return users, total, nil
}

// insertUser stores a user and returns it as stored, with its number.
func insertUser(tx session, u directory.User, passwordHash string) (directory.User, error) {
	row := newUser(u, passwordHash)
	if err := tx.gorm.Create(&row).Error; err != nil {
		return directory.User{}, err
	}
	return row.user()
}

// updatable has the columns that an update may write, in the order of their names, as
// GORM writes them.
var updatable = []updatableColumn{
	{"email", directory.FieldEmail, func(c directory.Change) driver.Value { return valueOrNil(c.User.Email) }},
	{"enterprise_id", directory.FieldEnterpriseID, func(c directory.Change) driver.Value { return c.User.EnterpriseID }},
	{"is_active", directory.FieldIsActive, func(c directory.Change) driver.Value { return valueOrNil(c.User.IsActive) }},
	{"password_hash", directory.FieldPassword, func(c directory.Change) driver.Value { return c.PasswordHash }},
	{"phone", directory.FieldPhone, func(c directory.Change) driver.Value { return c.User.Phone }},
	{"phone_folded", directory.FieldPhone, func(c directory.Change) driver.Value { return directory.Fold(c.User.Phone) }},
	{"role", directory.FieldRole, func(c directory.Change) driver.Value { return string(c.User.Role) }},
}

type updatableColumn struct {
	name  string
	field directory.Field
	value func(directory.Change) driver.Value
}

func valueOrNil[T any](value *T) driver.Value {
	if value == nil {
		return nil
	}
	return *value
}

// columnSet has a bit for each of the updatable columns.
type columnSet uint8

// updateUser writes the named columns and the version, no other, of a user whose row was
// read in this unit.
func updateUser(tx session, c directory.Change) error {
	for _, field := range c.Fields {
		if !slices.ContainsFunc(updatable, func(column updatableColumn) bool { return column.field == field }) {
			return fmt.Errorf("update of user %d: %s is not written", c.User.ID, field)
		}
	}
	var named columnSet
	arguments := make([]driver.Value, 0, len(updatable)+2)
	for i, column := range updatable {
		if slices.Contains(c.Fields, column.field) {
			named |= 1 << i
			arguments = append(arguments, column.value(c))
		}
	}
	arguments = append(arguments, c.User.Version, int64(c.User.ID))
	text := tx.buildOnce(named, func(dry *gorm.DB) *gorm.DB {
		columns := map[string]any{"version": nil}
		for i, column := range updatable {
			if named&(1<<i) != 0 {
				columns[column.name] = nil
			}
		}
		return dry.Model(&User{}).Where("id = ?", 0).Updates(columns)
	})
	return tx.prepared.exec(text, arguments...)
}
