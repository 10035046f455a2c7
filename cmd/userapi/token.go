package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"userapi/internal/directory"
)

type tokenCommands struct {
	Create createTokenCommand `cmd:"" help:"Create a token for a user and print it. It cannot be printed again."`
	List   listTokensCommand  `cmd:"" help:"List tokens. The list contains no secrets."`
	Revoke revokeTokenCommand `cmd:"" help:"Revoke a token. A running server refuses it within one second."`
}

type createTokenCommand struct {
	userSetting `embed:""`
	Name        string         `required:"" placeholder:"TEXT" help:"What the token is for, in 1 to 64 characters."`
	ExpiresIn   *time.Duration `placeholder:"DURATION" help:"How long the token is valid, for example 720h (default: it never expires)."`
}

// Validate is called by kong.
func (c createTokenCommand) Validate() error {
	var faults []error
	if characters := utf8.RuneCountInString(c.Name); characters < 1 || characters > 64 || strings.ContainsFunc(c.Name, unicode.IsControl) {
		faults = append(faults, errors.New("--name: use 1 to 64 characters without control characters"))
	}
	if c.ExpiresIn != nil && *c.ExpiresIn <= 0 {
		faults = append(faults, errors.New("--expires-in: use a duration above 0, for example 720h"))
	}
	return errors.Join(append(faults, c.userSetting.Validate())...)
}

// Run prints nothing but the token to stdout, so that $(…) captures it.
func (c createTokenCommand) Run(ctx context.Context, std streams) error {
	return withService(ctx, c.databaseSetting, func(service *directory.Service) error {
		var life time.Duration
		if c.ExpiresIn != nil {
			life = *c.ExpiresIn
		}
		secret, owner, err := service.CreateToken(ctx, directory.UserID(c.User), c.Name, life)
		if err != nil {
			return explainNotFound(err, "user", c.User)
		}
		if !owner.Active() {
			_, _ = fmt.Fprintf(std.stderr, "user %d is not active: the server refuses the token until is_active is true\n", c.User)
		}
		_, err = fmt.Fprintln(std.stdout, secret)
		return err
	})
}

type listTokensCommand struct {
	listSetting `embed:"" set:"listed=tokens of"`
	jsonSetting `embed:""`
}

// Run prints a row or a line of JSON for each token.
func (c listTokensCommand) Run(ctx context.Context, std streams) error {
	return withReadService(ctx, c.databaseSetting, func(service *directory.Service) error {
		tokens, err := service.Tokens(ctx, c.userID())
		if err != nil {
			return err
		}
		if c.JSON {
			return writeLines(std.stdout, tokens, newTokenJSON)
		}
		table := newTable(std.stdout, "ID", "USER", "KIND", "CREATED", "EXPIRES", "NAME")
		for _, t := range tokens {
			expires := "never"
			if !t.Expires.IsZero() {
				expires = formatTime(t.Expires)
			}
			writeRow(table, fmt.Sprint(t.ID), t.UserID.String(), string(t.Kind), formatTime(t.Created), expires, t.Name)
		}
		return table.Flush()
	})
}

type revokeTokenCommand struct {
	databaseSetting `embed:""`
	ID              int64 `arg:"" help:"Number of the token, as 'userapi token list' prints it."`
}

// Validate is called by kong.
func (c revokeTokenCommand) Validate() error {
	var fault error
	if c.ID < 1 {
		fault = errors.New("use the number of a token, as 'userapi token list' prints it")
	}
	return errors.Join(fault, c.databaseSetting.Validate())
}

// Run revokes the token. A running server refuses it within one second.
func (c revokeTokenCommand) Run(ctx context.Context, _ streams) error {
	return withService(ctx, c.databaseSetting, func(service *directory.Service) error {
		err := service.RevokeToken(ctx, c.ID)
		if directory.IsCode(err, directory.CodeOperatorToken) {
			return fmt.Errorf("token %d is the operator's: to revoke it, start the server with another USERAPI_ADMIN_TOKEN, or with none", c.ID)
		}
		return explainNotFound(err, "token", c.ID)
	})
}
