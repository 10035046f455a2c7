package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"userapi/internal/directory"
)

type tokenCommands struct {
	Create createTokenCommand `cmd:"" help:"Make a token for a user and print it, this once."`
	List   listTokensCommand  `cmd:"" help:"List tokens; what is listed of them is no secret."`
	Revoke revokeTokenCommand `cmd:"" help:"End a token."`
}

type createTokenCommand struct {
	databaseSetting `embed:""`
	User            int32          `required:"" placeholder:"ID" help:"The number of the user."`
	Name            string         `required:"" placeholder:"TEXT" help:"What the token is for, in 1 to 64 characters."`
	ExpiresIn       *time.Duration `placeholder:"DURATION" help:"How long the token lives, as in 720h (no end)."`
}

// Validate is called by kong.
func (c createTokenCommand) Validate() error {
	var faults []error
	faults = append(faults, checkUser(c.User))
	if characters := utf8.RuneCountInString(c.Name); characters < 1 || characters > 64 || strings.ContainsFunc(c.Name, unicode.IsControl) {
		faults = append(faults, errors.New("--name: it needs 1 to 64 characters, and no control characters"))
	}
	if c.ExpiresIn != nil && *c.ExpiresIn <= 0 {
		faults = append(faults, errors.New("--expires-in: it needs a duration, as in 720h"))
	}
	return errors.Join(append(faults, c.databaseSetting.Validate())...)
}

// Run prints the token alone, for $(…).
func (c createTokenCommand) Run(ctx context.Context, std streams) error {
	return withService(ctx, c.path(), func(service *directory.Service) error {
		var life time.Duration
		if c.ExpiresIn != nil {
			life = *c.ExpiresIn
		}
		secret, owner, err := service.CreateToken(ctx, directory.UserID(c.User), c.Name, life)
		if directory.IsCode(err, directory.CodeNotFound) {
			return fmt.Errorf("there is no user %d", c.User)
		}
		if err != nil {
			return err
		}
		if !owner.Active() {
			_, _ = fmt.Fprintf(std.stderr, "user %d is not active: the token is refused until is_active is true\n", c.User)
		}
		_, err = fmt.Fprintln(std.stdout, secret)
		return err
	})
}

type listTokensCommand struct {
	databaseSetting `embed:""`
	User            *int32 `placeholder:"ID" help:"Only the tokens of this user."`
}

// Validate is called by kong.
func (c listTokensCommand) Validate() error {
	return errors.Join(checkOptionalUser(c.User), c.databaseSetting.Validate())
}

// Run prints a line for each token.
func (c listTokensCommand) Run(ctx context.Context, std streams) error {
	return withService(ctx, c.path(), func(service *directory.Service) error {
		var user directory.UserID // all
		if c.User != nil {
			user = directory.UserID(*c.User)
		}
		tokens, err := service.Tokens(ctx, user)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(std.stdout, 0, 0, 2, ' ', 0)
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
func (c revokeTokenCommand) Run(ctx context.Context, _ streams) error {
	return withService(ctx, c.path(), func(service *directory.Service) error {
		err := service.RevokeToken(ctx, c.ID)
		if directory.IsCode(err, directory.CodeNotFound) {
			return fmt.Errorf("there is no token %d", c.ID)
		}
		if directory.IsCode(err, directory.CodeOperatorToken) {
			return fmt.Errorf("token %d is the operator's: it ends when the server starts without it", c.ID)
		}
		return err
	})
}
