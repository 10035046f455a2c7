package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"userapi/internal/directory"
	"userapi/internal/store"
)

type tokenCommands struct {
	Create createTokenCommand `cmd:"" help:"Make a token for a user and print it, this once."`
	List   listTokensCommand  `cmd:"" help:"List tokens; what is listed of them is no secret."`
	Revoke revokeTokenCommand `cmd:"" help:"End a token."`
}

type createTokenCommand struct {
	databaseSetting `embed:""`
	User            int32         `required:"" help:"The number of the user."`
	Name            string        `required:"" help:"What the token is for, in 1 to 64 characters; the audit shows it."`
	ExpiresIn       time.Duration `placeholder:"720h" help:"How long the token lives (no end)."`
}

// Validate is called by kong.
func (c createTokenCommand) Validate() error {
	var faults []error
	if characters := len([]rune(c.Name)); characters < 1 || characters > 64 {
		faults = append(faults, errors.New("--name: it needs 1 to 64 characters"))
	}
	if c.ExpiresIn < 0 {
		faults = append(faults, errors.New("--expires-in: it lies in the past"))
	}
	return errors.Join(append(faults, c.databaseSetting.Validate())...)
}

// Run prints the token alone, for $(…).
func (c createTokenCommand) Run(ctx context.Context, out output) error {
	return withService(ctx, c.path(), func(service *directory.Service) error {
		secret, _, err := service.CreateToken(ctx, directory.UserID(c.User), c.Name, c.ExpiresIn)
		if isNotFound(err) {
			return fmt.Errorf("there is no user %d", c.User)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(out.stdout, secret)
		return err
	})
}

type listTokensCommand struct {
	databaseSetting `embed:""`
	User            int32 `help:"Only the tokens of this user."`
}

// Run prints a line for each token.
func (c listTokensCommand) Run(ctx context.Context, out output) error {
	return withService(ctx, c.path(), func(service *directory.Service) error {
		tokens, err := service.Store.Tokens(ctx, directory.UserID(c.User))
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(out.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "ID\tUSER\tKIND\tCREATED\tEXPIRES\tNAME")
		for _, t := range tokens {
			expires := "never"
			if !t.Expires.IsZero() {
				expires = t.Expires.Format(time.RFC3339)
			}
			fmt.Fprintf(table, "%d\t%d\t%s\t%s\t%s\t%s\n", t.ID, t.UserID, t.Kind, t.Created.Format(time.RFC3339), expires, t.Name)
		}
		return table.Flush()
	})
}

type revokeTokenCommand struct {
	databaseSetting `embed:""`
	ID              int64 `arg:"" help:"The number of the token, from the list."`
}

// Run ends the token; its next use is refused.
func (c revokeTokenCommand) Run(ctx context.Context, _ output) error {
	return withService(ctx, c.path(), func(service *directory.Service) error {
		err := service.RevokeToken(ctx, c.ID)
		if isNotFound(err) {
			return fmt.Errorf("there is no token %d that can be ended here", c.ID)
		}
		return err
	})
}

func isNotFound(err error) bool {
	var failure *directory.Error
	return errors.As(err, &failure) && failure.Code == directory.CodeNotFound
}

// withService runs do on a database that exists.
func withService(ctx context.Context, path string, do func(*directory.Service) error) (err error) {
	kept, err := store.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	return do(newService(kept))
}
