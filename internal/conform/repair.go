package conform

import (
	"net/http"
	"slices"

	"userapi/internal/directory"
)

// repair brings the world and the server together after a fault, so that the fault does not cause others: a server may
// have done what it had to refuse. It judges nothing.
func (r *run) repair(u *user) {
	if u == nil || u == r.owner || u.gone {
		return
	}
	muted := r.muted
	r.muted = true
	defer func() { r.muted = muted }()
	got := r.read(u)
	if got.status == http.StatusNotFound {
		u.gone = true
		r.replace(u)
		return
	}
	u.eventsUnknown = true
	if got.status == http.StatusOK {
		r.syncFrom(u, got)
		u.etag = got.header.Get("ETag")
	}
	if !slices.Contains(r.regulars(), u) {
		return
	}
	u.password, u.token = r.newPassword(), ""
	r.call(call{op: "updateUser", as: r.owner, of: idOf(u), body: members{"password": u.password, "is_active": true, "enterprise_id": u.home}})
	administrators := call{op: "createAdministrator", as: r.owner, body: members{"user_id": idOf(u), "eid": u.home}}
	if u.role != directory.RoleAdministrator {
		administrators = call{op: "deleteAdministrator", as: r.owner, of: idOf(u)}
	}
	r.call(administrators)
	r.sync(u)
}

// settle ends a story that has found a fault: nobody knows what the server has made of the requests that followed.
func (r *run) settle() {
	for _, u := range r.alive("") {
		if !r.touched[u.path()] {
			continue
		}
		got := r.read(u)
		u.eventsUnknown = true
		switch got.status {
		case http.StatusOK:
			r.syncFrom(u, got)
			u.etag = got.header.Get("ETag")
			u.token = ""
		case http.StatusNotFound:
			u.gone = true
			r.replace(u)
		}
	}
}

// replace makes another user in the place of a regular one who is gone.
func (r *run) replace(u *user) {
	for _, place := range []**user{&r.admin, &r.otherAdmin, &r.plain, &r.other, &r.foreignAdmin, &r.otherForeignAdmin, &r.foreignPlain} {
		if *place != u {
			continue
		}
		if made := r.create(r.owner, members{"enterprise_id": u.home}); made != nil {
			if *place = made; u.role == directory.RoleAdministrator {
				r.appoint(r.owner, made)
			}
		}
	}
}

// removeStray deletes a user who should not have been created.
func (r *run) removeStray(x exchange) {
	id, _ := x.object()["user_id"].(float64)
	if x.operation != "createUser" || !x.succeeded() || id < 1 {
		return
	}
	stray := &user{id: int64(id)}
	if r.whose(r.ctx, stray.id) != own {
		r.ids[stray.id] = true // looked at again in the end
		return
	}
	r.ids[stray.id] = true
	r.call(call{op: "deleteUser", as: r.owner, of: idOf(stray)})
}
