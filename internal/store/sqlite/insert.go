package sqlite

import (
	"context"

	"userapi/internal/directory"
)

// Insert stores users under their own numbers, and tokens, in one unit and without events. It is for a
// database that is made for tests. A server changes users only with [Store.Change].
func (s *Store) Insert(ctx context.Context, accounts []directory.Account, tokens []directory.NewToken) error {
	return s.writer.Write(ctx, func(tx session) error {
		for _, account := range accounts {
			if _, err := insertUser(tx, account.User, account.PasswordHash); err != nil {
				return err
			}
		}
		for _, token := range tokens {
			if err := insertToken(tx, token); err != nil {
				return err
			}
		}
		return nil
	})
}
