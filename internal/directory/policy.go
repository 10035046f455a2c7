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

// scope says which users a rule is about.
type scope int

const (
	nobody   scope = iota
	oneself        // the actor
	everyone       // all users, in all enterprises
)

func (s scope) includes(actor, target User) bool {
	switch s {
	case oneself:
		return actor.ID == target.ID
	case everyone:
		return true
	case nobody:
	}
	return false
}

// rule is what a role may do in an operation. The zero rule allows nothing.
type rule struct {
	scope   scope
	fields  []Field // that may be named
	outside Code    // what is answered for users outside the scope
}

// allFields are the members that a request can name.
var allFields = []Field{
	FieldNickName, FieldPassword, FieldEnterpriseID, FieldEmail, FieldPhone, FieldIsActive, FieldOrigion,
}

// policy holds every rule, by operation and the actor's role.
var policy = map[Operation]map[Role]rule{
	OperationGetUser: {
		RoleUser:                {scope: oneself, outside: CodeNotFound},
		RoleSystemAdministrator: {scope: everyone},
	},
	OperationCreateUser: {
		RoleUser:                {scope: nobody, outside: CodeForbidden},
		RoleSystemAdministrator: {scope: everyone, fields: allFields},
	},
	OperationUpdateUser: {
		RoleUser:                {scope: oneself, fields: []Field{FieldPassword, FieldEmail, FieldPhone}, outside: CodeNotFound},
		RoleSystemAdministrator: {scope: everyone, fields: allFields},
	},
}

// Allow returns nil if the actor may do the operation to the target and name these
// fields. Else it returns the code that the policy has for users outside the scope, or
// CodeForbidden with the fields at fault. What the policy does not list is CodeForbidden.
// The target of a creation is the user as it would be.
func Allow(op Operation, actor, target User, fields ...Field) error {
	allowed, listed := policy[op][actor.Role]
	if !listed {
		return &Error{Code: CodeForbidden}
	}
	if !allowed.scope.includes(actor, target) {
		return &Error{Code: allowed.outside}
	}
	refused := slices.DeleteFunc(slices.Clone(fields), func(f Field) bool { return slices.Contains(allowed.fields, f) })
	if len(refused) > 0 {
		return &Error{Code: CodeForbidden, Fields: refused}
	}
	return nil
}
