package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"userapi/internal/directory"
)

// eventsPerRead is how many events one query reads at most.
const eventsPerRead = 10_000

type auditCommand struct {
	listSetting `embed:"" set:"listed=changes to"`
}

// Help is called by kong, which prints the text above the flags.
func (auditCommand) Help() string {
	return `The oldest change comes first. If the actor is "-", the command line
or the server itself made the change. Changes to users who were deleted later are printed, too.`
}

// Run prints a row for each change, the oldest first. The actor is "-" if the command
// line or the server itself made the change.
func (c auditCommand) Run(ctx context.Context, std streams) error {
	return withReadService(ctx, c.databaseSetting, func(service *directory.Service) error {
		user := c.userID()
		if err := checkHasChanges(ctx, service, user); err != nil {
			return err
		}
		table := newTable(std.stdout, "TIME", "ACTOR", "OPERATION", "USER", "ENTERPRISE", "FIELDS", "REQUEST", "TOKEN")
		for lastID := int64(0); ; {
			events, err := service.EventsAfter(ctx, user, lastID, eventsPerRead)
			if err != nil {
				return err
			}
			for _, e := range events {
				printEvent(table, e)
				lastID = e.ID
			}
			if err := table.Flush(); err != nil || len(events) < eventsPerRead {
				return err
			}
		}
	})
}

// checkHasChanges fails if there never was a user with this number. It accepts 0, which
// stands for all users.
func checkHasChanges(ctx context.Context, service *directory.Service, user directory.UserID) error {
	if user == 0 {
		return nil
	}
	_, _, err := service.UserEvents(ctx, directory.Operator(), user, directory.Page{Number: 1, Size: 1})
	if directory.IsCode(err, directory.CodeNotFound) {
		err = fmt.Errorf("there never was a user %d", user)
	}
	return err
}

func printEvent(table *tabwriter.Writer, e directory.Event) {
	fields := make([]string, len(e.Fields))
	for i, field := range e.Fields {
		fields[i] = string(field)
	}
	actor := ""
	if e.ActorID != 0 {
		actor = e.ActorID.String()
	}
	writeRow(table, formatTime(e.At), actor, string(e.Operation), e.TargetID.String(), e.EnterpriseID,
		strings.Join(fields, ","), e.RequestID, e.TokenName)
}
