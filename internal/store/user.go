package store

import (
	"fmt"
	"net/netip"
	"time"

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

// NewUser returns the row of a user. A password hash of "" is NULL.
func NewUser(u directory.User, passwordHash string) User {
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

// User returns the user in the row.
func (row User) User() (directory.User, error) {
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

// Updatable has the columns that an update writes for each field that it names. A name never
// changes, but it is folded again if the user moves: see [directory.FoldCase].
var Updatable = map[directory.Field][]string{
	directory.FieldNickName:     {"nick_name_folded"},
	directory.FieldPassword:     {"password_hash"},
	directory.FieldEnterpriseID: {"enterprise_id"},
	directory.FieldEmail:        {"email"},
	directory.FieldPhone:        {"phone", "phone_folded"},
	directory.FieldIsActive:     {"is_active"},
	directory.FieldRole:         {"role"},
}
