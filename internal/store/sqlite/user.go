package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"gorm.io/gorm"

	"userapi/internal/directory"
)

// User is a row of users. NULL is nil.
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

var (
	userTable = mustTable[User]()
	// userColumns are the columns that are read: the folded ones are only compared, in SQL.
	userColumns = userTable.all() &^ userTable.set("nick_name_folded", "phone_folded")
)

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
			return directory.User{}, fmt.Errorf("user %d: client_ip is not an address", row.ID)
		}
		u.ClientIP = address
	}
	return u, nil
}

// findUserRow returns [sql.ErrNoRows] if there is no such user.
func findUserRow(db session, id directory.UserID) (row User, err error) {
	find, err := db.buildOnce("user", func(dry *gorm.DB) *gorm.DB {
		return dry.Select(userTable.selectList(userColumns)).Find(&User{}, "id = ?", 0)
	})
	if err != nil {
		return User{}, err
	}
	err = db.prepared.queryRow(find.text, func(values []driver.Value) error {
		_, err := userTable.scan(userColumns, &row, values)
		return err
	}, int64(id))
	return row, err
}

func findUser(db session, id directory.UserID) (directory.User, error) {
	row, err := findUserRow(db, id)
	if err != nil {
		return directory.User{}, err
	}
	return row.user()
}

// User implements [directory.Store].
func (s *Store) User(_ context.Context, id directory.UserID) (user directory.User, err error) {
	defer s.finishRead(&err)
	return findUser(s.readSession, id)
}

// Account implements [directory.Store].
func (s *Store) Account(ctx context.Context, name directory.LogInName) (account directory.Account, err error) {
	defer s.finishRead(&err)
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

// Users implements [directory.Store].
func (s *Store) Users(ctx context.Context, filter directory.UserFilter, page directory.Page) (users []directory.User, total int64, err error) {
	defer s.finishRead(&err)
	find := s.listUsers
	if filter.Text != "" {
		find = s.searchUsers
	}
	rows, total, err := find(ctx, filter, page)
	if err != nil {
		return nil, 0, err
	}
	users, err = toUsers(rows)
	return users, total, err
}

// UsersAfter implements [directory.Store].
func (s *Store) UsersAfter(ctx context.Context, filter directory.UserFilter, id directory.UserID, limit int) (users []directory.User, err error) {
	defer s.finishRead(&err)
	var rows []User
	query := selectUsers(s.readSession.withContext(ctx).gorm, filter)
	if err := query.Where("id > ?", id).Order("id").Limit(limit).Find(&rows).Error; err != nil {
		return nil, err
	}
	return toUsers(rows)
}

func toUsers(rows []User) (users []directory.User, err error) {
	users = make([]directory.User, len(rows))
	for i, row := range rows {
		if users[i], err = row.user(); err != nil {
			return nil, err
		}
	}
	return users, nil
}

// insertUser stores a user and returns it as stored, with the number that SQLite has assigned
// if it was 0.
func insertUser(tx session, u directory.User, passwordHash string) (directory.User, error) {
	row := newUser(u, passwordHash)
	if err := tx.gorm.Create(&row).Error; err != nil {
		return directory.User{}, err
	}
	return row.user()
}

// updatable has the columns that an update writes for each field that it names.
var updatable = map[directory.Field]columnSet{
	directory.FieldPassword:     userTable.set("password_hash"),
	directory.FieldEnterpriseID: userTable.set("enterprise_id"),
	directory.FieldEmail:        userTable.set("email"),
	directory.FieldPhone:        userTable.set("phone", "phone_folded"),
	directory.FieldIsActive:     userTable.set("is_active"),
	directory.FieldRole:         userTable.set("role"),
}

// updateUser writes the columns of the named fields, and the version. The user must exist: this
// unit has read the row.
func updateUser(tx session, c directory.Change) error {
	named := userTable.set("version")
	for _, field := range c.Fields {
		columns, ok := updatable[field]
		if !ok {
			return fmt.Errorf("%s cannot be updated", field)
		}
		named |= columns
	}
	update, err := tx.buildOnce(named, func(dry *gorm.DB) *gorm.DB {
		return dry.Model(&User{}).Where("id = ?", placeholder("id")).Updates(userTable.placeholders(named))
	})
	if err != nil {
		return err
	}
	row := newUser(c.User, c.PasswordHash)
	if row.PasswordHash == nil && named&updatable[directory.FieldPassword] != 0 {
		return errors.New("an update must not take the password away")
	}
	arguments, err := userTable.arguments(update, &row)
	if err != nil {
		return err
	}
	return tx.prepared.exec(update.text, arguments...)
}
