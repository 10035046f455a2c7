package main

import (
	"context"
	"strconv"

	"userapi/internal/directory"
)

type showUserCommand struct {
	userSetting `embed:""`
	jsonSetting `embed:""`
}

// Help is called by kong, which prints the text above the flags.
func (showUserCommand) Help() string {
	return `The command prints everything about a user except the password's hash and the tokens, which
'userapi token list' prints. "-" means that there is no value.`
}

// Run prints a row for each member of the user, or a line of JSON.
func (c showUserCommand) Run(ctx context.Context, std streams) error {
	return withReadService(ctx, c.databaseSetting, func(service *directory.Service) error {
		u, err := service.User(ctx, directory.Operator(), directory.UserID(c.User))
		if err != nil {
			return explainNotFound(err, "user", c.User)
		}
		if c.JSON {
			return writeLines(std.stdout, []directory.User{u}, newUserJSON)
		}
		table := newTable(std.stdout, "ID", u.ID.String())
		writeRow(table, "NAME", u.NickName)
		writeRow(table, "ENTERPRISE", u.EnterpriseID)
		writeRow(table, "ROLE", string(u.Role))
		writeRow(table, "STATE", stateOf(u))
		writeRow(table, "EMAIL", valueOrEmpty(u.Email))
		writeRow(table, "PHONE", u.Phone)
		writeRow(table, "ORIGION", valueOrEmpty(u.Origion))
		writeRow(table, "CREATED", formatTime(u.CreateTime))
		writeRow(table, "CREATED FROM", clientIPOf(u))
		writeRow(table, "VERSION", strconv.FormatInt(u.Version, 10))
		return table.Flush()
	})
}

// clientIPOf returns the address from which the user was created, or "" if there is none.
func clientIPOf(u directory.User) string {
	if !u.ClientIP.IsValid() {
		return ""
	}
	return u.ClientIP.String()
}

func valueOrEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
