package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"userapi/internal/directory"
	"userapi/internal/store"
)

// The columns that are read, in the order of userFields and tokenFields. The folded ones are only compared.
const (
	userColumns = `users.id, users.version, users.nick_name, users.enterprise_id, users.role, users.password_hash,
		users.email, users.phone, users.is_active, users.origion, users.client_ip, users.create_time`
	tokenColumns = `tokens.id, tokens.user_id, tokens.name, tokens.kind, tokens.created, tokens.expires` //nolint:gosec // names of columns, not credentials
)

func userFields(u *store.User) []any {
	return []any{
		&u.ID, &u.Version, &u.NickName, &u.EnterpriseID, &u.Role, &u.PasswordHash,
		&u.Email, &u.Phone, &u.IsActive, &u.Origion, &u.ClientIP, &u.CreateTime,
	}
}

func tokenFields(t *store.Token) []any {
	return []any{&t.ID, &t.UserID, &t.Name, &t.Kind, &t.Created, &t.Expires}
}

// selectPrincipals selects tokens with their hashes, and their owners.
const selectPrincipals = `SELECT tokens.hash, ` + tokenColumns + `, ` + userColumns + ` FROM tokens JOIN users ON users.id = tokens.user_id WHERE `

// eachPrincipal calls fn with each row of selectPrincipals.
func eachPrincipal(rows pgx.Rows, fn func(hash []byte, p directory.Principal)) error {
	defer rows.Close()
	for rows.Next() {
		var hash []byte
		var token store.Token
		var owner store.User
		if err := rows.Scan(append(append([]any{&hash}, tokenFields(&token)...), userFields(&owner)...)...); err != nil {
			return err
		}
		user, err := owner.User()
		if err != nil {
			return err
		}
		fn(hash, directory.Principal{User: user, Token: token.Token()})
	}
	return rows.Err()
}

// eachUser calls fn with each row that has userColumns.
func eachUser(rows pgx.Rows, fn func(row store.User)) error {
	defer rows.Close()
	for rows.Next() {
		var row store.User
		if err := rows.Scan(userFields(&row)...); err != nil {
			return err
		}
		fn(row)
	}
	return rows.Err()
}

func (s *Store) loadPrincipals(ctx context.Context, hashes []directory.TokenHash) (map[directory.TokenHash]directory.Principal, error) {
	keys := make([][]byte, len(hashes))
	for i := range hashes {
		keys[i] = hashes[i][:]
	}
	return retry(ctx, s, func(ctx context.Context, c *connections) (map[directory.TokenHash]directory.Principal, error) {
		rows, err := c.pool.Query(ctx, selectPrincipals+`tokens.hash = ANY($1)`, keys)
		if err != nil {
			return nil, err
		}
		found := map[directory.TokenHash]directory.Principal{}
		err = eachPrincipal(rows, func(hash []byte, p directory.Principal) { found[directory.TokenHash(hash)] = p })
		return found, err
	})
}

func (s *Store) loadUsers(ctx context.Context, ids []directory.UserID) (map[directory.UserID]directory.User, error) {
	return retry(ctx, s, func(ctx context.Context, c *connections) (map[directory.UserID]directory.User, error) {
		rows, err := c.pool.Query(ctx, `SELECT `+userColumns+` FROM users WHERE id = ANY($1)`, numbers(ids))
		if err != nil {
			return nil, err
		}
		found := map[directory.UserID]directory.User{}
		var broken error
		err = eachUser(rows, func(row store.User) {
			user, err := row.User()
			if err != nil {
				broken = err
			}
			found[user.ID] = user
		})
		if err == nil {
			err = broken
		}
		return found, err
	})
}

func numbers(ids []directory.UserID) []int32 {
	numbers := make([]int32, len(ids))
	for i, id := range ids {
		numbers[i] = int32(id)
	}
	return numbers
}

// Principal implements [directory.Store].
func (s *Store) Principal(ctx context.Context, hash directory.TokenHash) (directory.Principal, error) {
	p, found, err := s.tokens.ask(ctx, hash)
	if err == nil && !found {
		err = &directory.Error{Code: directory.CodeUnauthenticated}
	}
	return p, err
}

// User implements [directory.Store].
func (s *Store) User(ctx context.Context, id directory.UserID) (directory.User, error) {
	user, found, err := s.users.ask(ctx, id)
	if err == nil && !found {
		err = &directory.Error{Code: directory.CodeNotFound}
	}
	return user, err
}

// Account implements [directory.Store].
func (s *Store) Account(ctx context.Context, name directory.LogInName) (directory.Account, error) {
	condition := `enterprise_id = $1 AND nick_name_folded IN ($2, $3) ORDER BY nick_name_folded = $2 DESC LIMIT 1`
	values := []any{name.EnterpriseID, directory.FoldCase(name.NickName), directory.Fold(name.NickName)}
	if name.Email != "" {
		condition, values = `lower(email COLLATE "C") = $1`, []any{directory.FoldEmail(name.Email)}
	}
	reading, cancel := context.WithTimeout(ctx, s.unitTimeout)
	defer cancel()
	row, err := retry(reading, s, func(ctx context.Context, c *connections) (row store.User, err error) {
		err = c.pool.QueryRow(ctx, `SELECT `+userColumns+` FROM users WHERE `+condition, values...).Scan(userFields(&row)...)
		return row, err
	})
	if err != nil {
		return directory.Account{}, translateRead(ctx, err)
	}
	user, err := row.User()
	return directory.Account{User: user, PasswordHash: passwordHash(row)}, err
}

func passwordHash(row store.User) string {
	if row.PasswordHash == nil {
		return ""
	}
	return *row.PasswordHash
}
