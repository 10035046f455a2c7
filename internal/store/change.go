package store

import (
	"context"

	"userapi/internal/directory"
)

// Facts implements directory.Store.
func (s *Store) Facts(ctx context.Context, p directory.Principal, id directory.UserID) (directory.Facts, error) {
	return findFacts(s.readSession.withContext(ctx), p, id)
}

// Change implements directory.Store.
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

// findFacts reads what a plan decides on.
func findFacts(tx session, p directory.Principal, id directory.UserID) (facts directory.Facts, err error) {
	if facts.Actor, err = findActor(tx, p); err != nil || id == 0 {
		return facts, err
	}
	row, err := findRow(tx, id)
	if directory.IsCode(err, directory.CodeNotFound) {
		return facts, nil
	}
	if err != nil {
		return facts, err
	}
	if facts.Target, err = row.user(); err != nil {
		return facts, err
	}
	if row.PasswordHash != nil {
		facts.PasswordHash = *row.PasswordHash
	}
	facts.LastAdministrator = lastAdministrator(tx, facts.Target)
	return facts, nil
}

// lastAdministrator tells whether the user is the only active administrator of its enterprise.
func lastAdministrator(tx session, user directory.User) func() (bool, error) {
	return func() (bool, error) {
		if user.Role != directory.RoleAdministrator || !user.Active() {
			return false, nil
		}
		others, err := exists(tx.Model(&User{}).Where(
			"enterprise_id = ? AND role = 'administrator' AND is_active AND id <> ?", user.EnterpriseID, user.ID))
		return !others, err
	}
}

// applyChange writes a change: the user, the end of tokens, a new one, the audit.
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

// writeUser creates, deletes or updates the user, or leaves the row alone.
func writeUser(tx session, c directory.Change) (directory.User, error) {
	switch {
	case c.User.ID == 0:
		return insertUser(tx, c.User, c.PasswordHash)
	case c.Delete:
		return c.User, tx.Delete(&User{}, "id = ?", c.User.ID).Error
	case len(c.Fields) > 0:
		return c.User, updateUser(tx, c)
	}
	return c.User, nil
}
