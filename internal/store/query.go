package store

import (
	"slices"

	"gorm.io/gorm"

	"userapi/internal/directory"
)

// SelectUsers selects the users of the filter's enterprise and roles. It ignores the text.
func SelectUsers(db *gorm.DB, filter directory.UserFilter) *gorm.DB {
	query := db.Model(&User{})
	switch {
	case len(filter.Roles) == 0:
		query = query.Where("false")
	case slices.Equal(filter.Roles, []directory.Role{directory.RoleAdministrator}):
		// A literal, as in the partial indexes of administrators: SQLite uses them whatever the
		// parameters are.
		query = query.Where("role = 'administrator'")
	case len(filter.Roles) < len(directory.Roles()):
		query = query.Where("role IN ?", filter.Roles)
	}
	if filter.EnterpriseID != "" {
		query = query.Where("enterprise_id = ?", filter.EnterpriseID)
	}
	return query
}

// Exists reports whether the query finds a row. It does not count them.
func Exists(query *gorm.DB) (bool, error) {
	var ids []int64
	err := query.Limit(1).Pluck("id", &ids).Error
	return len(ids) > 0, err
}

// Users returns the users of these rows.
func Users(rows []User) (users []directory.User, err error) {
	users = make([]directory.User, len(rows))
	for i, row := range rows {
		if users[i], err = row.User(); err != nil {
			return nil, err
		}
	}
	return users, nil
}

// Events returns the events of these rows.
func Events(rows []Event) []directory.Event {
	events := make([]directory.Event, len(rows))
	for i, row := range rows {
		events[i] = row.Event()
	}
	return events
}

// Tokens returns the tokens of these rows.
func Tokens(rows []Token) []directory.Token {
	tokens := make([]directory.Token, len(rows))
	for i, row := range rows {
		tokens[i] = row.Token()
	}
	return tokens
}
