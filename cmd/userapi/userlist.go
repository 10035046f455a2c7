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
	jsonSetting     `embed:""`
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

// Run prints a row or a line of JSON for each user, in the order of their numbers.
func (c listUsersCommand) Run(ctx context.Context, std streams) error {
	return withReadService(ctx, c.databaseSetting, func(service *directory.Service) error {
		enterprise := ""
		if c.EnterpriseID != nil {
			enterprise = *c.EnterpriseID
		}
		if c.JSON {
			return eachPage(ctx, service, enterprise, func(users []directory.User) error {
				return writeLines(std.stdout, users, newListedUserJSON)
			})
		}
		table := newTable(std.stdout, "ID", "NAME", "ENTERPRISE", "ROLE", "STATE")
		return eachPage(ctx, service, enterprise, func(users []directory.User) error {
			for _, u := range users {
				writeRow(table, u.ID.String(), u.NickName, u.EnterpriseID, string(u.Role), stateOf(u))
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

// eachPage passes all users of an enterprise to print, page by page and in the order of their
// numbers. An enterprise of "" stands for all.
func eachPage(ctx context.Context, service *directory.Service, enterprise string, print func([]directory.User) error) error {
	for last := directory.UserID(0); ; {
		users, err := service.UsersAfter(ctx, directory.Operator(), enterprise, last, usersPerRead)
		if err != nil {
			return err
		}
		if err := print(users); err != nil || len(users) < usersPerRead {
			return err
		}
		last = users[len(users)-1].ID
	}
}
