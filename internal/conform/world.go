package conform

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"userapi/internal/directory"
)

// user is a user whom the run has made, as the user has to be now.
type user struct {
	id         int64
	name       string
	enterprise string
	email      *string
	phone      string
	active     *bool
	origion    *string
	role       directory.Role
	password   string

	created, address any // create_time and client_ip, as first answered
	etag             string
	token            string // "": none, or it has ended
	loggedIn         time.Time
	events           []event
	eventsUnknown    bool   // after a fault: the audit is not judged any more
	home             string // the enterprise in which the user was created
	gone             bool
}

// event is a row that the audit has to have.
type event struct {
	operation  string
	actor      int64 // 0: not judged
	enterprise string
	fields     []string // nil: not judged
	requestID  string
}

func (u *user) isActive() bool { return u.active != nil && *u.active }

func (u *user) path() string { return fmt.Sprintf("%susers/%d", basePath, u.id) }

// person is the user as the generator names them.
func (u *user) person() Person {
	return Person{ID: strconv.FormatInt(u.id, 10), Token: u.token, Enterprise: u.enterprise, Name: u.name, Password: u.password}
}

// world is what the run has made, and the owner of the token, whom the run never changes.
type world struct {
	owner  *user
	users  []*user // in the order of creation; those who are gone, too
	ids    map[int64]bool
	mark   string          // in the names of everything that the run makes
	marks  []string        // with which the run may have made something
	names  map[string]bool // that were sent in a creation
	made   int             // names that were made up
	failed int             // log-ins that were refused

	admin, otherAdmin, plain, other               *user // of the first enterprise
	foreignAdmin, otherForeignAdmin, foreignPlain *user // of the second enterprise
}

func newWorld(token string) world {
	yes := true
	return world{
		owner: &user{token: token, role: directory.RoleSystemAdministrator, active: &yes, loggedIn: time.Now().Add(tokenLife * 1000)},
		ids:   map[int64]bool{}, names: map[string]bool{},
	}
}

// alive returns the users of an enterprise who exist, in the order of creation; "" stands for all enterprises.
func (w *world) alive(enterprise string) (all []*user) {
	for _, u := range w.users {
		if !u.gone && (enterprise == "" || u.enterprise == enterprise) {
			all = append(all, u)
		}
	}
	return all
}

// regulars are the users whom every scene finds as the set-up has made them, apart from phone, e-mail and password.
func (w *world) regulars() []*user {
	return []*user{w.admin, w.otherAdmin, w.plain, w.other, w.foreignAdmin, w.otherForeignAdmin, w.foreignPlain}
}

// call is a request of a scene.
type call struct {
	op      string
	as      *user  // nil: without a token
	of      string // user_id in the path
	query   url.Values
	headers map[string]string
	body    map[string]any // nil: none
	text    string         // the body, if it is not an object
	method  string         // another one than the operation's
}

func idOf(u *user) string { return strconv.FormatInt(u.id, 10) }

// call sends a request of a scene.
func (r *run) call(c call) exchange {
	o := r.operations[c.op]
	request := Request{
		Method: cmp.Or(c.method, o.Method), Path: strings.ReplaceAll(o.Path, "{user_id}", c.of),
		Query: c.query, Headers: map[string]string{}, Members: c.body,
	}
	if c.text != "" {
		request.SetText(c.text)
	}
	if c.body != nil {
		request.Headers["Content-Type"] = "application/json"
	}
	maps.Copy(request.Headers, c.headers)
	return r.sendAs(c.op, c.as, request)
}

// sendAs sends a request with the token of a user.
func (r *run) sendAs(operation string, as *user, request Request) exchange {
	if as == nil {
		return r.send(operation, "", "", request)
	}
	token := r.tokenOf(as)
	if _, set := request.Headers["Authorization"]; !set {
		request.Headers["Authorization"] = "Bearer " + token
	}
	x := r.send(operation, r.nameOf(as), token, request)
	if x.status == http.StatusUnauthorized && as != r.owner && strings.HasSuffix(request.Headers["Authorization"], token) {
		as.token = "" // log in again the next time
	}
	return x
}

// nameOf returns the variable that stands for the user's token.
func (r *run) nameOf(u *user) string {
	switch u.role {
	case directory.RoleSystemAdministrator:
		return "TOKEN"
	case directory.RoleAdministrator:
		return "TOKEN_OF_ADMINISTRATOR_" + idOf(u)
	case directory.RoleUser:
	}
	return "TOKEN_OF_USER_" + idOf(u)
}

// tokenLife is how long a token from a log-in is used. The contract says that it is fresh for 15 minutes.
const tokenLife = 10 * time.Minute

// tokenOf returns the token of a user, who logs in if necessary.
func (r *run) tokenOf(u *user) string {
	if u.token == "" || time.Since(u.loggedIn) > tokenLife {
		r.logIn(u)
	}
	return u.token
}

// logIn lets a user log in, and wants success.
func (r *run) logIn(u *user) (token string) {
	x := r.tryLogIn(u.enterprise+"/"+u.name, u.password)
	if !r.wantStatus(x, ruleLogIn, http.StatusOK, "") && x.status != http.StatusOK {
		r.repair(u)
		return ""
	}
	u.token, _ = x.object()["token"].(string)
	u.loggedIn = time.Now()
	r.recordEvent(u, x, event{operation: "createAuthToken"})
	return u.token
}

func (r *run) tryLogIn(username, password string) exchange {
	return r.call(call{op: "createAuthToken", body: map[string]any{"username": username, "password": password}})
}

// mostFailures is how many log-ins a run lets fail: a server may refuse more from one address.
const mostFailures = 40

// wantLogInRefused wants the log-in to fail. It sends nothing if too many have failed.
func (r *run) wantLogInRefused(by rule, username, password string) {
	if r.failed++; r.failed > mostFailures {
		return
	}
	r.wantStatus(r.tryLogIn(username, password), by, http.StatusUnauthorized, "invalid_credentials")
}

// recordEvent notes a row that the audit has to have from now on.
func (r *run) recordEvent(u *user, x exchange, e event) {
	e.enterprise = cmp.Or(e.enterprise, u.enterprise)
	e.requestID = x.header.Get("X-Request-Id")
	u.events = append(u.events, e)
}

// newName returns a name that nobody has.
func (r *run) newName(kind string) string {
	r.made++
	return fmt.Sprintf("%s-%s-%d", kind, r.mark, r.made)
}

// newMail returns an e-mail address that nobody has. Some are as long as an address can be.
func (r *run) newMail() string {
	name, domain := r.newName(oneOf(r.rng, "mail", "Mail", "m.a+i!l", "m")), r.mark+".example"
	if r.rng.IntN(8) == 0 {
		name += strings.Repeat("x", 64-len(name))
		domain += "." + strings.Repeat("b", 63) + "." + strings.Repeat("c", 63)
	}
	return name + "@" + domain
}

// newPassword returns a password that fits the contract.
func (r *run) newPassword() string {
	return fmt.Sprint(valueOf(r.rng, r.operations["createUser"].Body.Properties["password"].Value))
}

func (r *run) enterprise(at int) string { return fmt.Sprintf("conform-%s-%d", r.mark, at) }

// members of a new user.
type members = map[string]any

// create creates a user and wants success. Without a name, an enterprise or a password, it makes one up. It returns nil if it fails.
func (r *run) create(as *user, given members) *user {
	body := members{"nick_name": r.newName("user"), "enterprise_id": r.enterprise(1), "password": r.newPassword()}
	maps.Copy(body, given)
	x := r.call(call{op: "createUser", as: as, body: body})
	return r.wantCreated(x, as, body)
}

// wantCreated wants a user to be created as the body says, and reads the user.
func (r *run) wantCreated(x exchange, as *user, body members) *user {
	id, _ := x.object()["user_id"].(float64)
	if x.status == 0 || x.status >= http.StatusMultipleChoices || id < 1 {
		r.wantStatus(x, ruleValid, http.StatusCreated, "")
		return nil
	}
	active := true
	u := &user{
		id: int64(id), role: directory.RoleUser, active: &active,
		created: x.object()["create_time"], address: x.object()["client_ip"],
	}
	if !r.want(x, ruleNewID, !r.ids[u.id], "an id that was not used before", x.text()) {
		return nil
	}
	if r.whose(r.ctx, u.id) == strange {
		r.want(x, ruleNewID, false, "the id of the new user", fmt.Sprintf("user %d, whom the run has not made", u.id))
		return nil // no request may name this user
	}
	r.ids[u.id] = true
	u.apply(body)
	u.home = u.enterprise
	u.name, _ = body["nick_name"].(string)
	if text, ok := body["origion"].(string); ok {
		u.origion = &text
	}
	r.users = append(r.users, u)
	r.wantStatus(x, ruleValid, http.StatusCreated, "")
	r.recordEvent(u, x, event{operation: "createUser", actor: as.id, fields: createdFields(body)})
	if _, named := body["is_active"]; !named {
		r.want(x, ruleDefault, x.object()["is_active"] == true, "is_active is true", describe("is_active", x.object()["is_active"], true))
	}
	if !r.wantUser(x, ruleComesBack, u, x.object()) {
		r.sync(u)
		return u
	}
	r.aside(x, ruleLocation, x.header.Get("Location") == "" || x.header.Get("Location") == u.path(), "Location: "+u.path(), header(x, "Location"))
	r.reread(x, u, true)
	return u
}

// createdFields are the members that a creation certainly sets: phone "" sets nothing.
func createdFields(body members) []string {
	fields := slices.Sorted(maps.Keys(body))
	return slices.DeleteFunc(fields, func(name string) bool { return body[name] == "" })
}

// apply changes the members of the user that a body names.
func (u *user) apply(body members) {
	for name, value := range body {
		text, isText := value.(string)
		switch name {
		case "password":
			u.password = text
		case "enterprise_id":
			u.enterprise = text
		case "phone":
			u.phone = text
		case "email":
			if isText {
				u.email = &text
			}
		case "is_active":
			u.active = nil
			if active, isBool := value.(bool); isBool {
				u.active = &active
			}
		}
	}
}

// info returns the members of UserInfo as they have to be.
func (u *user) info() members {
	return members{
		"user_id": float64(u.id), "nick_name": u.name, "enterprise_id": u.enterprise, "phone": u.phone, "create_time": u.created,
		"client_ip": u.address, "email": orNil(u.email), "is_active": orNil(u.active), "origion": orNil(u.origion),
	}
}

func orNil[T any](value *T) any {
	if value == nil {
		return nil
	}
	return *value
}

// wantUser wants a UserInfo to be the user. If it is not, the fault is that of the answer x.
func (r *run) wantUser(x exchange, by rule, u *user, got map[string]any) bool {
	for name, wanted := range sorted(u.info()) {
		value, present := got[name]
		if !r.want(x, by, present && value == wanted, fmt.Sprintf("%s is %s", name, inJSON(wanted)), describe(name, value, present)) {
			return false
		}
	}
	return true
}

func describe(name string, value any, present bool) string {
	if !present {
		return "no " + name
	}
	return fmt.Sprintf("%s is %s", name, inJSON(value))
}

// inJSON writes a value as JSON does.
func inJSON[T any](value T) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

// read reads a user as the owner of the token.
func (r *run) read(u *user) exchange {
	return r.call(call{op: "getUser", as: r.owner, of: idOf(u)})
}

// reread reads a user after the request x, and wants the user to be as the world says, and the version to have changed or not.
// The fault is that of x, whose answer was wrong or which did not do what it said.
func (r *run) reread(x exchange, u *user, changed bool) bool {
	got := r.read(u)
	if got.status != http.StatusOK {
		return r.wantStatus(got, ruleValid, http.StatusOK, "")
	}
	by := ruleStored
	if !changed {
		by = ruleRefusedNoop
	}
	ok := r.wantUser(x, by, u, got.object())
	r.syncFrom(u, got)
	tag := got.header.Get("ETag")
	if u.etag != "" && changed {
		ok = r.want(x, ruleNewETag, tag != u.etag, "another ETag than "+u.etag, header(got, "ETag")) && ok
	}
	if u.etag != "" && !changed {
		ok = r.want(x, ruleSameETag, tag == u.etag, "ETag: "+u.etag, header(got, "ETag")) && ok
	}
	u.etag = tag
	return ok
}

// sync makes the world what the server says, after a fault.
func (r *run) sync(u *user) {
	if x := r.read(u); x.status == http.StatusOK {
		r.syncFrom(u, x)
		u.etag = x.header.Get("ETag")
	}
}

func (r *run) syncFrom(u *user, x exchange) {
	got := x.object()
	u.apply(members{"enterprise_id": got["enterprise_id"], "phone": got["phone"], "is_active": got["is_active"]})
	u.email, u.origion = nil, nil
	u.apply(members{"email": got["email"]})
	if origion, ok := got["origion"].(string); ok {
		u.origion = &origion
	}
	if name, ok := got["nick_name"].(string); ok {
		u.name = name
	}
	u.created, u.address = got["create_time"], got["client_ip"]
}
