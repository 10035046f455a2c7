package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"gorm.io/gorm"

	"userapi/internal/directory"
	"userapi/internal/store"
)

// Facts implements [directory.Store].
func (s *Store) Facts(ctx context.Context, p directory.Principal, id directory.UserID) (facts directory.Facts, err error) {
	defer s.finishRead(&err)
	facts, err = findFacts(s.readSession.withContext(ctx), p, id)
	if read := facts.LastAdministrator; read != nil {
		facts.LastAdministrator = func() (last bool, err error) {
			defer s.finishRead(&err)
			return read()
		}
	}
	return facts, err
}

// Change implements [directory.Store].
func (s *Store) Change(ctx context.Context, p directory.Principal, id directory.UserID, decide directory.Decide) (user directory.User, err error) {
	err = s.writer.Write(ctx, func(tx session) error {
		facts, err := findFacts(tx, p, id)
		if err != nil {
			return err
		}
		change, err := decide(facts)
		if err != nil {
			return err
		}
		user, err = applyChange(tx, change, facts.Actor)
		return err
	})
	if err != nil {
		return directory.User{}, err
	}
	return user, nil
}

// findFacts reads the facts that a [directory.Decide] decides on.
func findFacts(db session, p directory.Principal, id directory.UserID) (facts directory.Facts, err error) {
	if facts.Actor, err = findActor(db, p); err != nil || id == 0 {
		return facts, err
	}
	row, err := findUserRow(db, id)
	if errors.Is(err, sql.ErrNoRows) {
		return facts, nil
	}
	if err != nil {
		return facts, err
	}
	if facts.Target, err = row.User(); err != nil {
		return facts, err
	}
	if row.PasswordHash != nil {
		facts.PasswordHash = *row.PasswordHash
	}
	facts.LastAdministrator = lastAdministrator(db, facts.Target)
	return facts, nil
}

// lastAdministrator returns Facts.LastAdministrator for the user.
func lastAdministrator(db session, user directory.User) func() (bool, error) {
	return func() (bool, error) {
		if user.Role != directory.RoleAdministrator || !user.Active() {
			return false, nil
		}
		others := db.gorm.Model(&store.User{}).Where("enterprise_id = ? AND id <> ?", user.EnterpriseID, user.ID)
		another, err := store.Exists(others.Session(&gorm.Session{}).Where("role = 'administrator' AND is_active"))
		if err != nil || another {
			return false, err
		}
		return store.Exists(others)
	}
}

// applyChange writes the user, ends tokens, stores a new token, and writes the event.
func applyChange(tx session, c directory.Change, actor directory.Principal) (directory.User, error) {
	if c.Event == nil {
		return c.User, nil
	}
	user, err := writeUser(tx, c)
	if err != nil {
		return directory.User{}, err
	}
	tx.cache.MarkDirty(user.ID)
	if c.EndTokens {
		if err := endTokens(tx, user.ID, actor.Token.ID); err != nil {
			return directory.User{}, err
		}
	}
	if c.EndToken != 0 {
		if err := endToken(tx, c.EndToken); err != nil {
			return directory.User{}, err
		}
	}
	if c.Token != nil {
		if err := insertToken(tx, *c.Token); err != nil {
			return directory.User{}, err
		}
	}
	event := *c.Event
	event.TargetID = user.ID
	return user, insertEvent(tx, event)
}

// writeUser creates, deletes or updates the user. If the change names no fields, the row stays as it is.
func writeUser(tx session, c directory.Change) (directory.User, error) {
	switch {
	case c.User.ID == 0:
		return insertUser(tx, c.User, c.PasswordHash)
	case c.Delete:
		return c.User, tx.gorm.Delete(&store.User{}, "id = ?", c.User.ID).Error
	case len(c.Fields) > 0:
		return c.User, updateUser(tx, c)
	}
	return c.User, nil
}
