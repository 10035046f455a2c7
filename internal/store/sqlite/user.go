package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"userapi/internal/directory"
	"userapi/internal/store"
)

var (
	userTable = mustTable[store.User]()
	// userColumns are the columns that are read: the folded ones are only compared, in SQL.
	userColumns = userTable.all() &^ userTable.set("nick_name_folded", "phone_folded")
)

// findUserRow returns [sql.ErrNoRows] if there is no such user.
func findUserRow(db session, id directory.UserID) (row store.User, err error) {
	find, err := db.buildOnce("user", func(dry *gorm.DB) *gorm.DB {
		return dry.Select(userTable.selectList(userColumns)).Find(&store.User{}, "id = ?", 0)
	})
	if err != nil {
		return store.User{}, err
	}
	err = db.prepared.queryRow(find.text, func(values []driver.Value) error {
		_, err := userTable.scan(userColumns, &row, values)
		return err
	}, int64(id))
	return row, err
}

func findUser(db session, id directory.UserID) (directory.User, error) {
	row, err := findUserRow(db, id)
	if err != nil {
		return directory.User{}, err
	}
	return row.User()
}

// User implements [directory.Store].
func (s *Store) User(_ context.Context, id directory.UserID) (user directory.User, err error) {
	defer s.finishRead(&err)
	if s.writer != nil {
		s.writer.progress.giveWay()
	}
	return findUser(s.readSession, id)
}

// Account implements [directory.Store].
func (s *Store) Account(ctx context.Context, name directory.LogInName) (account directory.Account, err error) {
	defer s.finishRead(&err)
	exact, folded := directory.FoldCase(name.NickName), directory.Fold(name.NickName)
	query := s.readSession.withContext(ctx).gorm.Where("enterprise_id = ? AND nick_name_folded IN (?, ?)", name.EnterpriseID, exact, folded).
		Order(clause.OrderBy{Expression: gorm.Expr("nick_name_folded = ? DESC", exact)})
	if name.Email != "" {
		query = s.readSession.withContext(ctx).gorm.Where("lower(email) = ?", directory.FoldEmail(name.Email))
	}
	var row store.User
	if err := query.Take(&row).Error; err != nil {
		return directory.Account{}, err
	}
	account.User, err = row.User()
	if row.PasswordHash != nil {
		account.PasswordHash = *row.PasswordHash
	}
	return account, err
}

// Users implements [directory.Store].
func (s *Store) Users(ctx context.Context, filter directory.UserFilter, page directory.Page) (users []directory.User, total int64, err error) {
	defer s.finishRead(&err)
	find := s.listUsers
	if filter.Text != "" {
		find = s.searchUsers
	}
	rows, total, err := find(ctx, filter, page)
	if err != nil {
		return nil, 0, err
	}
	users, err = store.Users(rows)
	return users, total, err
}

// UsersAfter implements [directory.Store].
func (s *Store) UsersAfter(ctx context.Context, filter directory.UserFilter, id directory.UserID, limit int) (users []directory.User, err error) {
	defer s.finishRead(&err)
	var rows []store.User
	query := store.SelectUsers(s.readSession.withContext(ctx).gorm, filter)
	if err := query.Where("id > ?", id).Order("id").Limit(limit).Find(&rows).Error; err != nil {
		return nil, err
	}
	return store.Users(rows)
}

// insertUser stores a user and returns it as stored, with the number that SQLite has assigned
// if it was 0.
func insertUser(tx session, u directory.User, passwordHash string) (directory.User, error) {
	row := store.NewUser(u, passwordHash)
	if err := tx.gorm.Create(&row).Error; err != nil {
		return directory.User{}, err
	}
	return row.User()
}

// updatable is [store.Updatable] as sets.
var updatable = func() map[directory.Field]columnSet {
	sets := map[directory.Field]columnSet{}
	for field, columns := range store.Updatable {
		sets[field] = userTable.set(columns...)
	}
	return sets
}()

// updateUser writes the columns of the named fields, and the version. The user must exist: this
// unit has read the row.
func updateUser(tx session, c directory.Change) error {
	named := userTable.set("version")
	for _, field := range c.Fields {
		columns, ok := updatable[field]
		if !ok {
			return fmt.Errorf("%s cannot be updated", field)
		}
		named |= columns
	}
	update, err := tx.buildOnce(named, func(dry *gorm.DB) *gorm.DB {
		return dry.Model(&store.User{}).Where("id = ?", placeholder("id")).Updates(userTable.placeholders(named))
	})
	if err != nil {
		return err
	}
	row := store.NewUser(c.User, c.PasswordHash)
	if row.PasswordHash == nil && named&updatable[directory.FieldPassword] != 0 {
		return errors.New("an update must not take the password away")
	}
	arguments, err := userTable.arguments(update, &row)
	if err != nil {
		return err
	}
	return tx.prepared.exec(update.text, arguments...)
}
