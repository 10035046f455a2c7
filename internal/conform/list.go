package conform

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"userapi/internal/directory"
)

// list reads all pages of a list, and one more, and wants them to have these entries, in this order.
type list struct {
	op      string
	as      *user
	of      string     // user_id in the path
	query   url.Values // besides page and page_size
	entries string     // the member with the entries
	wanted  int
	check   func(x exchange, at int, entry map[string]any) bool // fails if this is not the entry at this position
	by      rule
}

// readList wants the list to be as it has to be.
func (r *run) readList(l list) {
	size := oneOf(r.rng, 3, 5, 7, 10, 100)
	at := 0
	for page := 1; ; page++ {
		query := url.Values{"page": {strconv.Itoa(page)}, "page_size": {strconv.Itoa(size)}}
		if size == 10 {
			query.Del("page_size") // the default
		}
		for name, values := range l.query {
			query[name] = values
		}
		x := r.call(call{op: l.op, as: l.as, of: l.of, query: query})
		if !r.wantStatus(x, l.by, http.StatusOK, "") {
			return
		}
		entries, _ := x.object()[l.entries].([]any)
		if !r.want(x, ruleTotal, x.object()["total"] == float64(l.wanted), fmt.Sprintf("total is %d", l.wanted), x.text()) {
			return
		}
		expected := min(size, max(0, l.wanted-at))
		by := rulePageSize
		if expected == 0 {
			by = ruleAfterLast
		}
		if !r.want(x, by, len(entries) == expected, fmt.Sprintf("%d entries on page %d of %d", expected, page, size), fmt.Sprintf("%d entries: %s", len(entries), x.text())) {
			return
		}
		if expected == 0 {
			return
		}
		for _, entry := range entries {
			members, _ := entry.(map[string]any)
			if !l.check(x, at, members) {
				return
			}
			at++
		}
	}
}

// checkUsers wants a list of users to have these users in this order.
func (r *run) checkUsers(op string, as *user, query url.Values, wanted []*user, by rule) {
	ids := make([]float64, len(wanted))
	for i, u := range wanted {
		ids[i] = float64(u.id)
	}
	r.readList(list{
		op: op, as: as, query: query, entries: "users", wanted: len(wanted), by: by,
		check: func(x exchange, at int, entry map[string]any) bool {
			id, _ := entry["user_id"].(float64)
			if id != ids[at] {
				broken := by
				if slices.Contains(ids, id) {
					broken = ruleListOrder
					if slices.Contains(ids[:at], id) {
						broken = rulePaging
					}
				}
				return r.want(x, broken, false, fmt.Sprintf("user %.0f as entry %d", ids[at], at+1), fmt.Sprintf("user %.0f: %s", id, x.text()))
			}
			return r.want(x, ruleListOrder, true, "", "") && r.wantUser(x, by, wanted[at], entry)
		},
	})
}

// checkUserList wants an administrator's list to have all users of the enterprise.
func (r *run) checkUserList(as *user) {
	r.checkUsers("listUsers", as, nil, r.alive(as.enterprise), ruleListed)
}

// checkQuery wants a search to find what has the text.
func (r *run) checkQuery(as *user, text, query string) {
	enterprise := as.enterprise
	if as == r.owner {
		enterprise = ""
	}
	found := slices.DeleteFunc(r.alive(enterprise), func(u *user) bool {
		values := []string{u.name, u.phone}
		if u.email != nil {
			values = append(values, *u.email)
		}
		return !slices.ContainsFunc(values, func(value string) bool {
			return strings.Contains(directory.Fold(value), directory.Fold(text))
		})
	})
	r.checkUsers("listUsers", as, url.Values{"query": {query}}, found, ruleQuery)
}

// checkAdministrators wants a list to have all administrators.
func (r *run) checkAdministrators(as *user) {
	enterprise := as.enterprise
	query := url.Values{}
	if as == r.owner {
		enterprise = r.enterprise(between(r.rng, 1, 2))
	}
	by := ruleAdminsList
	if as == r.owner || yes(r.rng) {
		query.Set("eid", enterprise)
		by = ruleEID
	}
	administrators := slices.DeleteFunc(r.alive(enterprise), func(u *user) bool { return u.role != directory.RoleAdministrator })
	r.checkUsers("listAdministrators", as, query, administrators, by)
}

// checkAudit wants the audit of a user to have every change that the reader may see.
func (r *run) checkAudit(u, as *user) {
	if no := refusal("listUserEvents", as, u); no != nil && (as != r.owner || !u.gone) {
		x := r.call(call{op: "listUserEvents", as: as, of: idOf(u)})
		r.wantOutcome(x, *no)
		return
	}
	if u.eventsUnknown {
		return
	}
	wanted, by := u.events, ruleAudit
	if as != r.owner {
		by = ruleAuditPart
		wanted = slices.DeleteFunc(slices.Clone(u.events), func(e event) bool { return e.enterprise != as.enterprise })
	}
	if u.gone {
		by = ruleAuditKeeps
	}
	last := 0.0
	r.readList(list{
		op: "listUserEvents", as: as, of: idOf(u), entries: "events", wanted: len(wanted), by: by,
		check: func(x exchange, at int, entry map[string]any) bool {
			e := wanted[at]
			described := fmt.Sprintf("event %d: %s of %s in %s", at+1, e.operation, e.requestID, e.enterprise)
			ok := entry["operation"] == e.operation && entry["request_id"] == e.requestID && entry["user_id"] == float64(u.id) &&
				entry["enterprise_id"] == e.enterprise && (e.actor == 0 || entry["actor_id"] == float64(e.actor))
			if !r.want(x, by, ok, described, inJSON(entry)) {
				return false
			}
			id, _ := entry["event_id"].(float64)
			if !r.want(x, rulePaging, id != last, "each event once", x.text()) {
				return false
			}
			last = id
			if as != r.owner && e.actor == r.owner.id && !r.want(x, ruleAuditToken, entry["token_name"] == "", `token_name is ""`, inJSON(entry)) {
				return false
			}
			return r.wantFields(x, by, e, entry)
		},
	})
}

// wantFields wants an event to name the members that were sent.
func (r *run) wantFields(x exchange, by rule, e event, entry map[string]any) bool {
	listed, _ := entry["fields"].([]any)
	for _, field := range e.fields {
		if !slices.Contains(listed, any(field)) {
			return r.want(x, by, false, fmt.Sprintf("%s among the fields of %s", field, e.operation), inJSON(entry))
		}
	}
	exact := e.fields == nil || e.operation == "createUser" || len(listed) == len(e.fields)
	return r.want(x, by, exact, fmt.Sprintf("the fields %q", e.fields), inJSON(entry))
}
