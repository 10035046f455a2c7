package conform

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"userapi/internal/directory"
)

// mostUsers is how many users of its own a run keeps. It deletes some if there are more.
const mostUsers = 16

// operationsByWeight are the operations of generated valid requests, each as often as it is sent.
var operationsByWeight = []string{
	"updateUser", "updateUser", "updateUser", "updateUser", "updateUser", "createUser", "createUser", "getUser", "getUser", "deleteUser",
	"changePassword", "changeOwnPassword", "createAdministrator", "deleteAdministrator", "listUsers", "listAdministrators",
	"listUserEvents", "createAuthToken", "deleteAuthToken",
}

// sendValid sends a generated request that the contract allows.
func (r *run) sendValid() {
	op := oneOf(r.rng, operationsByWeight...)
	if len(r.alive("")) > mostUsers {
		op = "deleteUser"
	}
	actor, target := r.someActor(), r.someTarget(op)
	g := r.generate(op, actor, target)
	switch op {
	case "updateUser":
		r.sendUpdate(actor, target, g)
	case "createUser":
		r.sendCreate(actor, g)
	case "getUser":
		r.sendRead(actor, target, g)
	case "deleteUser":
		r.sendDelete(actor, target, g)
	case "changePassword":
		r.sendPassword(actor, target, g)
	case "changeOwnPassword":
		r.sendOwnPassword(oneOf(r.rng, r.regulars()...))
	case "createAdministrator":
		r.sendAppointment(actor, target, g)
	case "deleteAdministrator":
		r.sendDismissal(actor, target, g)
	case "listUsers":
		r.checkUserList(oneOf(r.rng, r.admin, r.otherAdmin, r.foreignAdmin))
	case "listAdministrators":
		r.checkAdministrators(oneOf(r.rng, r.owner, r.admin, r.foreignAdmin))
	case "listUserEvents":
		r.checkAudit(target, oneOf(r.rng, r.owner, r.admin, r.foreignAdmin))
	case "createAuthToken":
		u := oneOf(r.rng, r.regulars()...)
		x := r.sendAs(op, nil, r.generate(op, nil, u))
		if r.wantStatus(x, ruleLogIn, http.StatusOK, "") {
			r.aside(x, ruleComesBack, x.object()["user_id"] == float64(u.id), "user_id is "+strconv.FormatInt(u.id, 10), fmt.Sprint(x.object()["user_id"]))
			r.recordEvent(u, x, event{operation: op})
		}
	case "deleteAuthToken":
		r.checkLogOut(oneOf(r.rng, r.regulars()...))
	}
}

// someActor is the owner of the token in half of the requests.
func (r *run) someActor() *user {
	if yes(r.rng) {
		return r.owner
	}
	return oneOf(r.rng, r.regulars()...)
}

// someTarget chooses a user for whom the world can do without what the operation takes away.
func (r *run) someTarget(op string) *user {
	all := r.alive("")
	if op == "updateUser" || op == "getUser" || op == "listUserEvents" {
		return oneOf(r.rng, all...)
	}
	extras := slices.DeleteFunc(all, func(u *user) bool { return slices.Contains(r.regulars(), u) })
	if len(extras) == 0 {
		if u := r.create(r.owner, members{"enterprise_id": r.enterprise(between(r.rng, 1, 2))}); u != nil {
			return u
		}
		return r.plain
	}
	return oneOf(r.rng, extras...)
}

// generate returns a valid request of the operation, with values that concern only this run.
func (r *run) generate(op string, actor, target *user) Request {
	o := r.operations[op]
	cast := Cast{Target: target.person()}
	if actor != nil {
		cast.Actor.Token = r.tokenOf(actor)
	}
	cast.Actors, cast.Targets = []Person{cast.Actor}, []Person{cast.Target}
	g := o.Generate(r.rng, cast, true)
	if op != "updateUser" && op != "createUser" {
		return g
	}
	if _, named := g.Members["enterprise_id"]; named {
		g.Members["enterprise_id"] = r.enterprise(between(r.rng, 1, 2))
	}
	if _, named := g.Members["email"]; named {
		g.Members["email"] = r.newMail()
	}
	if op == "updateUser" && r.rng.IntN(3) > 0 {
		delete(g.Members, "password") // hashing is slow
	}
	return g
}

// condition adds a condition to some requests: with the version, an older one, or any.
func (r *run) condition(g *Request, target *user) {
	header := oneOf(r.rng, "If-Match", "If-Match", "If-None-Match", "", "", "", "")
	if header == "" {
		return
	}
	g.Headers[header] = oneOf(r.rng, target.etag, `"0"`, "*", `"0", `+target.etag, "W/"+target.etag, `"x"`)
}

// replaceCondition removes the conditions with which a request may have been generated, and does what condition does.
func (r *run) replaceCondition(g *Request, target *user) {
	delete(g.Headers, "If-Match")
	delete(g.Headers, "If-None-Match")
	r.condition(g, target)
}

// wantOutcome wants an answer, and returns whether the request has succeeded as it had to.
func (r *run) wantOutcome(x exchange, o outcome) bool {
	by := o.by
	if !r.wantStatus(x, by, o.status, o.code) {
		return false
	}
	if o.place != "" {
		r.wantFault(x, by, o.place, o.fault)
	}
	return o.code == ""
}

func (r *run) sendUpdate(actor, target *user, g Request) {
	if slices.Contains(r.regulars(), target) { // they stay where they are
		delete(g.Members, "is_active")
		if actor != target {
			delete(g.Members, "enterprise_id")
		}
	}
	if other := oneOf(r.rng, r.alive("")...); g.Members["email"] != nil && other.email != nil && r.rng.IntN(4) == 0 && actor == r.owner {
		g.Members["email"] = otherCase(*other.email)
	}
	r.condition(&g, target)
	r.update(actor, target, g)
}

// update sends an update, wants what the world says, and reads the user again.
func (r *run) update(actor, target *user, g Request) bool {
	wanted := r.updateOutcome(actor, target, g.Headers, g.Members)
	r.tokenOf(actor)
	x := r.sendAs("updateUser", actor, g)
	if !r.wantOutcome(x, wanted) {
		r.recover(x, target, wanted)
		return false
	}
	r.applyUpdate(x, actor, target, g.Members)
	return r.reread(x, target, len(g.Members) > 0)
}

// applyUpdate makes the world what a successful update has made of it, and checks the answer and the tokens.
func (r *run) applyUpdate(x exchange, actor, target *user, body members) {
	if len(body) > 0 {
		fields := sortedKeys(body)
		before := target.enterprise
		if enterprise, moves := body["enterprise_id"].(string); moves && enterprise != before && target.role == directory.RoleAdministrator {
			target.role = directory.RoleUser
			fields = append(fields, "role")
		}
		target.apply(body)
		r.recordEvent(target, x, event{operation: "updateUser", actor: actor.id, enterprise: before, fields: fields})
	}
	got := x.object()
	_, hasPassword := got["password"]
	r.aside(x, ruleNoPassword, !hasPassword, "no password", x.text())
	info := target.info()
	for _, name := range []string{"enterprise_id", "phone", "is_active", "email"} {
		value, present := got[name]
		wantedPresent := name != "email" || target.email != nil
		by := ruleComesBack
		if name == "is_active" {
			by = ruleThreeState
		}
		if _, named := body[name]; !named && len(body) > 0 && name != "is_active" {
			by = ruleAbsent
		}
		if name == "phone" && body[name] == "" {
			by = rulePhone
		}
		ok := present == wantedPresent && (!present || value == info[name])
		r.want(x, by, ok, fmt.Sprintf("%s is %s", name, inJSON(info[name])), describe(name, value, present))
	}
	active, named := body["is_active"]
	if named && active != true {
		r.wantTokenEnded(target, ruleDeactivated)
	}
	if body["password"] != nil && actor != target {
		r.wantTokenEnded(target, ruleUpdatePass)
	}
}

// wantTokenEnded wants the server to refuse the user's token.
func (r *run) wantTokenEnded(u *user, by rule) {
	token := u.token
	u.token = ""
	if token == "" || u == r.owner {
		return
	}
	r.wantRefusedToken(u, token, by)
}

func (r *run) wantRefusedToken(u *user, token string, by rule) {
	x := r.send("getUser", "ENDED_TOKEN", token, Request{
		Method: http.MethodGet, Path: u.path(), Headers: map[string]string{"Authorization": "Bearer " + token},
	})
	r.wantStatus(x, by, http.StatusUnauthorized, "unauthenticated")
}

// wantWorkingToken wants the server to take a token of the user.
func (r *run) wantWorkingToken(u *user, token string, by rule) {
	x := r.send("getUser", r.nameOf(u), token, Request{
		Method: http.MethodGet, Path: u.path(), Headers: map[string]string{"Authorization": "Bearer " + token},
	})
	r.wantStatus(x, by, http.StatusOK, "")
}

func (r *run) sendCreate(actor *user, g Request) {
	if other := oneOf(r.rng, r.alive("")...); r.rng.IntN(6) == 0 && actor == r.owner {
		if other.email != nil && yes(r.rng) {
			g.Members["email"] = otherCase(*other.email)
		} else {
			g.Members["nick_name"], g.Members["enterprise_id"] = otherCase(other.name), other.enterprise
		}
	}
	wanted := r.createOutcome(actor, g.Members)
	x := r.sendAs("createUser", actor, g)
	if r.isAmbiguous(g.Members) && x.status == http.StatusConflict {
		return
	}
	if r.wantOutcome(x, wanted) {
		r.wantCreated(x, actor, g.Members)
	} else {
		r.removeStray(x)
	}
}

// isAmbiguous reports whether a new user has both a name and an e-mail address that are taken: the contract leaves open which one is refused.
func (r *run) isAmbiguous(body members) bool {
	name, _ := body["nick_name"].(string)
	enterprise, _ := body["enterprise_id"].(string)
	byMail := r.refusalOfTaken(nil, "\x00", enterprise, body)
	byName := r.refusalOfTaken(nil, name, enterprise, nil)
	return byMail != nil && byName != nil
}

// otherCase changes the letter case of ASCII letters.
func otherCase(text string) string {
	changed := []rune(text)
	for i, c := range changed {
		switch {
		case 'a' <= c && c <= 'z':
			changed[i] = c - 'a' + 'A'
		case 'A' <= c && c <= 'Z':
			changed[i] = c - 'A' + 'a'
		}
	}
	return string(changed)
}

func (r *run) sendRead(actor, target *user, g Request) {
	r.replaceCondition(&g, target)
	if r.rng.IntN(4) == 0 {
		g.Method = http.MethodHead
	}
	wanted := outcome{status: http.StatusOK, by: ruleETag}
	if no := refusal("getUser", actor, target); no != nil {
		wanted = *no
	} else if tags := g.Headers["If-Match"]; tags != "" && !names(tags, target.etag, true) {
		wanted = *refused(http.StatusPreconditionFailed, "precondition_failed", ruleStale)
	} else if tags := g.Headers["If-None-Match"]; tags != "" && names(tags, target.etag, false) {
		wanted = outcome{status: http.StatusNotModified, by: ruleIfNoneMatch}
	}
	x := r.sendAs("getUser", actor, g)
	if !r.wantOutcome(x, wanted) {
		return
	}
	r.want(x, ruleSameETag, x.header.Get("ETag") == target.etag, "ETag: "+target.etag, header(x, "ETag"))
	if x.status == http.StatusOK && g.Method == http.MethodGet {
		r.wantUser(x, ruleStored, target, x.object())
	}
}

func (r *run) sendDelete(actor, target *user, g Request) {
	r.replaceCondition(&g, target)
	wanted := r.deleteOutcome(actor, target, g.Headers)
	x := r.sendAs("deleteUser", actor, g)
	if !r.wantOutcome(x, wanted) {
		r.recover(x, target, wanted)
		return
	}
	r.afterDelete(x, actor, target)
}

// recover reads a user after a refused change, which must have changed nothing.
func (r *run) recover(x exchange, target *user, wanted outcome) {
	if target.gone {
		return
	}
	if x.status == wanted.status {
		r.reread(x, target, false)
		return
	}
	r.repair(target)
}

// afterDelete wants a user to be gone.
func (r *run) afterDelete(x exchange, actor, target *user) {
	token := target.token
	target.gone = true
	r.recordEvent(target, x, event{operation: "deleteUser", actor: actor.id})
	got := r.read(target)
	if got.status != http.StatusNotFound {
		r.want(x, ruleDeleted, false, "404 when the user is read afterwards", got.text())
		target.gone = got.status != http.StatusOK
		return
	}
	if token != "" {
		target.token = token
		r.wantTokenEnded(target, ruleDeleted)
	}
}

func (r *run) sendPassword(actor, target *user, g Request) {
	r.replaceCondition(&g, target)
	wanted := passwordOutcome(actor, target, g.Headers)
	x := r.sendAs("changePassword", actor, g)
	if !r.wantOutcome(x, wanted) {
		r.recover(x, target, wanted)
		return
	}
	r.aside(x, ruleComesBack, x.object()["user_id"] == float64(target.id), "user_id is "+strconv.FormatInt(target.id, 10), x.text())
	target.apply(members{"password": g.Members["password"]})
	r.recordEvent(target, x, event{operation: "changePassword", actor: actor.id, fields: []string{"password"}})
	if actor != target {
		r.wantTokenEnded(target, rulePassword)
	}
	r.reread(x, target, true)
	if target.isActive() && yes(r.rng) {
		r.tokenOf(target) // with the new password
	}
}

// sendOwnPassword lets a user set a new password: the token goes on, another one ends, and the new password logs in.
func (r *run) sendOwnPassword(u *user) {
	token := r.tokenOf(u)
	another := r.anotherToken(u)
	password := r.newPassword()
	x := r.call(call{op: "changeOwnPassword", as: u, body: members{"password": password, "password1": password}})
	if !r.wantStatus(x, ruleOwnPassword, http.StatusOK, "") {
		return
	}
	old := u.password
	u.password = password
	r.recordEvent(u, x, event{operation: "changeOwnPassword", actor: u.id, fields: []string{"password"}})
	r.reread(x, u, true)
	r.wantWorkingToken(u, token, ruleOwnPassword)
	r.wantRefusedToken(u, another, ruleOwnPassword)
	r.wantLogInRefused(ruleOwnPassword, u.enterprise+"/"+u.name, old)
	r.anotherToken(u)
}

// anotherToken lets a user log in again, and returns the token. The user goes on with the token from before.
func (r *run) anotherToken(u *user) string {
	kept, since := u.token, u.loggedIn
	token := r.logIn(u)
	u.token, u.loggedIn = kept, since
	return token
}

func (r *run) sendAppointment(actor, target *user, g Request) {
	if r.rng.IntN(6) == 0 {
		g.Members["eid"] = r.enterprise(between(r.rng, 1, 3))
	}
	eid, _ := g.Members["eid"].(string)
	wanted := appointOutcome(actor, target, eid)
	x := r.sendAs("createAdministrator", actor, g)
	if !r.wantOutcome(x, wanted) {
		r.recover(x, target, wanted)
		return
	}
	r.afterAppointment(x, actor, target)
}

func (r *run) afterAppointment(x exchange, actor, target *user) bool {
	location := basePath + "administrators/" + idOf(target)
	r.aside(x, ruleAppointed, x.header.Get("Location") == "" || x.header.Get("Location") == location, "Location: "+location, header(x, "Location"))
	object := x.object()
	r.aside(x, ruleComesBack, object["user_id"] == idOf(target) && object["eid"] == target.enterprise, "user_id and eid as they were sent", x.text())
	changed := target.role != directory.RoleAdministrator
	if changed {
		target.role = directory.RoleAdministrator
		r.recordEvent(target, x, event{operation: "createAdministrator", actor: actor.id, fields: []string{"role"}})
	}
	return r.reread(x, target, changed)
}

func (r *run) sendDismissal(actor, target *user, g Request) {
	r.replaceCondition(&g, target)
	wanted := r.dismissOutcome(actor, target, g.Headers)
	x := r.sendAs("deleteAdministrator", actor, g)
	if !r.wantOutcome(x, wanted) {
		r.recover(x, target, wanted)
		return
	}
	target.role = directory.RoleUser
	r.recordEvent(target, x, event{operation: "deleteAdministrator", actor: actor.id, fields: []string{"role"}})
	r.reread(x, target, true)
}

// sendBroken sends a request that is broken in one place. It has to be refused and to change nothing.
func (r *run) sendBroken(c card) {
	op, b := c.op, c.breakage
	o := r.operations[op]
	actor, target := r.owner, r.plain
	if op == "changeOwnPassword" || op == "deleteAuthToken" {
		actor = r.plain // if the server takes the request, it must not change the owner of the token
	}
	g := r.generate(op, actor, target)
	delete(g.Headers, "If-Match")
	delete(g.Headers, "If-None-Match")
	b.Apply(r.rng, &g)
	x := r.send(op, r.nameOf(actor), actor.token, g)
	by := ruleBroken
	switch {
	case b.Code == "unknown_member":
		by = ruleUnknownMember
	case b.Status == http.StatusUnauthorized:
		by = ruleNoToken
	case b.Status == http.StatusMethodNotAllowed:
		by = ruleMethod
	}
	if r.wantStatus(x, by, b.Status, codesOf[b.Status]) {
		switch {
		case b.Status == http.StatusMethodNotAllowed:
			r.aside(x, ruleMethod, x.header.Get("Allow") != "", "the header Allow", header(x, "Allow"))
		case b.Code == "unknown_member":
			r.wantCode(x, by, b.Code)
		case b.Code != "":
			r.wantFault(x, by, b.Place, b.Code)
			r.wantOnlyPlace(x, b.Place)
		}
	}
	changes := o.Method != http.MethodGet && op != "createAuthToken" && op != "deleteAuthToken"
	switch {
	case x.succeeded() && changes:
		r.removeStray(x)
		r.repair(target)
	case changes && r.rng.IntN(4) == 0:
		r.reread(x, target, false)
	}
}

// codesOf are the codes of problems that every status of a broken request has.
var codesOf = map[int]string{
	http.StatusUnauthorized: "unauthenticated", http.StatusNotFound: "not_found", http.StatusMethodNotAllowed: "method_not_allowed",
	http.StatusRequestEntityTooLarge: "content_too_large", http.StatusUnsupportedMediaType: "unsupported_media_type",
	http.StatusUnprocessableEntity: "invalid_request",
}

// wantCode wants a fault of this code at any place.
func (r *run) wantCode(x exchange, by rule, code string) {
	ok := slices.ContainsFunc(faultsOf(x), func(f problemFault) bool { return f.code == code })
	r.aside(x, by, ok, "a fault "+code, x.text())
}

// wantOnlyPlace wants no other place to be at fault.
func (r *run) wantOnlyPlace(x exchange, place string) {
	ok := !slices.ContainsFunc(faultsOf(x), func(f problemFault) bool { return f.place() != place && f.code != "mismatch" })
	r.aside(x, rulePointer, ok, fmt.Sprintf("only faults at %q", place), x.text())
}
