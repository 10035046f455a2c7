package conform

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"userapi/internal/directory"
)

// outcome is the answer that the contract has for a request in the world as it is.
type outcome struct {
	status int
	code   string // of the problem; "": success
	place  string // of a fault of the problem; "": none is judged
	fault  string // its code
	by     rule
}

// succeeds is the outcome of a request that is not refused.
func succeeds(status int) outcome { return outcome{status: status, by: ruleValid} }

func refused(status int, code string, by rule) *outcome {
	return &outcome{status: status, code: code, by: by}
}

// sees reports whether the actor can see the target.
func sees(actor, target *user) bool { return includes(scopeOf("getUser", actor), actor, target) }

func scopeOf(op string, actor *user) directory.Scope {
	allowed, _ := directory.RuleOf(directory.Operation(op), actor.role)
	return allowed.Scope
}

func includes(scope directory.Scope, actor, target *user) bool {
	switch scope {
	case directory.ScopeEveryone:
		return true
	case directory.ScopeEnterprise:
		return target.enterprise == actor.enterprise && target.role != directory.RoleSystemAdministrator
	case directory.ScopeOneself:
		return target == actor
	case directory.ScopeNobody:
	}
	return false
}

// refusal returns how the roles refuse an operation on a target, or nil. A nil target does not exist.
func refusal(op string, actor, target *user) *outcome {
	if _, listed := directory.RuleOf(directory.Operation(op), actor.role); !listed {
		return refused(http.StatusForbidden, "forbidden", ruleAlways403)
	}
	if target == nil || target.gone || !sees(actor, target) {
		return refused(http.StatusNotFound, "not_found", ruleHidden)
	}
	if !includes(scopeOf(op, actor), actor, target) {
		return refused(http.StatusForbidden, "forbidden", ruleForbidden)
	}
	return nil
}

// refusalOfMembers returns how the roles refuse members that the actor may not set, or nil.
func refusalOfMembers(op string, actor *user, body members) *outcome {
	allowed, _ := directory.RuleOf(directory.Operation(op), actor.role)
	for name := range sorted(body) {
		if !slices.Contains(allowed.Fields, directory.Field(name)) {
			return &outcome{http.StatusForbidden, "forbidden", "/" + name, "not_allowed", ruleMember403}
		}
	}
	return nil
}

// entityTag finds the entity tags in a header.
var entityTag = regexp.MustCompile(`(W/)?("[^"]*")`)

// names reports whether a header names the version. The comparison is strong or weak.
func names(header, etag string, strong bool) bool {
	if strings.TrimSpace(header) == "*" {
		return true
	}
	for _, tag := range entityTag.FindAllStringSubmatch(header, -1) {
		if tag[2] == etag && (tag[1] == "" || !strong) {
			return true
		}
	}
	return false
}

// refusalOfConditions returns how the conditions of a change refuse it, or nil.
func refusalOfConditions(headers map[string]string, target *user) *outcome {
	if tags := headers["If-Match"]; tags != "" && !names(tags, target.etag, true) {
		return refused(http.StatusPreconditionFailed, "precondition_failed", ruleStale)
	}
	if tags := headers["If-None-Match"]; tags != "" && names(tags, target.etag, false) {
		return refused(http.StatusPreconditionFailed, "precondition_failed", ruleNoneInWrites)
	}
	return nil
}

// isLast reports whether a user is the last active administrator of an enterprise that has other users.
func (w *world) isLast(u *user) bool {
	if u.role != directory.RoleAdministrator || !u.isActive() {
		return false
	}
	others := slices.DeleteFunc(w.alive(u.enterprise), func(other *user) bool { return other == u })
	return len(others) > 0 && !slices.ContainsFunc(others, func(other *user) bool {
		return other.role == directory.RoleAdministrator && other.isActive()
	})
}

// refusalOfSelfOrLast returns how a change is refused that would take away the rights of the target, or nil.
func (w *world) refusalOfSelfOrLast(actor, target *user) *outcome {
	if actor == target {
		return refused(http.StatusConflict, "own_account", ruleOwnAccount)
	}
	return w.refusalOfLast(target)
}

func (w *world) refusalOfLast(target *user) *outcome {
	if w.isLast(target) {
		return refused(http.StatusConflict, "last_administrator", ruleLast)
	}
	return nil
}

// refusalOfTaken returns how a change is refused because of a value that another user has, or nil. The user is nil for a new one.
func (w *world) refusalOfTaken(u *user, name, enterprise string, body members) *outcome {
	if address, ok := body["email"].(string); ok {
		for _, other := range w.alive("") {
			if other != u && other.email != nil && directory.FoldEmail(*other.email) == directory.FoldEmail(address) {
				return &outcome{http.StatusConflict, "email_taken", "/email", "taken", ruleUniqueMail}
			}
		}
	}
	for _, other := range w.alive(enterprise) {
		if other != u && directory.Fold(other.name) == directory.Fold(name) {
			place := "/nick_name"
			if u != nil {
				place = "/enterprise_id"
			}
			return &outcome{http.StatusConflict, "nick_name_taken", place, "taken", ruleUniqueName}
		}
	}
	return nil
}

// updateOutcome returns what an update has to be answered with.
func (w *world) updateOutcome(actor, target *user, headers map[string]string, body members) outcome {
	if no := refusal("updateUser", actor, target); no != nil {
		return *no
	}
	if no := refusalOfMembers("updateUser", actor, body); no != nil {
		return *no
	}
	if no := refusalOfConditions(headers, target); no != nil {
		return *no
	}
	if active, named := body["is_active"]; named && active != true {
		if no := w.refusalOfSelfOrLast(actor, target); no != nil {
			return *no
		}
	}
	enterprise, moves := body["enterprise_id"].(string)
	moves = moves && enterprise != target.enterprise
	if moves {
		if no := w.refusalOfLast(target); no != nil {
			return *no
		}
	} else {
		enterprise = "" // the name stays where it is
	}
	if no := w.refusalOfTaken(target, target.name, enterprise, body); no != nil && (moves || no.code != "nick_name_taken") {
		return *no
	}
	return succeeds(http.StatusOK)
}

// createOutcome returns what a creation has to be answered with.
func (w *world) createOutcome(actor *user, body members) outcome {
	if _, listed := directory.RuleOf("createUser", actor.role); !listed {
		return *refused(http.StatusForbidden, "forbidden", ruleAlways403)
	}
	name, _ := body["nick_name"].(string)
	enterprise, _ := body["enterprise_id"].(string)
	if scopeOf("createUser", actor) != directory.ScopeEveryone && enterprise != actor.enterprise {
		return outcome{http.StatusForbidden, "forbidden", "/enterprise_id", "not_allowed", ruleEnterprise}
	}
	if no := w.refusalOfTaken(nil, name, enterprise, body); no != nil {
		return *no
	}
	return succeeds(http.StatusCreated)
}

// appointOutcome returns what an appointment has to be answered with.
func appointOutcome(actor, target *user, eid string) outcome {
	if no := refusal("createAdministrator", actor, target); no != nil {
		return *no
	}
	switch {
	case scopeOf("createAdministrator", actor) != directory.ScopeEveryone && eid != actor.enterprise:
		return outcome{http.StatusForbidden, "forbidden", "/eid", "not_allowed", ruleForeignEID}
	case eid != target.enterprise:
		return outcome{http.StatusConflict, "enterprise_mismatch", "/eid", "mismatch", ruleMismatch}
	}
	return succeeds(http.StatusCreated)
}

// dismissOutcome returns what a dismissal has to be answered with.
func (w *world) dismissOutcome(actor, target *user, headers map[string]string) outcome {
	if no := refusal("deleteAdministrator", actor, target); no != nil {
		return *no
	}
	if target.role != directory.RoleAdministrator && target != actor {
		return *refused(http.StatusNotFound, "not_found", ruleNoAdmin)
	}
	if no := refusalOfConditions(headers, target); no != nil {
		return *no
	}
	if no := w.refusalOfSelfOrLast(actor, target); no != nil {
		return *no
	}
	return succeeds(http.StatusNoContent)
}

// deleteOutcome returns what a deletion has to be answered with.
func (w *world) deleteOutcome(actor, target *user, headers map[string]string) outcome {
	if no := refusal("deleteUser", actor, target); no != nil {
		return *no
	}
	if no := refusalOfConditions(headers, target); no != nil {
		return *no
	}
	if no := w.refusalOfSelfOrLast(actor, target); no != nil {
		return *no
	}
	return succeeds(http.StatusNoContent)
}

// passwordOutcome returns what a new password for a user has to be answered with.
func passwordOutcome(actor, target *user, headers map[string]string) outcome {
	if no := refusal("changePassword", actor, target); no != nil {
		return *no
	}
	if no := refusalOfConditions(headers, target); no != nil {
		return *no
	}
	return succeeds(http.StatusOK)
}
