package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"gorm.io/gorm"

	"userapi/internal/directory"
	"userapi/internal/store"
)

// findPage returns one page of the rows that the query selects, ordered by number, and their
// total. Both are of the same moment. It looks at every row.
func findPage[Row any](query *gorm.DB, page directory.Page) (rows []Row, total int64, err error) {
	err = atOneMoment(query, func(tx *gorm.DB) error {
		if err := tx.Count(&total).Error; err != nil {
			return err
		}
		return tx.Order("id").Offset(int(page.Offset())).Limit(int(page.Size)).Find(&rows).Error
	})
	return rows, total, err
}

// atOneMoment calls read in a transaction, so that all its statements see the same moment.
func atOneMoment(query *gorm.DB, read func(tx *gorm.DB) error) error {
	err := query.Transaction(read)
	if ended := query.Statement.Context.Err(); ended != nil && errors.Is(err, sql.ErrTxDone) {
		return ended // database/sql has rolled back because ctx ended, and says only that the transaction is done
	}
	return err
}

// blockBits is how many of the last bits of a user's number are dropped to get the user's block
// in user_counts.
const blockBits = 12

// These read user_counts for one enterprise, or for all of them if the enterprise is "".
const (
	countUsers = `SELECT COALESCE(SUM(total), 0) FROM user_counts WHERE enterprise_id = ? AND role IN ?`
	// findBlock finds the block with the user at an offset, and how many users are before that block.
	findBlock = `
		SELECT block, through - users AS before FROM (
			SELECT block, SUM(total) AS users, SUM(SUM(total)) OVER (ORDER BY block ROWS UNBOUNDED PRECEDING) AS through
			FROM user_counts WHERE enterprise_id = ? AND role IN ? GROUP BY block)
		WHERE through - users <= ? AND ? < through LIMIT 1`
)

// listUsers is findPage for a filter without a text. It looks only at the users of the page and
// of the block in which the page begins.
func (s *Store) listUsers(ctx context.Context, filter directory.UserFilter, page directory.Page) (rows []store.User, total int64, err error) {
	offset := page.Offset()
	err = atOneMoment(s.readSession.withContext(ctx).gorm, func(tx *gorm.DB) error {
		if err := tx.Raw(countUsers, filter.EnterpriseID, filter.Roles).Scan(&total).Error; err != nil || offset >= total {
			return err
		}
		var begin struct{ Block, Before int64 }
		if err := tx.Raw(findBlock, filter.EnterpriseID, filter.Roles, offset, offset).Scan(&begin).Error; err != nil {
			return err
		}
		return store.SelectUsers(tx, filter).Where("id >= ?", begin.Block<<blockBits).
			Order("id").Offset(int(offset - begin.Before)).Limit(int(page.Size)).Find(&rows).Error
	})
	return rows, total, err
}

// searchUsers is findPage for a filter with a text. It runs at low priority.
func (s *Store) searchUsers(ctx context.Context, filter directory.UserFilter, page directory.Page) ([]store.User, int64, error) {
	text := directory.Fold(filter.Text)
	query := store.SelectUsers(s.scanSession.withContext(ctx).gorm, filter).
		Where("(instr(nick_name_folded, ?) OR instr(lower(email), ?) OR instr(phone_folded, ?))", text, text, text)
	var rows []store.User
	var total int64
	err := runAtLowPriority(func() (err error) {
		rows, total, err = findPage[store.User](query, page)
		return err
	})
	return rows, total, err
}
