package main

import (
	"bytes"
	"encoding/json"
	"io"
	"time"

	"userapi/internal/directory"
)

// jsonSetting is shared by the subcommands that can print JSON.
type jsonSetting struct {
	JSON bool `name:"json" help:"Print JSON, one object on each line."`
}

// The objects that --json prints have the names and the forms of the contract. Every member is
// always present. Members can be added, so programs must ignore those that they do not know.

// listedUserJSON is a user in 'user list'.
type listedUserJSON struct {
	UserID       directory.UserID `json:"user_id"`
	NickName     string           `json:"nick_name"`
	EnterpriseID string           `json:"enterprise_id"`
	Role         directory.Role   `json:"role"`
	IsActive     *bool            `json:"is_active"` // nil: null
}

// userJSON is a user in 'user show'.
type userJSON struct {
	listedUserJSON
	Email      *string `json:"email"`
	Phone      string  `json:"phone"`
	Origion    *string `json:"origion"`
	CreateTime string  `json:"create_time"`
	ClientIP   *string `json:"client_ip"`
	Version    int64   `json:"version"` // the number in the ETag
}

// tokenJSON is a token in 'token list'.
type tokenJSON struct {
	TokenID    int64               `json:"token_id"`
	UserID     directory.UserID    `json:"user_id"`
	Kind       directory.TokenKind `json:"kind"`
	CreateTime string              `json:"create_time"`
	ExpiresAt  *string             `json:"expires_at"` // nil: never
	Name       string              `json:"name"`
}

// eventJSON is a change in 'audit'.
type eventJSON struct {
	EventID      int64               `json:"event_id"`
	Time         string              `json:"time"`
	ActorID      *directory.UserID   `json:"actor_id"` // nil: the command line or the server
	TokenName    string              `json:"token_name"`
	UserID       directory.UserID    `json:"user_id"`
	EnterpriseID string              `json:"enterprise_id"`
	Operation    directory.Operation `json:"operation"`
	Fields       []directory.Field   `json:"fields"`
	RequestID    *string             `json:"request_id"`
}

func newListedUserJSON(u directory.User) listedUserJSON {
	return listedUserJSON{UserID: u.ID, NickName: u.NickName, EnterpriseID: u.EnterpriseID, Role: u.Role, IsActive: u.IsActive}
}

func newUserJSON(u directory.User) userJSON {
	return userJSON{
		listedUserJSON: newListedUserJSON(u),
		Email:          u.Email, Phone: u.Phone, Origion: u.Origion, CreateTime: jsonTime(u.CreateTime), ClientIP: nilIfEmpty(clientIPOf(u)),
		Version: u.Version,
	}
}

func newTokenJSON(t directory.Token) tokenJSON {
	listed := tokenJSON{TokenID: t.ID, UserID: t.UserID, Kind: t.Kind, CreateTime: jsonTime(t.Created), Name: t.Name}
	if !t.Expires.IsZero() {
		expires := jsonTime(t.Expires)
		listed.ExpiresAt = &expires
	}
	return listed
}

func newEventJSON(e directory.Event) eventJSON {
	event := eventJSON{
		EventID: e.ID, Time: jsonTime(e.At), TokenName: e.TokenName, UserID: e.TargetID, EnterpriseID: e.EnterpriseID,
		Operation: e.Operation, Fields: append([]directory.Field{}, e.Fields...), RequestID: nilIfEmpty(e.RequestID),
	}
	if e.ActorID != 0 {
		event.ActorID = &e.ActorID
	}
	return event
}

// jsonTime returns a time as the contract writes it, with six fractional digits.
func jsonTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// writeLines writes a line for each value, all in one piece.
func writeLines[V, Object any](w io.Writer, values []V, object func(V) Object) error {
	var lines bytes.Buffer
	for _, value := range values {
		if err := json.NewEncoder(&lines).Encode(object(value)); err != nil {
			return err
		}
	}
	_, err := lines.WriteTo(w)
	return err
}
