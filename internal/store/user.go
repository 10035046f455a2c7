package store

import (
	"context"
	"errors"
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
		NickNameFolded: directory.FoldNickName(u.NickName),
		EnterpriseID:   u.EnterpriseID,
		Role:           string(u.Role),
		Email:          u.Email,
		Phone:          u.Phone,
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

func findUser(db *gorm.DB, id directory.UserID) (directory.User, error) {
	var row User
	if err := db.Take(&row, "id = ?", id).Error; err != nil {
		return directory.User{}, translate(err)
	}
	return row.user()
}

// User implements directory.Store.
func (s *Store) User(ctx context.Context, id directory.UserID) (directory.User, error) {
	return findUser(s.read(ctx), id)
}

// CreateUser implements directory.Store.
func (s *Store) CreateUser(ctx context.Context, c directory.Creation) (directory.User, error) {
	var created directory.User
	err := s.unit(ctx, func(tx *gorm.DB) error {
		actor, err := findActor(tx, c.Principal)
		if err != nil {
			return err
		}
		planned, err := c.Plan(actor)
		if err != nil {
			return err
		}
		created, err = insertUser(tx, planned, c.PasswordHash)
		if err != nil {
			return err
		}
		return insertEvent(tx, c.Event(actor, created))
	})
	if err != nil {
		return directory.User{}, err
	}
	return created, nil
}

// insertUser stores a user and returns it as stored, with its number.
func insertUser(tx *gorm.DB, u directory.User, passwordHash string) (directory.User, error) {
	row := newUser(u, passwordHash)
	if err := tx.Create(&row).Error; err != nil {
		return directory.User{}, err
	}
	return row.user()
}

// UpdateUser implements directory.Store.
func (s *Store) UpdateUser(ctx context.Context, u directory.Update) (directory.User, error) {
	var change directory.Change
	err := s.unit(ctx, func(tx *gorm.DB) error {
		actor, err := findActor(tx, u.Principal)
		if err != nil {
			return err
		}
		target, err := findUser(tx, u.ID)
		if err != nil {
			return err
		}
		change, err = u.Plan(actor, target)
		if err != nil || len(change.Fields) == 0 {
			return err
		}
		if err := updateUser(tx, change); err != nil {
			return err
		}
		if err := endTokens(tx, change.User.ID, change.EndTokens, actor.Token.ID); err != nil {
			return err
		}
		return insertEvent(tx, change.Event)
	})
	// The name is taken in the enterprise that the user would move to.
	var taken *directory.Error
	if errors.As(err, &taken) && taken.Code == directory.CodeNickNameTaken {
		taken.Fields = []directory.Field{directory.FieldEnterpriseID}
	}
	if err != nil {
		return directory.User{}, err
	}
	return change.User, nil
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
			columns["phone"] = c.User.Phone
		case directory.FieldIsActive:
			columns["is_active"] = c.User.IsActive
		case directory.FieldNickName, directory.FieldOrigion:
			return fmt.Errorf("%s is not updated", field)
		}
	}
	result := tx.Model(&User{}).Where("id = ?", c.User.ID).Updates(columns)
	if result.Error == nil && result.RowsAffected != 1 {
		return fmt.Errorf("update of user %d changed %d rows", c.User.ID, result.RowsAffected)
	}
	return result.Error
}
