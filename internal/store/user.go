package store

import (
	"context"
	"fmt"
	"net/netip"
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

// findRow returns the row of a user.
func findRow(db *gorm.DB, condition string, arguments ...any) (row User, err error) {
	err = db.Where(condition, arguments...).Take(&row).Error
	return row, translate(err)
}

func findUser(db *gorm.DB, id directory.UserID) (directory.User, error) {
	row, err := findRow(db, "id = ?", id)
	if err != nil {
		return directory.User{}, err
	}
	return row.user()
}

// User implements directory.Store.
func (s *Store) User(ctx context.Context, id directory.UserID) (directory.User, error) {
	return findUser(s.read(ctx), id)
}

// Account implements directory.Store.
func (s *Store) Account(ctx context.Context, name directory.LogInName) (account directory.Account, err error) {
	var row User
	if name.Email != "" {
		row, err = findRow(s.read(ctx), "lower(email) = ?", directory.FoldEmail(name.Email))
	} else {
		row, err = findRow(s.read(ctx), "enterprise_id = ? AND nick_name_folded = ?", name.EnterpriseID, directory.Fold(name.NickName))
	}
	if err != nil {
		return directory.Account{}, err
	}
	account.User, err = row.user()
	if row.PasswordHash != nil {
		account.PasswordHash = *row.PasswordHash
	}
	return account, err
}

// Users implements directory.Store.
func (s *Store) Users(ctx context.Context, filter directory.UserFilter, page directory.Page) ([]directory.User, int64, error) {
	query := s.read(ctx).Model(&User{})
	if len(filter.Roles) < len(directory.Roles()) {
		query = query.Where("role IN ?", filter.Roles)
	}
	if filter.EnterpriseID != "" {
		query = query.Where("enterprise_id = ?", filter.EnterpriseID)
	}
	if filter.Text != "" {
		text := directory.Fold(filter.Text)
		query = query.Where("(instr(nick_name_folded, ?) OR instr(lower(email), ?) OR instr(phone_folded, ?))", text, text, text)
	}
	rows, total, err := list[User](query, page)
	if err != nil {
		return nil, 0, err
	}
	users := make([]directory.User, len(rows))
	for i, row := range rows {
		if users[i], err = row.user(); err != nil {
			return nil, 0, err
		}
	}
	return users, total, nil
}

// insertUser stores a user and returns it as stored, with its number.
func insertUser(tx *gorm.DB, u directory.User, passwordHash string) (directory.User, error) {
	row := newUser(u, passwordHash)
	if err := tx.Create(&row).Error; err != nil {
		return directory.User{}, err
	}
	return row.user()
}

// updateUser writes the named columns and the version, no other.
func updateUser(tx *gorm.DB, c directory.Change) error {
	columns := map[string]any{"version": c.User.Version}
	for _, field := range c.Fields {
		switch field {
		case directory.FieldPassword:
			columns["password_hash"] = c.PasswordHash
		case directory.FieldEnterpriseID:
			columns["enterprise_id"] = c.User.EnterpriseID
		case directory.FieldEmail:
			columns["email"] = c.User.Email
		case directory.FieldPhone:
			columns["phone"], columns["phone_folded"] = c.User.Phone, directory.Fold(c.User.Phone)
		case directory.FieldIsActive:
			columns["is_active"] = c.User.IsActive
		case directory.FieldRole:
			columns["role"] = c.User.Role
		case directory.FieldNickName, directory.FieldOrigion, directory.FieldEID:
			return fmt.Errorf("%s is not updated", field)
		}
	}
	result := tx.Model(&User{}).Where("id = ?", c.User.ID).Updates(columns)
	if result.Error == nil && result.RowsAffected != 1 {
		return fmt.Errorf("update of user %d changed %d rows", c.User.ID, result.RowsAffected)
	}
	return result.Error
}
