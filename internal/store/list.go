package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"gorm.io/gorm"

	"userapi/internal/directory"
)

// findPage returns one page of what the query selects, by number, and how many there are,
// both of the same moment. It looks at all of them.
func findPage[Row any](query *gorm.DB, page directory.Page) (rows []Row, total int64, err error) {
	err = atOneMoment(query, func(tx *gorm.DB) error {
		if err := tx.Count(&total).Error; err != nil {
			return err
		}
		return tx.Order("id").Offset(int(page.Offset())).Limit(int(page.Size)).Find(&rows).Error
	})
	return rows, total, err
}

// atOneMoment has all that is read see the same moment.
func atOneMoment(query *gorm.DB, read func(tx *gorm.DB) error) error {
	err := query.Transaction(read)
	if ended := query.Statement.Context.Err(); ended != nil && errors.Is(err, sql.ErrTxDone) {
		return ended // the transaction was undone because of it
	}
	return err
}

// blockBits is how many of the last bits of a user's number tell the users in a block of
// user_counts apart.
const blockBits = 12

// What user_counts says of an enterprise or, without one, of all.
const (
	countUsers = `SELECT COALESCE(SUM(total), 0) FROM user_counts WHERE enterprise_id = ? AND role IN ?`
	// findBlock finds the block that has the user at this offset, and how many are before the block.
	findBlock = `
		SELECT block, through - users AS before FROM (
			SELECT block, SUM(total) AS users, SUM(SUM(total)) OVER (ORDER BY block ROWS UNBOUNDED PRECEDING) AS through
			FROM user_counts WHERE enterprise_id = ? AND role IN ? GROUP BY block)
		WHERE through - users <= ? AND ? < through LIMIT 1`
)

// listUsers does what findPage does for a filter without a text, and looks at the users of
// no more than the page and the block in which it begins.
func (s *Store) listUsers(ctx context.Context, filter directory.UserFilter, page directory.Page) (rows []User, total int64, err error) {
	offset := page.Offset()
	err = atOneMoment(s.readSession.withContext(ctx).gorm, func(tx *gorm.DB) error {
		if err := tx.Raw(countUsers, filter.EnterpriseID, filter.Roles).Scan(&total).Error; err != nil || offset >= total {
			return err
		}
		var begin struct{ Block, Before int64 }
		if err := tx.Raw(findBlock, filter.EnterpriseID, filter.Roles, offset, offset).Scan(&begin).Error; err != nil {
			return err
		}
		return selectUsers(tx, filter).Where("id >= ?", begin.Block<<blockBits).
			Order("id").Offset(int(offset - begin.Before)).Limit(int(page.Size)).Find(&rows).Error
	})
	return rows, total, err
}

// searchUsers does what findPage does for a filter with a text.
func (s *Store) searchUsers(ctx context.Context, filter directory.UserFilter, page directory.Page) ([]User, int64, error) {
	text := directory.Fold(filter.Text)
	query := selectUsers(s.scanSession.withContext(ctx).gorm, filter).
		Where("(instr(nick_name_folded, ?) OR instr(lower(email), ?) OR instr(phone_folded, ?))", text, text, text)
	var rows []User
	var total int64
	select {
	case s.scanSlot <- struct{}{}:
		defer func() { <-s.scanSlot }()
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	err := runAtLowPriority(func() (err error) {
		rows, total, err = findPage[User](query, page)
		return err
	})
	return rows, total, err
}

// selectUsers selects what the filter selects, but for its text.
func selectUsers(db *gorm.DB, filter directory.UserFilter) *gorm.DB {
	query := db.Model(&User{})
	switch {
	case slices.Equal(filter.Roles, []directory.Role{directory.RoleAdministrator}):
		// A literal, as the indexes of administrators have it: they serve whatever the parameters are.
		query = query.Where("role = 'administrator'")
	case len(filter.Roles) < len(directory.Roles()):
		query = query.Where("role IN ?", filter.Roles)
	}
	if filter.EnterpriseID != "" {
		query = query.Where("enterprise_id = ?", filter.EnterpriseID)
	}
	return query
}
