package conform

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"userapi/internal/directory"
)

// scenes are what every run plays once, and some of them again.
var scenes = []scene{
	{"three states", (*run).playStates},
	{"one member at a time", (*run).playMembers},
	{"empty updates", (*run).playEmpty},
	{"conditions of reads", (*run).playReadConditions},
	{"conditions of changes", (*run).playChangeConditions},
	{"log-out", func(r *run) { r.checkLogOut(r.other) }},
	{"own password", func(r *run) { r.sendOwnPassword(r.plain) }},
	{"password", (*run).playPassword},
	{"deactivation", (*run).playDeactivation},
	{"deletion", (*run).playDeletion},
	{"roles of users", func(r *run) { r.playRoles(r.plain) }},
	{"roles of administrators", func(r *run) { r.playRoles(r.admin) }},
	{"members", (*run).playForbiddenMembers},
	{"enterprises", (*run).playEnterprises},
	{"last administrator", (*run).playLast},
	{"own account", (*run).playOwnAccount},
	{"appointment", (*run).playAppointment},
	{"move", (*run).playMove},
	{"taken values", (*run).playTaken},
	{"lists", (*run).playLists},
	{"search", (*run).playSearch},
	{"audit", (*run).playAudit},
	{"log-ins", (*run).playLogIns},
	{"tokens", (*run).playTokens},
	{"HEAD", (*run).playHead},
	{"paths and methods", (*run).playPaths},
	{"rules between members", (*run).playTwice},
	{"order of refusals", (*run).playOrder},
	{"values", (*run).playValues},
	{"at the same time", (*run).playTogether},
}

// put sends an update as a scene needs it.
func (r *run) put(as, u *user, body members, headers map[string]string) bool {
	g := Request{Method: http.MethodPut, Path: u.path(), Headers: map[string]string{"Content-Type": "application/json"}, Members: body}
	for name, value := range headers {
		g.Headers[name] = value
	}
	return r.update(as, u, g)
}

// playStates tests absent, null, false and true.
func (r *run) playStates() {
	for _, state := range []any{nil, false, true} {
		u := r.create(r.owner, members{"is_active": state})
		if u == nil {
			return
		}
		for _, next := range []any{true, nil, false, nil, true, false} {
			r.put(r.owner, u, members{"is_active": next}, nil)
			if yes(r.rng) {
				r.put(r.admin, u, members{"phone": r.newName("")[:8]}, nil)
			}
		}
	}
	if u := r.create(r.admin, nil); u != nil {
		r.put(r.admin, u, members{"is_active": nil}, nil)
	}
}

// playMembers changes one member after the other: the rest stays.
func (r *run) playMembers() {
	u := r.create(r.owner, members{"email": r.newMail(), "phone": "+44 20 7946 0000", "origion": "conform", "is_active": oneOf[any](r.rng, nil, false, true)})
	if u == nil {
		return
	}
	for _, body := range []members{
		{"phone": "1"},
		{"email": r.newMail()},
		{"is_active": nil},
		{"phone": ""},
		{"phone": oneOf(r.rng, " 0 0 ", "+44  20 ", "\u00a01 2")},
		{"enterprise_id": r.enterprise(3)},
		{"password": r.newPassword()},
		{"is_active": true},
		{"phone": "2", "email": r.newMail()},
		{"enterprise_id": r.enterprise(1), "is_active": false},
	} {
		r.put(r.owner, u, body, nil)
	}
}

// playEmpty sends updates without a member.
func (r *run) playEmpty() {
	for _, c := range []call{{text: "{}"}, {}, {body: members{}}} {
		c.op, c.as, c.of = "updateUser", oneOf(r.rng, r.owner, r.admin, r.plain), idOf(r.plain)
		x := r.call(c)
		if r.wantStatus(x, ruleEmptyBody, http.StatusOK, "") {
			r.applyUpdate(x, c.as, r.plain, nil)
			r.reread(x, r.plain, false)
		}
	}
	r.put(r.owner, r.plain, members{}, map[string]string{"If-Match": `"0"`})
}

func (r *run) playReadConditions() {
	u := r.plain
	if !r.put(r.owner, u, members{"phone": "7"}, nil) {
		return
	}
	for _, c := range []struct {
		header, value string
		status        int
		by            rule
	}{
		{"If-None-Match", u.etag, http.StatusNotModified, ruleIfNoneMatch},
		{"If-None-Match", "*", http.StatusNotModified, ruleIfNoneMatch},
		{"If-None-Match", `"x", W/` + u.etag, http.StatusNotModified, ruleIfNoneMatch},
		{"If-None-Match", `"0"`, http.StatusOK, ruleIfNoneMatch},
		{"If-Match", u.etag, http.StatusOK, ruleIfMatch},
		{"If-Match", "*", http.StatusOK, ruleIfMatch},
		{"If-Match", `"0"`, http.StatusPreconditionFailed, ruleStale},
		{"If-Match", "W/" + u.etag, http.StatusPreconditionFailed, ruleStale},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			x := r.call(call{op: "getUser", as: r.owner, of: idOf(u), method: method, headers: map[string]string{c.header: c.value}})
			r.wantStatus(x, c.by, c.status, "")
		}
	}
	x := r.call(call{op: "listUserEvents", as: r.owner, of: idOf(u), headers: map[string]string{"If-Match": `"0"`, "If-None-Match": "*"}})
	r.wantStatus(x, ruleNoConditions, http.StatusOK, "")
}

func (r *run) playChangeConditions() {
	u := r.create(r.owner, nil)
	if u == nil || !r.appoint(r.owner, u) {
		return
	}
	old := u.etag
	for _, header := range []map[string]string{
		{"If-Match": u.etag},
		{"If-Match": old},
		{"If-Match": "*"},
		{"If-None-Match": "*"},
		{"If-None-Match": `"0"`},
	} {
		r.put(oneOf(r.rng, r.owner, r.admin), u, members{"phone": r.newName("")[:9]}, header)
	}
	r.muted = false
	stale, password := map[string]string{"If-Match": old}, r.newPassword()
	for _, op := range []string{"changePassword", "deleteAdministrator", "deleteUser"} {
		c := call{op: op, as: r.owner, of: idOf(u), headers: stale}
		if op == "changePassword" {
			c.body = members{"user_id": u.id, "password": password, "password1": password}
		}
		x := r.call(c)
		r.wantStatus(x, ruleStale, http.StatusPreconditionFailed, "precondition_failed")
		r.reread(x, u, false)
		c.headers = map[string]string{"If-Match": u.etag}
		x = r.call(c)
		status := http.StatusNoContent
		if op == "changePassword" {
			status = http.StatusOK
		}
		if !r.wantStatus(x, ruleIfMatch, status, "") {
			return
		}
		switch op {
		case "changePassword":
			u.password = password
			r.recordEvent(u, x, event{operation: op, actor: r.owner.id, fields: []string{"password"}})
			r.reread(x, u, true)
		case "deleteAdministrator":
			u.role = directory.RoleUser
			r.recordEvent(u, x, event{operation: op, actor: r.owner.id, fields: []string{"role"}})
			r.reread(x, u, true)
		default:
			r.afterDelete(x, r.owner, u)
		}
	}
}

// checkLogOut ends one token of a user. The other one goes on.
func (r *run) checkLogOut(u *user) {
	token := r.tokenOf(u)
	another := r.anotherToken(u)
	x := r.send("deleteAuthToken", r.nameOf(u), another, Request{
		Method: http.MethodDelete, Path: basePath + "auth-token", Headers: map[string]string{"Authorization": another},
	})
	if !r.wantStatus(x, ruleLogOut, http.StatusNoContent, "") {
		return
	}
	r.recordEvent(u, x, event{operation: "deleteAuthToken", actor: u.id})
	r.wantRefusedToken(u, another, ruleLogOut)
	r.wantWorkingToken(u, token, ruleLogOut)
	r.reread(x, u, false)
}

// playPassword tests that a new password ends all tokens and the old password.
func (r *run) playPassword() {
	u := r.create(r.admin, members{"email": r.newMail()})
	if u == nil {
		return
	}
	for _, as := range []*user{r.owner, r.admin} {
		first, old, password := r.logIn(u), u.password, r.newPassword()
		second := r.anotherToken(u)
		x := r.call(call{op: "changePassword", as: as, of: idOf(u), body: members{"user_id": u.id, "password": password, "password1": password}})
		if !r.wantStatus(x, ruleValid, http.StatusOK, "") {
			return
		}
		u.password, u.token = password, ""
		r.recordEvent(u, x, event{operation: "changePassword", actor: as.id, fields: []string{"password"}})
		r.reread(x, u, true)
		r.wantRefusedToken(u, first, rulePassword)
		r.wantRefusedToken(u, second, rulePassword)
		r.wantLogInRefused(rulePassword, u.enterprise+"/"+u.name, old)
		r.logIn(u)
	}
	// A password in an update ends all tokens but the one that sends it.
	token, another, old := r.tokenOf(u), r.anotherToken(u), u.password
	if r.put(u, u, members{"password": r.newPassword()}, nil) {
		r.wantWorkingToken(u, token, ruleUpdatePass)
		r.wantRefusedToken(u, another, ruleUpdatePass)
		r.wantLogInRefused(ruleUpdatePass, *u.email, old)
	}
	r.put(r.owner, u, members{"password": r.newPassword()}, nil)
	r.logIn(u)
	r.checkAudit(u, oneOf(r.rng, r.owner, r.admin))
}

// playDeactivation tests that tokens end with is_active, for good.
func (r *run) playDeactivation() {
	for _, state := range []any{nil, false} {
		u := r.create(r.owner, members{"email": r.newMail()})
		if u == nil {
			return
		}
		token := r.logIn(u)
		if !r.put(oneOf(r.rng, r.owner, r.admin), u, members{"is_active": state}, nil) {
			return
		}
		r.wantLogInRefused(ruleInactive, u.enterprise+"/"+u.name, u.password)
		r.put(r.owner, u, members{"is_active": true}, nil)
		r.wantRefusedToken(u, token, ruleDeactivated)
		r.logIn(u)
	}
}

// playDeletion tests that a deleted user is gone for good.
func (r *run) playDeletion() {
	u := r.create(r.owner, members{"email": r.newMail()})
	if u == nil {
		return
	}
	r.logIn(u)
	x := r.call(call{op: "deleteUser", as: oneOf(r.rng, r.owner, r.admin), of: idOf(u)})
	if !r.wantStatus(x, ruleValid, http.StatusNoContent, "") {
		return
	}
	actor := r.owner
	if x.token != r.owner.token {
		actor = r.admin
	}
	r.afterDelete(x, actor, u)
	for _, c := range []call{
		{op: "deleteUser"},
		{op: "getUser"},
		{op: "updateUser", body: members{"phone": "1"}},
		{op: "deleteAdministrator"},
		{op: "changePassword", body: members{"user_id": u.id, "password": "correct horse", "password1": "correct horse"}},
	} {
		c.as, c.of = oneOf(r.rng, r.owner, r.admin), idOf(u)
		r.wantStatus(r.call(c), ruleDeleted, http.StatusNotFound, "not_found")
	}
	r.wantLogInRefused(ruleDeleted, u.enterprise+"/"+u.name, u.password)
	r.checkAudit(u, r.owner)
	r.checkUserList(r.admin)
	// The name and the address are free again, and the id is not.
	r.create(r.owner, members{"nick_name": u.name, "email": *u.email})
}

// playRoles tests what an actor may not do.
func (r *run) playRoles(actor *user) {
	password := "correct horse battery"
	for _, target := range []*user{actor, r.other, r.otherAdmin, r.foreignPlain, r.foreignAdmin, r.owner, nil} {
		of := "2147483647"
		if target != nil {
			of = idOf(target)
		}
		for _, c := range []call{
			{op: "getUser"},
			{op: "updateUser", body: members{"phone": "never"}},
			{op: "deleteUser"},
			{op: "listUserEvents"},
			{op: "deleteAdministrator"},
			{op: "changePassword", body: members{"user_id": numberOf(of), "password": password, "password1": password}},
			{op: "createAdministrator", body: members{"user_id": of, "eid": actor.enterprise}},
		} {
			no := refusal(c.op, actor, target)
			if no == nil || (target == r.owner && c.op != "getUser" && c.op != "listUserEvents") {
				continue // if the server does it, the owner of the token must not change
			}
			c.as, c.of = actor, of
			r.muted = false
			x := r.call(c)
			if !r.wantOutcome(x, *no) && x.succeeded() && target != nil && target != r.owner {
				r.repair(target)
			}
		}
	}
	if actor.role == directory.RoleUser {
		for _, c := range []call{
			{op: "listUsers"},
			{op: "listAdministrators"},
			{op: "createUser", body: members{"nick_name": r.newName("never"), "enterprise_id": actor.enterprise, "password": password}},
		} {
			c.as = actor
			r.muted = false
			x := r.call(c)
			r.removeStray(x)
			r.wantStatus(x, ruleAlways403, http.StatusForbidden, "forbidden")
		}
	}
	r.muted = false
	r.reread(r.read(r.other), r.other, false)
}

// numberOf returns an id as a number of JSON.
func numberOf(id string) any {
	var number int64
	if _, err := fmt.Sscan(id, &number); err != nil {
		return id
	}
	return number
}

// playForbiddenMembers tests members that a role may not set, next to one that it may.
func (r *run) playForbiddenMembers() {
	for _, c := range []struct {
		as, of *user
		member string
		value  any
	}{
		{r.plain, r.plain, "is_active", true},
		{r.plain, r.plain, "enterprise_id", r.enterprise(2)},
		{r.admin, r.other, "enterprise_id", r.enterprise(2)},
		{r.admin, r.admin, "enterprise_id", r.enterprise(3)},
	} {
		r.muted = false
		r.put(c.as, c.of, members{c.member: c.value, "phone": "never"}, nil)
	}
}

// playEnterprises tests enterprises that are not the administrator's.
func (r *run) playEnterprises() {
	r.createAs(r.admin, members{"enterprise_id": r.enterprise(2)})
	r.createAs(r.admin, members{"enterprise_id": r.enterprise(3)})
	r.createAs(r.foreignAdmin, members{"enterprise_id": r.enterprise(2)})
	x := r.call(call{op: "listAdministrators", as: r.admin, query: url.Values{"eid": {r.enterprise(2)}}})
	r.wantStatus(x, ruleEID, http.StatusForbidden, "forbidden")
	x = r.call(call{op: "createAdministrator", as: r.admin, body: members{"user_id": idOf(r.other), "eid": r.enterprise(2)}})
	r.wantOutcome(x, appointOutcome(r.admin, r.other, r.enterprise(2)))
	x = r.call(call{op: "createAdministrator", as: r.owner, body: members{"user_id": idOf(r.other), "eid": r.enterprise(2)}})
	r.wantOutcome(x, appointOutcome(r.owner, r.other, r.enterprise(2)))
	r.reread(x, r.other, false)
}

// createAs creates a user, or wants the refusal that the world has for it.
func (r *run) createAs(as *user, given members) *user {
	body := members{"nick_name": r.newName("user"), "enterprise_id": r.enterprise(1), "password": r.newPassword()}
	for name, value := range given {
		body[name] = value
	}
	wanted := r.createOutcome(as, body)
	x := r.call(call{op: "createUser", as: as, body: body})
	if !r.wantOutcome(x, wanted) {
		r.removeStray(x)
		return nil
	}
	return r.wantCreated(x, as, body)
}

// playLast tests the last administrator of an enterprise.
func (r *run) playLast() {
	r.made++
	enterprise := r.enterprise(100 + r.made)
	last, second := r.create(r.owner, members{"enterprise_id": enterprise}), r.create(r.owner, members{"enterprise_id": enterprise})
	if last == nil || second == nil || !r.appoint(r.owner, last) {
		return
	}
	r.put(r.owner, last, members{"is_active": nil}, nil)
	r.put(r.owner, last, members{"is_active": false, "phone": "never"}, nil)
	r.put(r.owner, last, members{"enterprise_id": r.enterprise(1)}, nil)
	x := r.call(call{op: "deleteUser", as: r.owner, of: idOf(last)})
	r.wantOutcome(x, r.deleteOutcome(r.owner, last, nil))
	r.reread(x, last, false)
	x = r.call(call{op: "deleteAdministrator", as: r.owner, of: idOf(last)})
	r.wantOutcome(x, r.dismissOutcome(r.owner, last, nil))
	r.reread(x, last, false)
	r.put(r.owner, last, members{"phone": "1"}, nil)
	// With a second administrator, all of it works.
	if !r.appoint(last, second) {
		return
	}
	r.put(r.owner, last, members{"is_active": false}, nil)
	r.put(r.owner, second, members{"is_active": nil}, nil) // second is the last active one now
	r.put(r.owner, last, members{"is_active": true}, nil)
	x = r.call(call{op: "deleteAdministrator", as: last, of: idOf(second)})
	if r.wantOutcome(x, r.dismissOutcome(last, second, nil)) {
		second.role = directory.RoleUser
		r.recordEvent(second, x, event{operation: "deleteAdministrator", actor: last.id, fields: []string{"role"}})
		r.reread(x, second, true)
	}
	x = r.call(call{op: "deleteUser", as: last, of: idOf(second)})
	if r.wantOutcome(x, r.deleteOutcome(last, second, nil)) {
		r.afterDelete(x, last, second)
	}
	x = r.call(call{op: "deleteUser", as: r.owner, of: idOf(last)}) // nobody else is left
	if r.wantOutcome(x, r.deleteOutcome(r.owner, last, nil)) {
		r.afterDelete(x, r.owner, last)
	}
}

// playOwnAccount tests what nobody may do to oneself.
func (r *run) playOwnAccount() {
	u := r.admin
	for _, state := range []any{nil, false} {
		r.put(u, u, members{"is_active": state}, nil)
	}
	r.put(u, u, members{"is_active": true}, nil)
	x := r.call(call{op: "deleteUser", as: u, of: idOf(u)})
	r.wantOutcome(x, r.deleteOutcome(u, u, nil))
	x = r.call(call{op: "deleteAdministrator", as: u, of: idOf(u)})
	r.wantOutcome(x, r.dismissOutcome(u, u, nil))
	r.reread(x, u, false)
	x = r.call(call{op: "deleteUser", as: r.plain, of: idOf(r.plain)})
	r.wantOutcome(x, r.deleteOutcome(r.plain, r.plain, nil))
	r.reread(x, r.plain, false)
}

// playAppointment tests that the role comes and goes.
func (r *run) playAppointment() {
	u := r.create(r.owner, nil)
	if u == nil {
		return
	}
	x := r.call(call{op: "deleteAdministrator", as: r.owner, of: idOf(u)})
	r.wantOutcome(x, r.dismissOutcome(r.owner, u, nil))
	x = r.call(call{op: "listUsers", as: u})
	r.wantStatus(x, ruleAlways403, http.StatusForbidden, "forbidden")
	if !r.appoint(oneOf(r.rng, r.owner, r.admin), u) {
		return
	}
	x = r.call(call{op: "listUsers", as: u})
	r.wantStatus(x, ruleAppoint, http.StatusOK, "")
	x = r.call(call{op: "createAdministrator", as: r.owner, body: members{"user_id": idOf(u), "eid": u.enterprise}})
	if r.wantStatus(x, ruleAppointTwice, http.StatusCreated, "") {
		r.reread(x, u, false)
	}
	r.checkAdministrators(r.admin)
	x = r.call(call{op: "deleteAdministrator", as: oneOf(r.rng, r.owner, r.admin), of: idOf(u)})
	if !r.wantStatus(x, ruleDismiss, http.StatusNoContent, "") {
		return
	}
	actor := r.owner
	if x.token != r.owner.token {
		actor = r.admin
	}
	u.role = directory.RoleUser
	r.recordEvent(u, x, event{operation: "deleteAdministrator", actor: actor.id, fields: []string{"role"}})
	r.reread(x, u, true)
	x = r.call(call{op: "listUsers", as: u})
	r.wantStatus(x, ruleDismiss, http.StatusForbidden, "forbidden")
	x = r.call(call{op: "deleteAdministrator", as: r.owner, of: idOf(u)})
	r.wantStatus(x, ruleNoAdmin, http.StatusNotFound, "not_found")
	r.checkAdministrators(r.owner)
	r.checkAudit(u, r.admin)
}

// playMove tests that an administrator who moves loses the role, and who sees which part of the audit.
func (r *run) playMove() {
	u := r.create(r.owner, nil)
	if u == nil || !r.appoint(r.owner, u) {
		return
	}
	r.put(r.owner, u, members{"enterprise_id": r.enterprise(1)}, nil) // no move
	x := r.call(call{op: "listUsers", as: u})
	r.wantStatus(x, ruleAppoint, http.StatusOK, "")
	if !r.put(r.owner, u, members{"enterprise_id": r.enterprise(2)}, nil) {
		return
	}
	x = r.call(call{op: "listUsers", as: u})
	r.wantStatus(x, ruleMoved, http.StatusForbidden, "forbidden")
	r.checkAdministrators(r.owner)
	r.put(r.foreignAdmin, u, members{"phone": "1"}, nil)
	r.put(r.admin, u, members{"phone": "never"}, nil)
	r.checkAudit(u, r.foreignAdmin)
	r.checkAudit(u, r.owner)
}

// playTaken tests values that only one user can have.
func (r *run) playTaken() {
	name, mail := r.newName("Taken"), r.newMail()
	u := r.create(r.owner, members{"nick_name": name, "email": mail})
	if u == nil {
		return
	}
	r.createAs(r.owner, members{"nick_name": otherCase(name)})
	r.createAs(r.admin, members{"nick_name": wide(name)})
	r.createAs(r.owner, members{"email": otherCase(mail), "enterprise_id": r.enterprise(2)})
	r.put(r.owner, r.foreignPlain, members{"email": mail, "phone": "never"}, nil)
	r.put(r.owner, u, members{"email": otherCase(mail)}, nil) // one's own
	if other := r.createAs(r.owner, members{"nick_name": otherCase(name), "enterprise_id": r.enterprise(2)}); other != nil {
		r.put(r.owner, other, members{"enterprise_id": r.enterprise(1)}, nil)
	}
}

// wide writes ASCII in full width.
func wide(text string) string {
	return strings.Map(func(c rune) rune {
		if '!' <= c && c <= '~' {
			return c + 0xfee0
		}
		return c
	}, text)
}

// playLists reads whole lists.
func (r *run) playLists() {
	r.checkUserList(r.admin)
	r.checkUserList(r.foreignAdmin)
	for _, as := range []*user{r.owner, r.admin, r.foreignAdmin} {
		r.checkAdministrators(as)
	}
	x := r.call(call{op: "listUsers", as: r.admin, query: url.Values{"page": {"2147483647"}, "page_size": {"100"}}})
	r.want(x, ruleAfterLast, x.status == http.StatusOK && hasEmptyList(x, "users"), "200 with users []", x.text())
	x = r.call(call{op: "listUsers", as: r.admin, query: url.Values{"no_such": {"1", "2"}}})
	r.wantStatus(x, ruleOtherQuery, http.StatusOK, "")
	x = r.call(call{op: "listUsers", as: r.owner})
	total, _ := x.object()["total"].(float64)
	r.want(x, ruleTotal, total >= float64(len(r.alive(""))), fmt.Sprintf("a total of %d or more", len(r.alive(""))), x.text())
}

func hasEmptyList(x exchange, name string) bool {
	entries, isList := x.object()[name].([]any)
	return isList && len(entries) == 0
}

// playSearch searches for texts that only this run uses.
func (r *run) playSearch() {
	u := r.create(r.owner, members{"email": r.newMail(), "phone": "+" + r.mark})
	if u == nil {
		return
	}
	r.checkQuery(r.owner, u.name, otherCase(u.name))
	r.checkQuery(r.admin, r.mark, strings.ToUpper(r.mark))
	r.checkQuery(r.admin, *u.email, *u.email)
	r.checkQuery(r.foreignAdmin, u.phone, u.phone)
	r.checkQuery(r.owner, u.phone, u.phone)
	r.checkQuery(r.owner, u.name, wide(u.name))
	r.checkQuery(r.owner, r.mark+"%", r.mark+"%")
	r.checkQuery(r.admin, "", "")
}

// playAudit makes each kind of change and reads the audit.
func (r *run) playAudit() {
	u := r.create(r.admin, members{"phone": "1", "is_active": true})
	if u == nil {
		return
	}
	r.put(r.owner, u, members{"phone": "2", "is_active": true, "email": r.newMail()}, nil)
	r.put(r.owner, u, members{}, nil)
	r.put(u, u, members{"phone": "3"}, nil)
	r.appoint(r.owner, u)
	r.checkLogOut(u)
	r.sendOwnPassword(u)
	r.checkAudit(u, r.owner)
	r.checkAudit(u, r.otherAdmin)
	r.checkAudit(u, r.foreignAdmin)
	r.checkAudit(u, r.plain)
}

// playLogIns logs in by each name, and by wrong ones.
func (r *run) playLogIns() {
	mail, decomposed := r.newMail(), "e\u0301t\u00e9 \u212b corre\u0301ct"
	u := r.create(r.owner, members{"email": mail, "password": decomposed})
	if u == nil {
		return
	}
	for _, c := range []struct {
		username, password string
		by                 rule
	}{
		{u.enterprise + "/" + otherCase(u.name), u.password, ruleLogIn},
		{otherCase(mail), u.password, ruleLogIn},
		{mail, "\u00e9te\u0301\u00a0\u00c5\u3000corr\u00e9ct", ruleUnicode},
	} {
		x := r.tryLogIn(c.username, c.password)
		if r.wantStatus(x, c.by, http.StatusOK, "") {
			token, _ := x.object()["token"].(string)
			r.recordEvent(u, x, event{operation: "createAuthToken"})
			r.wantWorkingToken(u, token, ruleLogIn)
		}
	}
	r.wantLogInRefused(ruleWrongLogIn, mail, u.password+"x")
	r.wantLogInRefused(ruleWrongLogIn, mail, otherCase(u.password))
	r.wantLogInRefused(ruleWrongLogIn, u.name, u.password)
	r.wantLogInRefused(ruleWrongLogIn, otherCase(u.enterprise)+"/"+u.name, u.password)
	r.wantLogInRefused(ruleWrongLogIn, r.enterprise(2)+"/"+u.name, u.password)
	r.reread(r.read(u), u, false)
}

// playTokens sends tokens in each way, and none.
func (r *run) playTokens() {
	for _, header := range []string{"Bearer ", "bearer ", "BEARER  ", ""} {
		x := r.call(call{op: "getUser", as: r.plain, of: idOf(r.plain), headers: map[string]string{"Authorization": header + r.tokenOf(r.plain)}})
		r.wantStatus(x, ruleScheme, http.StatusOK, "")
	}
	for op, o := range sorted(r.operations) {
		if o.Open() || op == "deleteAuthToken" {
			continue
		}
		for _, header := range []string{"", "Bearer ua_" + strings.Repeat("x", 43)} {
			r.muted = false
			c := call{op: op, of: idOf(r.plain), headers: map[string]string{"Authorization": header}}
			if o.Body != nil {
				c.text = "{"
			}
			r.wantStatus(r.call(c), ruleNoToken, http.StatusUnauthorized, "unauthenticated")
		}
	}
}

// playHead compares HEAD with GET.
func (r *run) playHead() {
	for op, c := range sorted(map[string]call{
		"getUser": {of: idOf(r.plain)}, "listUsers": {query: url.Values{"page_size": {"2"}}}, "listAdministrators": {}, "listUserEvents": {of: idOf(r.plain)},
	}) {
		c.op, c.as = op, r.admin
		got := r.call(c)
		c.method = http.MethodHead
		x := r.call(c)
		r.wantStatus(x, ruleHead, got.status, "")
		for _, name := range []string{"Content-Type", "ETag"} {
			r.aside(x, ruleHead, x.header.Get(name) == got.header.Get(name), header(got, name), header(x, name))
		}
		r.aside(x, ruleHead, len(x.body) == 0, "no body", x.text())
	}
	x := r.call(call{op: "getUser", as: r.owner, of: "2147483647", method: http.MethodHead})
	r.wantStatus(x, ruleHead, http.StatusNotFound, "")
}

// playPaths sends requests outside the contract.
func (r *run) playPaths() {
	token := "Bearer " + r.owner.token
	for _, path := range []string{"nothing", "users/", "users/" + idOf(r.plain) + "/", "users/" + idOf(r.plain) + "/nothing", "Users", "users%2f" + idOf(r.plain)} {
		x := r.send("", "TOKEN", r.owner.token, Request{Method: http.MethodGet, Path: basePath + path, Headers: map[string]string{"Authorization": token}})
		r.wantStatus(x, rulePath, http.StatusNotFound, "not_found")
	}
	for op, o := range sorted(r.operations) {
		r.muted = false
		path := strings.ReplaceAll(o.Path, "{user_id}", idOf(r.plain))
		x := r.send(op, "TOKEN", r.owner.token, Request{Method: http.MethodPatch, Path: path, Headers: map[string]string{"Authorization": token}})
		if r.wantStatus(x, ruleMethod, http.StatusMethodNotAllowed, "method_not_allowed") {
			r.aside(x, ruleMethod, allows(x, o.Method), "Allow with "+o.Method, header(x, "Allow"))
		}
		x = r.send(op, "TOKEN", r.owner.token, Request{Method: http.MethodOptions, Path: path, Headers: map[string]string{"Authorization": token}})
		r.aside(x, ruleOptions, x.status == http.StatusNoContent && allows(x, o.Method), "204 and Allow with "+o.Method, x.text()+" "+header(x, "Allow"))
	}
	for _, wrong := range []string{"0%s", "+%s", "-%s", "%s.0", "%%20%s", "%s%%20", "0x%s", "%se0", "%s%%00"} {
		r.muted = false
		x := r.call(call{op: "getUser", as: r.owner, of: fmt.Sprintf(wrong, idOf(r.plain))})
		r.wantStatus(x, ruleNumber, http.StatusNotFound, "not_found")
	}
	escaped := strings.Replace(r.plain.path(), "users", "%75sers", 1)
	x := r.send("getUser", "TOKEN", r.owner.token, Request{Method: http.MethodGet, Path: escaped, Headers: map[string]string{"Authorization": token}})
	r.wantStatus(x, ruleEscapedPath, http.StatusOK, "")
}

func allows(x exchange, method string) bool {
	for name := range strings.SplitSeq(x.header.Get("Allow"), ",") {
		if strings.TrimSpace(name) == method {
			return true
		}
	}
	return false
}

// playTwice tests the rules between members.
func (r *run) playTwice() {
	u, password := r.plain, r.newPassword()
	x := r.call(call{op: "changePassword", as: r.owner, of: idOf(u), body: members{"user_id": u.id, "password": password, "password1": "another horse"}})
	if r.wantStatus(x, ruleTwice, http.StatusUnprocessableEntity, "invalid_request") {
		r.wantFault(x, ruleTwice, "/password1", "mismatch")
	}
	r.reread(x, u, false)
	x = r.call(call{op: "changePassword", as: r.owner, of: idOf(u), body: members{"user_id": r.other.id, "password": password, "password1": password}})
	if r.wantStatus(x, ruleSameUser, http.StatusUnprocessableEntity, "invalid_request") {
		r.wantFault(x, ruleSameUser, "/user_id", "mismatch")
	}
	r.reread(x, u, false)
	x = r.call(call{op: "changeOwnPassword", as: u, body: members{"password": password, "password1": "another horse"}})
	if r.wantStatus(x, ruleTwice, http.StatusUnprocessableEntity, "invalid_request") {
		r.wantFault(x, ruleTwice, "/password1", "mismatch")
	}
	r.reread(x, u, false)
}

// playOrder sends requests with several reasons to refuse them.
func (r *run) playOrder() {
	big := strings.Repeat(" ", 1<<16+1)
	for _, c := range []struct {
		call   call
		status int
	}{
		{call{text: big, headers: map[string]string{"Authorization": "Bearer x", "Content-Type": "text/plain"}}, http.StatusUnauthorized},
		{call{as: r.owner, text: big, headers: map[string]string{"Content-Type": "text/plain"}}, http.StatusUnsupportedMediaType},
		{call{as: r.owner, text: big, headers: map[string]string{"If-Match": "x"}}, http.StatusRequestEntityTooLarge},
		{call{as: r.owner, text: "{", headers: map[string]string{"If-Match": `"0"`}}, http.StatusBadRequest},
		{call{as: r.plain, text: `{"phone":7,"is_active":null}`, headers: map[string]string{"If-Match": `"0"`}}, http.StatusUnprocessableEntity},
		{call{as: r.plain, body: members{"is_active": nil}, headers: map[string]string{"If-Match": `"0"`}}, http.StatusForbidden},
		{call{as: r.admin, of: idOf(r.foreignPlain), body: members{"is_active": nil}, headers: map[string]string{"If-Match": `"0"`}}, http.StatusNotFound},
		{call{as: r.admin, of: idOf(r.admin), body: members{"is_active": nil}, headers: map[string]string{"If-Match": `"0"`}}, http.StatusPreconditionFailed},
	} {
		c.call.op = "updateUser"
		if c.call.of == "" {
			c.call.of = idOf(r.plain)
		}
		r.muted = false
		r.wantStatus(r.call(c.call), ruleOrder, c.status, "")
	}
	// All faults come at once.
	x := r.call(call{op: "updateUser", as: r.owner, of: idOf(r.plain), body: members{"phone": 7, "email": nil, "is_active": "true", "enterprise_id": "", "nick_name": "x"}})
	if r.wantStatus(x, ruleBroken, http.StatusUnprocessableEntity, "invalid_request") {
		for place, code := range sorted(map[string]string{
			"/phone": "type", "/email": "not_null", "/is_active": "type", "/enterprise_id": "min_length", "/nick_name": "unknown_member",
		}) {
			r.wantFault(x, ruleBroken, place, code)
		}
	}
	r.reread(x, r.plain, false)
}

// playValues stores the longest values.
func (r *run) playValues() {
	character := oneOf(r.rng, "a", "\u00e9", "\u6f22", "\U00020000")
	suffix := r.newName("")
	u := r.create(r.owner, members{
		"nick_name": strings.Repeat(character, 64-len(suffix)) + suffix,
		"phone":     strings.Repeat("\U0001f600", 32), "origion": strings.Repeat(`"\<&`, 8), "password": strings.Repeat(character, 128),
	})
	if u != nil {
		r.logIn(u)
		r.put(r.owner, u, members{"phone": " +44 20  7946 0000 "}, nil)
	}
}

// playTogether sends updates at the same time: different members all take effect, and one version is changed once.
func (r *run) playTogether() {
	u := r.create(r.owner, nil)
	if u == nil {
		return
	}
	update := func(as *user, body members, headers map[string]string) *exchange {
		request := Request{Method: http.MethodPut, Path: u.path(), Members: body, Headers: map[string]string{
			"Content-Type": "application/json", "Authorization": "Bearer " + r.tokenOf(as),
		}}
		maps.Copy(request.Headers, headers)
		return &exchange{operation: "updateUser", as: r.nameOf(as), token: as.token, request: request}
	}
	u.eventsUnknown = true // their order is the server's
	var all []*exchange
	for member, value := range sorted(members{"phone": r.newName("")[:9], "email": r.newMail(), "is_active": nil, "enterprise_id": r.enterprise(3)}) {
		all = append(all, update(r.owner, members{member: value}, nil))
		u.apply(members{member: value})
	}
	r.sendTogether(all)
	for _, x := range all {
		r.wantStatus(*x, ruleBothWin, http.StatusOK, "")
	}
	got := r.read(u)
	r.wantUser(*all[0], ruleBothWin, u, got.object())
	u.etag = got.header.Get("ETag")

	all = nil
	for i := range 4 {
		all = append(all, update(r.owner, members{"phone": fmt.Sprint(i)}, map[string]string{"If-Match": u.etag}))
	}
	r.sendTogether(all)
	winners := 0
	for i, x := range all {
		if x.status == http.StatusOK {
			u.phone = fmt.Sprint(i)
			winners++
			continue
		}
		r.wantStatus(*x, ruleOneWinner, http.StatusPreconditionFailed, "precondition_failed")
	}
	r.want(*all[0], ruleOneWinner, winners == 1, "one of four updates with the same If-Match is 200", fmt.Sprintf("%d are 200", winners))
	r.reread(*all[0], u, true)
}
