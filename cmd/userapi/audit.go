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
	jsonSetting `embed:""`
}

// Help is called by kong, which prints the text above the flags.
func (auditCommand) Help() string {
	return `The oldest change comes first. If the actor is "-", the command line
or the server itself made the change. Changes to users who were deleted later are printed, too.`
}

// Run prints a row or a line of JSON for each change, the oldest first.
func (c auditCommand) Run(ctx context.Context, std streams) error {
	return withReadService(ctx, c.databaseSetting, func(service *directory.Service) error {
		user := c.userID()
		if err := checkHasChanges(ctx, service, user); err != nil {
			return err
		}
		if c.JSON {
			return eachEvents(ctx, service, user, func(events []directory.Event) error {
				return writeLines(std.stdout, events, newEventJSON)
			})
		}
		table := newTable(std.stdout, "TIME", "ACTOR", "OPERATION", "USER", "ENTERPRISE", "FIELDS", "REQUEST", "TOKEN")
		return eachEvents(ctx, service, user, func(events []directory.Event) error {
			for _, e := range events {
				printEvent(table, e)
			}
			return table.Flush()
		})
	})
}

// eachEvents passes all changes to print, the oldest first, up to eventsPerRead at a time. A user of 0
// stands for all users.
func eachEvents(ctx context.Context, service *directory.Service, user directory.UserID, print func([]directory.Event) error) error {
	for lastID := int64(0); ; {
		events, err := service.EventsAfter(ctx, user, lastID, eventsPerRead)
		if err != nil {
			return err
		}
		if err := print(events); err != nil || len(events) < eventsPerRead {
			return err
		}
		lastID = events[len(events)-1].ID
	}
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
