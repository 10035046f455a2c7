package main

import (
	"context"
	"errors"
	"fmt"

	"userapi/internal/directory"
)

// usersPerRead is how many users one query reads at most.
const usersPerRead = 1000

type listUsersCommand struct {
	databaseSetting `embed:""`
	EnterpriseID    *string `placeholder:"ID" help:"Print only the users of this enterprise (default: all users)."`
}

// Validate is called by kong.
func (c listUsersCommand) Validate() error {
	var faults []error
	if c.EnterpriseID != nil {
		found, err := checkValue("EnterpriseId", *c.EnterpriseID)
		faults = append(faults, err)
		for _, fault := range found {
			faults = append(faults, fmt.Errorf("--enterprise-id: use %s", fault.Expected))
		}
	}
	return errors.Join(append(faults, c.databaseSetting.Validate())...)
}

// Help is called by kong, which prints the text above the flags.
func (listUsersCommand) Help() string {
	return `The users are in the order of their numbers. The state is active, inactive, or undecided if
nobody has decided yet. Only active users can log in and use tokens.`
}

// Run prints a row for each user, in the order of their numbers.
func (c listUsersCommand) Run(ctx context.Context, std streams) error {
	return withService(ctx, c.path(), func(service *directory.Service) error {
		table := newTable(std.stdout, "ID", "NAME", "ENTERPRISE", "ROLE", "STATE")
		return eachPage(ctx, service, func(users []directory.User) error {
			for _, u := range users {
				if c.EnterpriseID == nil || *c.EnterpriseID == u.EnterpriseID {
					writeRow(table, u.ID.String(), u.NickName, u.EnterpriseID, string(u.Role), stateOf(u))
				}
			}
			return table.Flush()
		})
	})
}

// stateOf returns a word for is_active.
func stateOf(u directory.User) string {
	switch {
	case u.IsActive == nil:
		return "undecided"
	case *u.IsActive:
		return "active"
	}
	return "inactive"
}

// eachPage passes all users to print, page by page and in the order of their numbers.
//
// A server may delete users meanwhile. Then all later users move towards the front, and the next
// page begins too late. So eachPage looks at the user before a page after it has read the page.
// If this user has not been printed, it goes back by a page. It reads the users of all
// enterprises, because then nobody moves in the other direction: new users have higher numbers.
func eachPage(ctx context.Context, service *directory.Service, print func([]directory.User) error) error {
	read := func(number, size int64) ([]directory.User, error) {
		users, _, err := service.Users(ctx, directory.Operator(), "", directory.Page{Number: number, Size: size})
		return users, err
	}
	last := directory.UserID(0)
	for number := int64(1); ; number++ {
		users, err := read(number, usersPerRead)
		if err != nil {
			return err
		}
		if number > 1 {
			before, err := read((number-1)*usersPerRead, 1)
			if err != nil {
				return err
			}
			if len(before) == 0 || before[0].ID > last {
				number -= 2
				continue
			}
		}
		full := len(users) == usersPerRead
		for len(users) > 0 && users[0].ID <= last {
			users = users[1:]
		}
		if len(users) > 0 {
			last = users[len(users)-1].ID
		}
		if err := print(users); err != nil || !full {
			return err
		}
	}
}
