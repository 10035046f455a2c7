package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"userapi/internal/directory"
	"userapi/internal/mock"
)

// announceInTime announces the mock before it serves, so that whoever is answered can read what it has printed. It goes on after
// printTimeout: nobody may be reading.
func announceInTime(out io.Writer, seed mock.Seed, public net.Addr, ops net.Listener) {
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		announce(out, seed, public, ops)
	}()
	select {
	case <-printed:
	case <-time.After(printTimeout):
	}
}

// announce prints the users and tokens of a mock, and what to paste into another terminal. Ops is nil if there is no ops
// listener.
func announce(out io.Writer, seed mock.Seed, public net.Addr, ops net.Listener) {
	var text bytes.Buffer
	base := reachableURL(public)
	fmt.Fprintf(&text, "userapi mock is serving %s, and %s/docs shows its API. Press Ctrl-C to stop it and delete its database.\n"+
		"This is no place for secrets: it prints tokens and passwords, and hashes passwords at the lowest cost.\n\n", base, base)
	users := newTable(&text, "USER", "ROLE", "IS_ACTIVE", "LOG-IN NAME", "EMAIL", "PASSWORD")
	for _, u := range seed.Users {
		email, active := "", "null"
		if u.Email != nil {
			email = *u.Email
		}
		if u.IsActive != nil {
			active = fmt.Sprint(*u.IsActive)
		}
		writeRow(users, u.ID.String(), string(u.Role), active, u.EnterpriseID+"/"+u.NickName, email, u.Password)
	}
	_ = users.Flush() // a buffer takes everything
	if len(seed.Tokens) > 0 {
		text.WriteString("\n")
		tokens := newTable(&text, "USER", "NAME", "EXPIRES", "TOKEN")
		for _, t := range seed.Tokens {
			expires := "never"
			if !t.Expires.IsZero() {
				expires = formatTime(t.Expires)
			}
			writeRow(tokens, t.UserID.String(), t.Name, expires, t.Token)
		}
		_ = tokens.Flush() // a buffer takes everything
	}
	text.WriteString("\n" + suggestion(seed, base) + "\n")
	if ops != nil {
		fmt.Fprintf(&text, "To bring all this back, and to move the clock, for example past the 15 minutes after a log-in in which it may set passwords, paste one of these:\n\n"+
			"curl -X POST %[1]s/reset\ncurl -X POST %[1]s/now -H 'Content-Type: application/json' -d '{\"forward\": \"15m1s\"}'\n\n", reachableURL(ops.Addr()))
	}
	_, _ = out.Write(text.Bytes()) // the server goes on when the reader has ended
}

// reachableURL returns where clients on this machine reach a listener.
func reachableURL(address net.Addr) string {
	if tcp, ok := address.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", tcp.Port)
	}
	return "http://" + address.String()
}

// suggestion returns a line that changes a user, and what it does.
func suggestion(seed mock.Seed, base string) string {
	actor, token, found := bestToken(seed)
	if !found {
		return "No token above is valid for a user who is active: log in with POST " + base + "/openapi/v1/auth-token.\n"
	}
	target, body := actor, `{"phone": "+44 20 7946 0000"}`
	isOther := func(u mock.User) bool {
		return u.Role == directory.RoleUser && actor.Role != directory.RoleUser &&
			(u.EnterpriseID == actor.EnterpriseID || actor.Role == directory.RoleSystemAdministrator)
	}
	if i := slices.IndexFunc(seed.Users, isOther); i >= 0 {
		target, body = seed.Users[i], `{"is_active": null}`
	}
	return fmt.Sprintf("To change user %s, paste this line into another terminal:\n\n"+
		"curl -X PUT %s/openapi/v1/users/%s -H %s -H 'Content-Type: application/json' -d '%s'\n",
		target.ID, base, target.ID, shellQuote("Authorization: Bearer "+token.Token), body)
}

// bestToken returns a token that is valid at first, of the most powerful user who has one.
func bestToken(seed mock.Seed) (owner mock.User, token mock.Token, found bool) {
	now := mock.NewClock(seed.Now).Now()
	for _, t := range seed.Tokens {
		i := slices.IndexFunc(seed.Users, func(u mock.User) bool { return u.ID == t.UserID })
		u := seed.Users[i]
		if !u.Active() || !t.Expires.IsZero() && !now.Before(t.Expires) {
			continue
		}
		if !found || cmp.Compare(slices.Index(directory.Roles(), u.Role), slices.Index(directory.Roles(), owner.Role)) > 0 {
			owner, token, found = u, t, true
		}
	}
	return owner, token, found
}

// shellQuote writes a text as one word of a shell.
func shellQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
