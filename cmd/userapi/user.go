package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"userapi/internal/contract"
	"userapi/internal/directory"
)

type userCommands struct {
	Create      createUserCommand  `cmd:"" help:"Create an active user and print the number of the user. userapi asks for the password on a terminal, and otherwise reads it from the first line of standard input."`
	List        listUsersCommand   `cmd:"" help:"List users. The list contains no e-mail addresses and no secrets."`
	Show        showUserCommand    `cmd:"" help:"Print everything about a user except secrets."`
	SetPassword setPasswordCommand `cmd:"" help:"Set the password of a user and revoke all tokens of the user except USERAPI_ADMIN_TOKEN. userapi asks for the password on a terminal, and otherwise reads it from the first line of standard input."`
}

type createUserCommand struct {
	databaseSetting     `embed:""`
	NickName            string  `placeholder:"NAME" help:"Name of the user, unique in the enterprise (required)."`
	EnterpriseID        string  `placeholder:"ID" help:"Enterprise of the user (required)."`
	Email               *string `placeholder:"ADDRESS" help:"E-mail address of the user (default: none)."`
	Phone               string  `placeholder:"NUMBER" help:"Phone number of the user (default: none)."`
	SystemAdministrator bool    `help:"Make the user a system administrator, who manages the users of all enterprises."`
}

// Validate is called by kong.
func (c createUserCommand) Validate() error {
	members := map[string]any{}
	for member, value := range map[string]*string{
		"nick_name": nilIfEmpty(c.NickName), "enterprise_id": nilIfEmpty(c.EnterpriseID), "phone": nilIfEmpty(c.Phone), "email": c.Email,
	} {
		if value != nil {
			members[member] = *value
		}
	}
	found, err := checkValue("CreateUser", members)
	faults := []error{err}
	for _, fault := range found {
		member := strings.TrimPrefix(fault.Pointer, "/")
		flag := "--" + strings.ReplaceAll(member, "_", "-")
		_, given := members[member]
		switch {
		case member == "password": // Run reads it
		case given:
			faults = append(faults, fmt.Errorf("%s: use %s", flag, fault.Expected))
		default:
			faults = append(faults, fmt.Errorf("%s: a value is required", flag))
		}
	}
	return errors.Join(append(faults, c.databaseSetting.Validate())...)
}

// checkValue checks a value against a schema of the contract.
func checkValue(schema string, value any) ([]contract.Fault, error) {
	c, err := contract.Load()
	if err != nil {
		return nil, err
	}
	return c.CheckValue(schema, value)
}

func nilIfEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Run prints nothing but the number of the user to stdout, so that $(…) captures it.
func (c createUserCommand) Run(ctx context.Context, std streams) error {
	return withService(ctx, c.databaseSetting, func(service *directory.Service) error {
		password, err := readPassword(ctx, std)
		if err != nil {
			return err
		}
		active, role := true, directory.RoleUser
		if c.SystemAdministrator {
			role = directory.RoleSystemAdministrator
		}
		user, err := service.CreateUser(ctx, directory.Operator(), directory.NewUser{
			NickName: c.NickName, Password: password, EnterpriseID: c.EnterpriseID, Role: role,
			Email: c.Email, Phone: c.Phone, IsActive: &active,
		})
		if directory.IsCode(err, directory.CodeNickNameTaken) {
			return errors.New("--nick-name: another user of this enterprise already has this name: use another one")
		}
		if directory.IsCode(err, directory.CodeEmailTaken) {
			return errors.New("--email: another user already has this address: use another one")
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(std.stdout, user.ID)
		return err
	})
}

type setPasswordCommand struct {
	userSetting `embed:""`
}

// Run sets the password and revokes the tokens of the user.
func (c setPasswordCommand) Run(ctx context.Context, std streams) error {
	return withService(ctx, c.databaseSetting, func(service *directory.Service) error {
		password, err := readPassword(ctx, std)
		if err != nil {
			return err
		}
		err = service.ChangePassword(ctx, directory.Operator(), directory.UserID(c.User), password, directory.Condition{})
		return explainNotFound(err, "user", c.User)
	})
}

// byteOrderMark is what some programs write at the beginning of UTF-8.
const byteOrderMark = "\ufeff"

// readPassword asks for a password twice if stdin is a terminal, and otherwise reads the
// first line of stdin.
func readPassword(ctx context.Context, std streams) (password string, err error) {
	if term.IsTerminal(int(std.stdin.Fd())) {
		password, err = promptTwice(ctx, std)
	} else {
		password, err = bufio.NewReader(io.LimitReader(std.stdin, 1<<10)).ReadString('\n')
		password = strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(password, byteOrderMark), "\n"), "\r")
		if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		return "", err
	}
	if !utf8.ValidString(password) {
		return "", &usageError{errors.New("password: use valid UTF-8")}
	}
	found, err := checkValue("Password", password)
	faults := []error{err}
	for _, fault := range found {
		faults = append(faults, &usageError{fmt.Errorf("password: use %s", fault.Expected)})
	}
	return password, errors.Join(faults...)
}

func promptTwice(ctx context.Context, std streams) (string, error) {
	first, err := prompt(ctx, std, "New password: ")
	if err != nil {
		return "", err
	}
	second, err := prompt(ctx, std, "Repeat the password: ")
	if err == nil && first != second {
		err = errors.New("the two passwords are different: run the command again")
	}
	return first, err
}

// prompt asks for a line and does not show what is typed. It fails on Ctrl-C, on Ctrl-D
// and when ctx ends, and always restores the terminal.
func prompt(ctx context.Context, std streams, text string) (line string, err error) {
	fd := int(std.stdin.Fd())
	state, err := term.MakeRaw(fd)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, term.Restore(fd, state)) }()
	terminal := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{std.stdin, std.stderr}, "")
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		line, err := terminal.ReadPassword(text)
		answered <- answer{line, err}
	}()
	select {
	case a := <-answered:
		if errors.Is(a.err, io.EOF) { // Ctrl-C or Ctrl-D
			_, _ = fmt.Fprint(std.stderr, "\r\n")
			a.err = errors.New("no password was entered: run the command again")
		}
		return a.line, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
