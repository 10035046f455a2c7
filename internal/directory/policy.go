package directory

import "slices"

// Operation names what was done: an operationId of the contract, or a change that
// only the command line makes.
type Operation string

// The operations.
const (
	OperationGetUser     Operation = "getUser"
	OperationCreateUser  Operation = "createUser"
	OperationUpdateUser  Operation = "updateUser"
	OperationCreateToken Operation = "createToken"
	OperationRevokeToken Operation = "revokeToken"
)

// relation is how an actor stands to a user.
type relation int

const (
	other relation = iota
	self
	systemAdministrator
)

func relationOf(actor User, target UserID) relation {
	switch {
	case actor.Role == RoleSystemAdministrator:
		return systemAdministrator
	case actor.ID == target:
		return self
	default:
		return other
	}
}

// rule is what one relation may do in one operation: everything if code is "" and
// fields is nil, only those fields if it is not.
type rule struct {
	code   Code
	fields []Field
}

// policy holds every rule. A relation that an operation does not list is answered
// CodeNotFound, as if the user did not exist.
var policy = map[Operation]map[relation]rule{
	OperationGetUser: {
		systemAdministrator: {},
		self:                {},
	},
	OperationCreateUser: {
		systemAdministrator: {},
		other:               {code: CodeForbidden},
	},
	OperationUpdateUser: {
		systemAdministrator: {},
		self:                {fields: []Field{FieldPassword, FieldEmail, FieldPhone}},
	},
}

// Allow returns nil if the actor may do the operation to the target with these
// fields, else CodeForbidden with the fields at fault, or CodeNotFound.
// The target is 0 where the operation has none.
func Allow(op Operation, actor User, target UserID, fields ...Field) error {
	allowed, listed := policy[op][relationOf(actor, target)]
	if !listed {
		return &Error{Code: CodeNotFound}
	}
	if allowed.code != "" {
		return &Error{Code: allowed.code}
	}
	if allowed.fields == nil {
		return nil
	}
	var refused []Field
	for _, f := range fields {
		if !slices.Contains(allowed.fields, f) {
			refused = append(refused, f)
		}
	}
	if refused != nil {
		return &Error{Code: CodeForbidden, Fields: refused}
	}
	return nil
}
