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

// Change implements directory.Store.
func (s *Store) Change(ctx context.Context, p directory.Principal, id directory.UserID, plan directory.Plan) (user directory.User, err error) {
	err = s.unit(ctx, func(tx *gorm.DB) error {
		actor, err := findActor(tx, p)
		if err != nil {
			return err
		}
		var target directory.User
		if id != 0 {
			if target, err = findUser(tx, id); err != nil {
				return err
			}
		}
		change, err := plan(actor, target)
		if err != nil {
			return err
		}
		user, err = carryOut(tx, change, actor)
		return err
	})
	if err != nil {
		return directory.User{}, err
	}
	return user, nil
}

// carryOut writes a change: the user, the end of tokens, the audit.
func carryOut(tx *gorm.DB, c directory.Change, actor directory.Principal) (user directory.User, err error) {
	if len(c.Fields) == 0 {
		return c.User, nil
	}
	if c.User.ID == 0 {
		c.User, err = insertUser(tx, c.User, c.PasswordHash)
		c.Event.TargetID = c.User.ID
	} else {
		err = updateUser(tx, c)
	}
	if err != nil {
		return directory.User{}, err
	}
	if c.EndTokens {
		if err := endTokens(tx, c.User.ID, actor.Token.ID); err != nil {
			return directory.User{}, err
		}
	}
	return c.User, insertEvent(tx, c.Event)
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
