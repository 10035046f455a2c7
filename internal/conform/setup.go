package conform

import (
	"context"
	"errors"
	"fmt"
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
		r.err = &CannotJudgeError{fmt.Sprintf("there is no server at %s: %s", r.base, causeOf(err))}
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
		r.err = &CannotJudgeError{fmt.Sprintf("the server does not have this contract: GET %susers answers %s", basePath, x.text())}
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
		x := r.call(call{op: "createUser", as: r.owner, body: members{
			"nick_name": "first", "enterprise_id": r.enterprise(1), "password": "correct horse " + r.mark,
		}})
		if code := x.object()["code"]; x.status == http.StatusForbidden && code != nil {
			r.err = &CannotJudgeError{notSystem}
			return false
		}
		if x.object()["code"] == "nick_name_taken" {
			continue // another run with this seed has not removed everything
		}
		r.admin = r.wantCreated(x, r.owner, members{"nick_name": "first", "enterprise_id": r.enterprise(1), "password": "correct horse " + r.mark})
		break
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
	for id := range r.idsAtEnd(ctx) {
		r.ids[id] = true
	}
	remaining := sortedKeys(r.ids)
	slices.Reverse(remaining)
	// The last administrator of an enterprise cannot be deleted before the others.
	for before := len(remaining) + 1; len(remaining) < before; {
		before = len(remaining)
		remaining = slices.DeleteFunc(remaining, func(id int64) bool {
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

func (r *run) removing(operation, method, path string) exchange {
	return exchange{operation: operation, token: r.owner.token, request: Request{
		Method: method, Path: path, Headers: map[string]string{"Authorization": "Bearer " + r.owner.token},
	}}
}

// idsAtEnd returns the users of the run's enterprises whom the server lists after the first one of the run. There may be
// some of which the run does not know, because an answer was lost or wrong.
func (r *run) idsAtEnd(ctx context.Context) map[int64]bool {
	found := map[int64]bool{}
	if r.admin == nil {
		return found
	}
	const size = 100
	x := r.removing("listUsers", http.MethodGet, basePath+"users?page_size=1")
	if r.exchange(ctx, &x) != nil {
		return found
	}
	total, _ := x.object()["total"].(float64)
	for page := (int64(total) + size) / size; page > 0; page-- {
		x := r.removing("listUsers", http.MethodGet, basePath+"users?page_size="+strconv.Itoa(size)+"&page="+strconv.FormatInt(page, 10))
		if r.exchange(ctx, &x) != nil {
			return found
		}
		listed, _ := x.object()["users"].([]any)
		for _, one := range listed {
			members, _ := one.(map[string]any)
			id, _ := members["user_id"].(float64)
			enterprise, _ := members["enterprise_id"].(string)
			if r.isOwn(enterprise) {
				found[int64(id)] = true
			}
			if int64(id) < r.admin.id {
				return found
			}
		}
	}
	return found
}
