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
		table := tabwriter.NewWriter(std.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "TIME\tACTOR\tOPERATION\tUSER\tENTERPRISE\tFIELDS\tREQUEST\tTOKEN")
		for page := (directory.Page{Number: 1, Size: eventsAtOnce}); ; page.Number++ {
			events, total, err := c.read(ctx, service, page)
			if err != nil {
				return err
			}
			for _, e := range events {
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
			if err := table.Flush(); err != nil || page.Number*page.Size >= total {
				return err
			}
		}
	})
}

func (c auditCommand) read(ctx context.Context, service *directory.Service, page directory.Page) ([]directory.Event, int64, error) {
	if c.User == nil {
		return service.Events(ctx, page)
	}
	events, total, err := service.UserEvents(ctx, directory.Operator(), directory.UserID(*c.User), page)
	if directory.IsCode(err, directory.CodeNotFound) {
		err = fmt.Errorf("there never was a user %d", *c.User)
	}
	return events, total, err
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
