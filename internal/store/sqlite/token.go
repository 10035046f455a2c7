package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"gorm.io/gorm"

	"userapi/internal/directory"
	"userapi/internal/store"
)

var (
	tokenTable = mustTable[store.Token]()
	// tokenColumns are the columns that are read: all except the hash, which nobody needs.
	tokenColumns = tokenTable.all() &^ tokenTable.set("hash")
)

// A token is found by number or by hash. The pointer is the key of the statement in buildOnce.
var (
	tokenByID   = &tokenCondition{"tokens.id = ?"}
	tokenByHash = &tokenCondition{"tokens.hash = ?"}
)

type tokenCondition struct{ sql string }

// findPrincipal returns the token that the condition selects, and its owner. One statement
// reads both, so they are of the same moment. It fails with [directory.CodeUnauthenticated] if
// there is no such token.
func findPrincipal(db session, by *tokenCondition, argument driver.Value) (directory.Principal, error) {
	var row store.Token
	var owner store.User
	find, err := db.buildOnce(by, func(dry *gorm.DB) *gorm.DB {
		return dry.Table("tokens").Select(tokenTable.selectList(tokenColumns)+", "+userTable.selectList(userColumns)).
			Joins("JOIN users ON users.id = tokens.user_id").Where(by.sql, 0).Find(&[]map[string]any{})
	})
	if err != nil {
		return directory.Principal{}, err
	}
	err = db.prepared.queryRow(find.text, func(values []driver.Value) error {
		values, err := tokenTable.scan(tokenColumns, &row, values)
		if err == nil {
			_, err = userTable.scan(userColumns, &owner, values)
		}
		return err
	}, argument)
	if errors.Is(err, sql.ErrNoRows) {
		err = &directory.Error{Code: directory.CodeUnauthenticated}
	}
	if err != nil {
		return directory.Principal{}, err
	}
	user, err := owner.User()
	return directory.Principal{User: user, Token: row.Token()}, err
}

// Principal implements [directory.Store].
func (s *Store) Principal(_ context.Context, hash directory.TokenHash) (p directory.Principal, err error) {
	defer s.finishRead(&err)
	p, found, generation := s.cache.Get(hash)
	if found {
		s.hits.Inc()
		return p, nil
	}
	s.misses.Inc()
	p, err = findPrincipal(s.readSession, tokenByHash, hash[:])
	if err == nil {
		s.cache.Add(hash, p, generation)
	}
	return p, err
}

// findActor returns the principal as it is now: it may have changed since the request came in.
func findActor(db session, p directory.Principal) (directory.Principal, error) {
	if !p.HasToken() {
		return p, nil
	}
	actor, known := db.cachedActor(p)
	if !known {
		var err error
		if actor, err = findPrincipal(db, tokenByID, p.Token.ID); err != nil {
			return directory.Principal{}, err
		}
	}
	actor.RequestID, actor.Address = p.RequestID, p.Address
	return actor, nil
}

// endTokens ends the tokens of a user, except the one with the number used and the operator's.
func endTokens(tx session, user directory.UserID, used int64) error {
	end, err := tx.buildOnce("end tokens", func(dry *gorm.DB) *gorm.DB {
		return dry.Delete(&store.Token{}, "user_id = ? AND id <> ? AND kind <> ?", 0, 0, "")
	})
	if err != nil {
		return err
	}
	return tx.prepared.exec(end.text, int64(user), used, string(directory.TokenOperator))
}

// endToken fails with [directory.CodeNotFound] if the token has ended already.
func endToken(tx session, id int64) error {
	result := tx.gorm.Delete(&store.Token{}, "id = ?", id)
	if result.Error == nil && result.RowsAffected == 0 {
		return &directory.Error{Code: directory.CodeNotFound}
	}
	return result.Error
}

// insertToken stores a token. If it is a log-in token, insertToken deletes the user's log-in
// tokens that have expired, and all but the newest [directory.MaxLogIns].
func insertToken(tx session, t directory.NewToken) error {
	row := store.NewToken(t)
	if err := tx.gorm.Create(&row).Error; err != nil || t.Kind != directory.TokenLogIn {
		return err
	}
	logIns := func() *gorm.DB {
		return tx.gorm.Model(&store.Token{}).Where("user_id = ? AND kind = ?", row.UserID, row.Kind)
	}
	if err := logIns().Delete(&store.Token{}, "expires <= ?", row.Created).Error; err != nil {
		return err
	}
	newest := logIns().Select("id").Order("id DESC").Limit(directory.MaxLogIns)
	return logIns().Delete(&store.Token{}, "id NOT IN (?)", newest).Error
}

// Token implements [directory.Store].
func (s *Store) Token(ctx context.Context, id int64) (token directory.Token, err error) {
	defer s.finishRead(&err)
	var row store.Token
	err = s.readSession.withContext(ctx).gorm.Omit("hash").Take(&row, "id = ?", id).Error
	return row.Token(), err
}

// Tokens implements [directory.Store].
func (s *Store) Tokens(ctx context.Context, user directory.UserID) (tokens []directory.Token, err error) {
	defer s.finishRead(&err)
	query := s.readSession.withContext(ctx).gorm.Omit("hash").Order("id")
	if user != 0 {
		query = query.Where("user_id = ?", user)
	}
	var rows []store.Token
	if err := query.Find(&rows).Error; err != nil {
		return nil, err
	}
	return store.Tokens(rows), nil
}
