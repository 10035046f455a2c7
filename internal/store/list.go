package store

import (
	"database/sql"
	"errors"

	"gorm.io/gorm"

	"userapi/internal/directory"
)

// list returns one page of what the query selects, by number, and how many there are,
// both of the same moment.
func list[Row any](query *gorm.DB, page directory.Page) (rows []Row, total int64, err error) {
	err = query.Transaction(func(tx *gorm.DB) error {
		if err := tx.Count(&total).Error; err != nil {
			return err
		}
		return tx.Order("id").Offset(int(page.Offset())).Limit(int(page.Size)).Find(&rows).Error
	})
	if ended := query.Statement.Context.Err(); ended != nil && errors.Is(err, sql.ErrTxDone) {
		err = ended // the transaction was undone because of it
	}
	return rows, total, translate(err)
}
