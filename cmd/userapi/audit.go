package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"userapi/internal/directory"
)

// eventsAtOnce is how many events are read at once.
const eventsAtOnce = 10_000

type auditCommand struct {
	databaseSetting `embed:""`
	User            *int32 `placeholder:"ID" help:"Only the changes of this user, who may be deleted since."`
}

// Validate is called by kong.
func (c auditCommand) Validate() error {
	return errors.Join(checkOptionalUser(c.User), c.databaseSetting.Validate())
}

// Run prints a line for each change, the oldest first. "-" stands for nothing, and as
// the actor for the command line or the server itself.
func (c auditCommand) Run(ctx context.Context, std streams) error {
	return withService(ctx, c.path(), func(service *directory.Service) error {
		user, err := c.user(ctx, service)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(std.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "TIME\tACTOR\tOPERATION\tUSER\tENTERPRISE\tFIELDS\tREQUEST\tTOKEN")
		for last := int64(0); ; {
			events, err := service.EventsAfter(ctx, user, last, eventsAtOnce)
			if err != nil {
				return err
			}
			for _, e := range events {
				printEvent(table, e)
				last = e.ID
			}
			if err := table.Flush(); err != nil || len(events) < eventsAtOnce {
				return err
			}
		}
	})
}

// user returns whose changes are asked for, 0 for everyone's.
func (c auditCommand) user(ctx context.Context, service *directory.Service) (directory.UserID, error) {
	if c.User == nil {
		return 0, nil
	}
	user := directory.UserID(*c.User)
	_, _, err := service.UserEvents(ctx, directory.Operator(), user, directory.Page{Number: 1, Size: 1})
	if directory.IsCode(err, directory.CodeNotFound) {
		err = fmt.Errorf("there never was a user %d", user)
	}
	return user, err
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
	fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", e.At.Format(time.RFC3339), orDash(actor), e.Operation,
		e.TargetID, e.EnterpriseID, orDash(strings.Join(fields, ",")), orDash(e.RequestID), orDash(e.TokenName))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
