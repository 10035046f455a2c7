package conform

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"userapi/internal/directory"
)

// meet finds out whether there is a server of this contract that takes the token.
func (r *run) meet() {
	x := exchange{operation: "listUsers", as: "TOKEN", token: r.owner.token, request: Request{
		Method: http.MethodGet, Path: basePath + "users", Query: url.Values{"page_size": {"1"}},
		Headers: map[string]string{"Authorization": "Bearer " + r.owner.token},
	}}
	r.sent++
	x.number = r.sent
	if err := r.exchange(r.ctx, &x); err != nil {
		if r.err = err; isCannotJudge(err) {
			return
		}
		r.err = &CannotJudgeError{fmt.Sprintf("there is no server at %s: %s", r.base, r.shown(x, causeOf(err)))}
		if failed, ok := errors.AsType[net.Error](err); ok && failed.Timeout() {
			r.err = &CannotJudgeError{fmt.Sprintf("the server at %s did not answer within a minute", r.base)}
		}
		if r.ctx.Err() != nil {
			r.err = r.ctx.Err()
		}
		return
	}
	_, isList := x.object()["users"].([]any)
	switch {
	case x.status == http.StatusUnauthorized:
		r.err = &CannotJudgeError{"the server refuses the token: make one with 'userapi token create' for a system administrator"}
		return
	case x.status == http.StatusForbidden:
		r.err = &CannotJudgeError{notSystem}
		return
	case !isList:
		r.err = &CannotJudgeError{fmt.Sprintf("the server does not have this contract: GET %susers answers %s", basePath, r.shown(x, x.text()))}
		return
	}
	r.judge(x)
}

func isCannotJudge(err error) bool {
	_, ok := errors.AsType[*CannotJudgeError](err)
	return ok
}

const (
	notSystem = "the token does not belong to a system administrator: make one with 'userapi token create' for a system administrator"
	notMade   = "the token comes from a log-in: make one with 'userapi token create', because a log-in is fresh for 15 minutes only"
)

// setUp makes the users of two enterprises. It returns false if it cannot.
func (r *run) setUp() bool {
	for attempt := range 10 {
		r.mark = r.marker(attempt)
		if r.isTaken() {
			continue
		}
		r.marks = append(r.marks, r.mark)
		x := r.call(call{op: "createUser", as: r.owner, body: members{
			"nick_name": "first-" + r.mark, "enterprise_id": r.enterprise(1), "password": "correct horse " + r.mark,
		}})
		if code := x.object()["code"]; x.status == http.StatusForbidden && code != nil {
			r.err = &CannotJudgeError{notSystem}
			return false
		}
		if x.object()["code"] == "nick_name_taken" {
			if len(x.waits) == 0 { // otherwise the request before the wait may have made the user
				r.marks = r.marks[:len(r.marks)-1]
			}
			continue // another run with this seed has not removed everything
		}
		r.admin = r.wantCreated(x, r.owner, members{"nick_name": "first-" + r.mark, "enterprise_id": r.enterprise(1), "password": "correct horse " + r.mark})
		break
	}
	if len(r.marks) == 0 && r.err == nil {
		r.err = &CannotJudgeError{"users of earlier runs with this seed are left: use another --seed"}
	}
	if r.admin == nil || !r.meetOwner() {
		return false
	}
	appoint := []**user{&r.otherAdmin, &r.foreignAdmin, &r.otherForeignAdmin}
	for i, who := range []**user{&r.otherAdmin, &r.plain, &r.other, &r.foreignAdmin, &r.otherForeignAdmin, &r.foreignPlain} {
		r.muted = false
		*who = r.create(r.owner, members{"enterprise_id": r.enterprise(1 + i/3)})
		if *who == nil {
			return false
		}
	}
	for _, who := range append(appoint, &r.admin) {
		r.muted = false
		if r.appoint(r.owner, *who); (*who).role != directory.RoleAdministrator {
			return false
		}
	}
	for _, who := range r.regulars() {
		r.muted = false
		if r.tokenOf(who) == "" {
			return false
		}
	}
	return true
}

// isTaken reports whether users of another run with this mark are left, because that run could not remove them.
func (r *run) isTaken() bool {
	x := r.call(call{op: "listUsers", as: r.owner, query: url.Values{"query": {r.mark}}})
	found, _ := x.object()["users"].([]any)
	return slices.ContainsFunc(found, func(one any) bool {
		user, _ := one.(map[string]any)
		name, _ := user["nick_name"].(string)
		return strings.Contains(name, r.mark)
	})
}

// meetOwner finds out whose token the run has been given.
func (r *run) meetOwner() bool {
	x := r.call(call{op: "listUserEvents", as: r.owner, of: idOf(r.admin)})
	events, _ := x.object()["events"].([]any)
	if !r.want(x, ruleAudit, x.status == http.StatusOK && len(events) == 1, "the event of the creation", x.text()) {
		return false
	}
	created, _ := events[0].(map[string]any)
	id, _ := created["actor_id"].(float64)
	r.owner.id = int64(id)
	r.admin.events[0].actor = r.owner.id
	if created["token_name"] == "log-in" {
		r.err = &CannotJudgeError{notMade}
		return false
	}
	return r.want(x, ruleAudit, id >= 1, "actor_id with the owner of the token", x.text())
}

// appoint makes a user an administrator, and wants success.
func (r *run) appoint(as, u *user) bool {
	x := r.call(call{op: "createAdministrator", as: as, body: members{"user_id": idOf(u), "eid": u.enterprise}})
	return r.wantStatus(x, ruleAppoint, http.StatusCreated, "") && r.afterAppointment(x, as, u)
}

// How long a run tries to remove what it has made. A user who has stopped it does not wait long.
const (
	removeTimeout   = 2 * time.Minute
	removeAfterStop = 8 * time.Second
)

// remove deletes what the run has made, also after the end of its context, and returns the paths of what is left.
func (r *run) remove() (left []string) {
	timeout := removeTimeout
	if r.ctx.Err() != nil {
		timeout = removeAfterStop
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), timeout)
	defer cancel()
	r.waited.Store(0)
	for _, mark := range r.marks {
		if !r.findMarked(ctx, mark) {
			left = append(left, basePath+"users?query="+mark)
		}
	}
	r.findAtEnd(ctx)
	remaining := sortedKeys(r.ids)
	slices.Reverse(remaining)
	// The last administrator of an enterprise cannot be deleted before the others.
	for before := len(remaining) + 1; len(remaining) < before; {
		before = len(remaining)
		remaining = slices.DeleteFunc(remaining, func(id int64) bool {
			switch r.whose(ctx, id) {
			case gone, strange:
				return true
			case unknown:
				return false
			case own:
			}
			x := r.removing("deleteUser", http.MethodDelete, fmt.Sprintf("%susers/%d", basePath, id))
			err := r.exchange(ctx, &x)
			return err == nil && (x.status == http.StatusNoContent || x.status == http.StatusNotFound)
		})
	}
	for _, id := range remaining {
		left = append(left, fmt.Sprintf("%susers/%d", basePath, id))
	}
	return left
}

// owner is whose a user is. A server may name a user whom the run has not made, and the run must not harm that user.
type owner int

const (
	unknown owner = iota
	own           // the run has made the user, in one of its enterprises
	strange       // somebody else has made the user
	gone
)

// whose asks the server whose a user is.
func (r *run) whose(ctx context.Context, id int64) owner {
	x := r.removing("getUser", http.MethodGet, fmt.Sprintf("%susers/%d", basePath, id))
	if err := r.exchange(ctx, &x); err != nil {
		return unknown
	}
	if x.status == http.StatusNotFound {
		return gone
	}
	if x.status != http.StatusOK || len(x.object()) == 0 {
		return unknown
	}
	ownEnterprise, ownName := r.isMade(x.object())
	switch {
	case ownEnterprise && ownName:
		return own
	case ownEnterprise || ownName:
		return unknown
	}
	return strange
}

// isMade reports whether the enterprise and the name of a user are of this run.
func (r *run) isMade(user map[string]any) (enterprise, name bool) {
	inEnterprise, _ := user["enterprise_id"].(string)
	called, _ := user["nick_name"].(string)
	for _, mark := range r.marks {
		enterprise = enterprise || strings.HasPrefix(inEnterprise, "conform-"+mark+"-")
		name = name || strings.Contains(strings.ToLower(called), mark)
	}
	return enterprise, name || r.names[called]
}

// idIn reads an id, also if a server writes it as a string.
func idIn(value any) int64 {
	if text, ok := value.(string); ok {
		number, _ := strconv.ParseInt(text, 10, 64)
		return number
	}
	number, _ := value.(float64)
	return int64(number)
}

// pageSize is how many users a run reads at once when it removes what it has made.
const pageSize = 100

// findMarked notes the users whose names have a mark. The run may not know them, because the answer to a creation was
// lost or wrong. It returns false if the server does not list them.
func (r *run) findMarked(ctx context.Context, mark string) bool {
	for page := 1; ; page++ {
		x := r.removing("listUsers", http.MethodGet, fmt.Sprintf("%susers?query=%s&page_size=%d&page=%d", basePath, mark, pageSize, page))
		if r.exchange(ctx, &x) != nil || x.status != http.StatusOK {
			return false
		}
		listed, isList := x.object()["users"].([]any)
		if !isList {
			return false
		}
		before := len(r.ids)
		r.note(listed)
		if len(listed) < pageSize || (page > 1 && len(r.ids) == before) {
			return true
		}
	}
}

// note keeps the users of a list whom the run has made.
func (r *run) note(listed []any) {
	for _, one := range listed {
		user, _ := one.(map[string]any)
		if enterprise, _ := r.isMade(user); enterprise && idIn(user["user_id"]) > 0 {
			r.ids[idIn(user["user_id"])] = true
		}
	}
}

func (r *run) removing(operation, method, path string) exchange {
	return exchange{operation: operation, token: r.owner.token, request: Request{
		Method: method, Path: path, Headers: map[string]string{"Authorization": "Bearer " + r.owner.token},
	}}
}

// findAtEnd notes the users of the run's enterprises whom the server lists after the first one of the run. There may be
// some whose names do not have the mark.
func (r *run) findAtEnd(ctx context.Context) {
	if r.admin == nil {
		return
	}
	x := r.removing("listUsers", http.MethodGet, basePath+"users?page_size=1")
	if r.exchange(ctx, &x) != nil {
		return
	}
	total, _ := x.object()["total"].(float64)
	for page := (int64(total) + pageSize) / pageSize; page > 0; page-- {
		x := r.removing("listUsers", http.MethodGet, fmt.Sprintf("%susers?page_size=%d&page=%d", basePath, pageSize, page))
		if r.exchange(ctx, &x) != nil {
			return
		}
		listed, _ := x.object()["users"].([]any)
		r.note(listed)
		for _, one := range listed {
			if user, _ := one.(map[string]any); idIn(user["user_id"]) < r.admin.id {
				return
			}
		}
	}
}
