package directory

import "slices"

// Operation names something that a principal does: an operationId of the contract, or a
// change that only the command line makes.
type Operation string

// The operations.
const (
	OperationListUsers           Operation = "listUsers"
	OperationCreateUser          Operation = "createUser"
	OperationGetUser             Operation = "getUser"
	OperationUpdateUser          Operation = "updateUser"
	OperationDeleteUser          Operation = "deleteUser"
	OperationChangePassword      Operation = "changePassword"
	OperationListUserEvents      Operation = "listUserEvents"
	OperationChangeOwnPassword   Operation = "changeOwnPassword"
	OperationListAdministrators  Operation = "listAdministrators"
	OperationCreateAdministrator Operation = "createAdministrator"
	OperationDeleteAdministrator Operation = "deleteAdministrator"
	OperationCreateAuthToken     Operation = "createAuthToken"
	OperationDeleteAuthToken     Operation = "deleteAuthToken"
	OperationCreateToken         Operation = "createToken"
	OperationRevokeToken         Operation = "revokeToken"
)

// Role decides what a user may do. The policy has the rules of each role.
type Role string

// The roles that users have.
const (
	RoleUser                Role = "user"
	RoleAdministrator       Role = "administrator"
	RoleSystemAdministrator Role = "system_administrator"
)

// Roles returns the roles that users have.
func Roles() []Role { return []Role{RoleUser, RoleAdministrator, RoleSystemAdministrator} }

// The roles of principals who are not users.
const (
	roleOperator  Role = "operator"  // at the command line
	roleAnonymous Role = "anonymous" // without a token
)

// Scope says which targets a rule is for, as seen from the actor.
type Scope string

// The scopes.
const (
	ScopeNobody     Scope = "nobody"
	ScopeOneself    Scope = "oneself"
	ScopeEnterprise Scope = "own enterprise" // without system administrators
	ScopeEveryone   Scope = "everyone"
)

// includes reports whether the target is in the scope. The target need not exist yet.
func (s Scope) includes(actor, target User) bool {
	switch s {
	case ScopeOneself:
		return actor.ID == target.ID
	case ScopeEnterprise:
		return actor.EnterpriseID == target.EnterpriseID && target.Role != RoleSystemAdministrator
	case ScopeEveryone:
		return true
	case ScopeNobody:
	}
	return false
}

// visibility says whom each role can see. A role gets the same answer for any other user as for
// one who does not exist.
var visibility = map[Role]Scope{
	RoleUser:                ScopeOneself,
	RoleAdministrator:       ScopeEnterprise,
	RoleSystemAdministrator: ScopeEveryone,
	roleOperator:            ScopeEveryone,
}

// Rule is what a role may do with one operation: to which targets, and with which fields.
type Rule struct {
	Scope  Scope
	Fields []Field
}

var (
	ownFields        = []Field{FieldPassword, FieldEmail, FieldPhone}
	changeableFields = slices.Concat(ownFields, []Field{FieldIsActive})
	passwordOnly     = []Field{FieldPassword}
	roleOnly         = []Field{FieldRole}
	allFields        = []Field{
		FieldNickName, FieldPassword, FieldEnterpriseID, FieldEmail, FieldPhone, FieldIsActive, FieldOrigion,
	}
)

// policy has all rules. If an operation has no rule for a role, the role never has it.
var policy = map[Operation]map[Role]Rule{
	OperationListUsers: {
		RoleAdministrator:       {Scope: ScopeEnterprise},
		RoleSystemAdministrator: {Scope: ScopeEveryone},
		roleOperator:            {Scope: ScopeEveryone},
	},
	OperationCreateUser: {
		RoleAdministrator:       {Scope: ScopeEnterprise, Fields: allFields},
		RoleSystemAdministrator: {Scope: ScopeEveryone, Fields: allFields},
		roleOperator:            {Scope: ScopeEveryone, Fields: slices.Concat(allFields, roleOnly)},
	},
	OperationGetUser: {
		RoleUser:                {Scope: ScopeOneself},
		RoleAdministrator:       {Scope: ScopeEnterprise},
		RoleSystemAdministrator: {Scope: ScopeEveryone},
		roleOperator:            {Scope: ScopeEveryone},
	},
	OperationUpdateUser: {
		RoleUser:                {Scope: ScopeOneself, Fields: ownFields},
		RoleAdministrator:       {Scope: ScopeEnterprise, Fields: changeableFields},
		RoleSystemAdministrator: {Scope: ScopeEveryone, Fields: slices.Concat(changeableFields, []Field{FieldEnterpriseID})},
	},
	OperationDeleteUser: {
		RoleUser:                {Scope: ScopeNobody},
		RoleAdministrator:       {Scope: ScopeEnterprise},
		RoleSystemAdministrator: {Scope: ScopeEveryone},
	},
	OperationChangePassword: {
		RoleUser:                {Scope: ScopeNobody},
		RoleAdministrator:       {Scope: ScopeEnterprise, Fields: passwordOnly},
		RoleSystemAdministrator: {Scope: ScopeEveryone, Fields: passwordOnly},
		roleOperator:            {Scope: ScopeEveryone, Fields: passwordOnly},
	},
	OperationListUserEvents: {
		RoleUser:                {Scope: ScopeNobody},
		RoleAdministrator:       {Scope: ScopeEnterprise},
		RoleSystemAdministrator: {Scope: ScopeEveryone},
		roleOperator:            {Scope: ScopeEveryone},
	},
	OperationChangeOwnPassword: {
		RoleUser:                {Scope: ScopeOneself, Fields: passwordOnly},
		RoleAdministrator:       {Scope: ScopeOneself, Fields: passwordOnly},
		RoleSystemAdministrator: {Scope: ScopeOneself, Fields: passwordOnly},
	},
	OperationListAdministrators: {
		RoleAdministrator:       {Scope: ScopeEnterprise},
		RoleSystemAdministrator: {Scope: ScopeEveryone},
	},
	OperationCreateAdministrator: {
		RoleAdministrator:       {Scope: ScopeEnterprise, Fields: roleOnly},
		RoleSystemAdministrator: {Scope: ScopeEveryone, Fields: roleOnly},
	},
	OperationDeleteAdministrator: {
		RoleAdministrator:       {Scope: ScopeEnterprise, Fields: roleOnly},
		RoleSystemAdministrator: {Scope: ScopeEveryone, Fields: roleOnly},
	},
	OperationDeleteAuthToken: {
		RoleUser:                {Scope: ScopeOneself},
		RoleAdministrator:       {Scope: ScopeOneself},
		RoleSystemAdministrator: {Scope: ScopeOneself},
	},
	OperationCreateToken: {roleOperator: {Scope: ScopeEveryone}},
	OperationRevokeToken: {roleOperator: {Scope: ScopeEveryone}},
}

// RuleOf returns the rule of a role for an operation. If the role never has the operation,
// listed is false.
func RuleOf(op Operation, role Role) (rule Rule, listed bool) {
	rule, listed = policy[op][role]
	return rule, listed
}

// checkRole fails with [CodeForbidden] if the actor's role never has the operation.
func checkRole(op Operation, actor User) error {
	if _, listed := RuleOf(op, actor.Role); !listed {
		return &Error{Code: CodeForbidden}
	}
	return nil
}

// allow returns nil if the actor may do op to the target and set these fields. The zero User
// stands for a target who does not exist. It fails in this order: with [CodeForbidden] if the
// role never has op, with [CodeNotFound] if the role cannot see the target, with
// [CodeForbidden] if the target is not in the scope, and with [CodeForbidden] and the fields at
// fault if the role may not set them.
func allow(op Operation, actor, target User, fields ...Field) error {
	if err := checkRole(op, actor); err != nil {
		return err
	}
	if target.ID == 0 || !visibility[actor.Role].includes(actor, target) {
		return &Error{Code: CodeNotFound}
	}
	if !policy[op][actor.Role].Scope.includes(actor, target) {
		return &Error{Code: CodeForbidden}
	}
	return allowFields(op, actor, fields)
}

// allowInEnterprise returns nil if the actor may do op in the enterprise. It fails with
// [CodeForbidden] if the role never has op, and with [CodeForbidden] and the fields in named if
// the enterprise is not in the scope.
func allowInEnterprise(op Operation, actor User, enterprise string, named ...Field) error {
	if err := checkRole(op, actor); err != nil {
		return err
	}
	if !policy[op][actor.Role].Scope.includes(actor, User{EnterpriseID: enterprise}) {
		return &Error{Code: CodeForbidden, Fields: named}
	}
	return nil
}

// allowFields fails with [CodeForbidden] and the fields that the actor may not set, if any.
func allowFields(op Operation, actor User, fields []Field) error {
	allowed := policy[op][actor.Role].Fields
	refused := slices.DeleteFunc(slices.Clone(fields), func(f Field) bool { return slices.Contains(allowed, f) })
	if len(refused) > 0 {
		return &Error{Code: CodeForbidden, Fields: refused}
	}
	return nil
}
