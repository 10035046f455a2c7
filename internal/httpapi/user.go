package httpapi

import (
	"context"
	"time"

	"github.com/oapi-codegen/nullable"

	"userapi/gen/api"
	"userapi/internal/directory"
)

// UpdateUser implements api.StrictServerInterface.
func (s *Server) UpdateUser(ctx context.Context, r api.UpdateUserRequestObject) (api.UpdateUserResponseObject, error) {
	x := exchangeFrom(ctx)
	user, err := s.Directory.UpdateUser(ctx, x.principal, directory.ParseUserID(r.UserID), newPatch(r.Body),
		condition(r.Params.IfMatch, r.Params.IfNoneMatch))
	if err != nil {
		return nil, err
	}
	return api.UpdateUser200JSONResponse{
		Body:    updateUser(user),
		Headers: api.UpdateUser200ResponseHeaders{XRequestID: x.requestID},
	}, nil
}

// GetUser implements api.StrictServerInterface.
func (s *Server) GetUser(ctx context.Context, r api.GetUserRequestObject) (api.GetUserResponseObject, error) {
	x := exchangeFrom(ctx)
	user, err := s.Directory.User(ctx, x.principal, directory.ParseUserID(r.UserID))
	if err != nil {
		return nil, err
	}
	if !condition(r.Params.IfMatch, nil).Holds(user.Version) {
		return nil, &directory.Error{Code: directory.CodePreconditionFailed}
	}
	if !condition(nil, r.Params.IfNoneMatch).Holds(user.Version) {
		return api.GetUser304Response{
			Headers: api.GetUser304ResponseHeaders{ETag: etag(user.Version), XRequestID: x.requestID},
		}, nil
	}
	return api.GetUser200JSONResponse{
		Body:    userInfo(user),
		Headers: api.GetUser200ResponseHeaders{ETag: etag(user.Version), XRequestID: x.requestID},
	}, nil
}

// CreateUser implements api.StrictServerInterface.
func (s *Server) CreateUser(ctx context.Context, r api.CreateUserRequestObject) (api.CreateUserResponseObject, error) {
	x := exchangeFrom(ctx)
	user, err := s.Directory.CreateUser(ctx, x.principal, newUser(r.Body))
	if err != nil {
		return nil, err
	}
	return api.CreateUser201JSONResponse{
		Body: userInfo(user),
		Headers: api.CreateUser201ResponseHeaders{
			Location:   "/openapi/v1/users/" + user.ID.String(),
			XRequestID: x.requestID,
		},
	}, nil
}

// DeleteUser implements api.StrictServerInterface.
func (s *Server) DeleteUser(ctx context.Context, r api.DeleteUserRequestObject) (api.DeleteUserResponseObject, error) {
	x := exchangeFrom(ctx)
	err := s.Directory.DeleteUser(ctx, x.principal, directory.ParseUserID(r.UserID),
		condition(r.Params.IfMatch, r.Params.IfNoneMatch))
	if err != nil {
		return nil, err
	}
	return api.DeleteUser204Response{Headers: api.DeleteUser204ResponseHeaders{XRequestID: x.requestID}}, nil
}

// ListUsers implements api.StrictServerInterface.
func (s *Server) ListUsers(ctx context.Context, r api.ListUsersRequestObject) (api.ListUsersResponseObject, error) {
	x := exchangeFrom(ctx)
	page := newPage(r.Params.Page, r.Params.PageSize)
	users, total, err := s.Directory.Users(ctx, x.principal, optional(r.Params.Query).Value, page)
	if err != nil {
		return nil, err
	}
	return api.ListUsers200JSONResponse{
		Body:    userList(users, total),
		Headers: api.ListUsers200ResponseHeaders{XRequestID: x.requestID},
	}, nil
}

// newPatch converts an update and keeps absent, null and value apart. No body is an empty patch.
func newPatch(body *api.UpdateUser) directory.Patch {
	if body == nil {
		return directory.Patch{}
	}
	return directory.Patch{
		Password:     optional(body.Password),
		EnterpriseID: optional(body.EnterpriseID),
		Email:        optional(body.Email),
		Phone:        optional(body.Phone),
		IsActive:     optionalNullable(body.IsActive),
	}
}

// updateUser returns the answer to an update. It never contains the password.
func updateUser(u directory.User) api.UpdateUser {
	return api.UpdateUser{
		EnterpriseID: &u.EnterpriseID,
		Email:        u.Email,
		Phone:        &u.Phone,
		IsActive:     nullableOf(u.IsActive),
	}
}

func newUser(body *api.CreateUser) directory.NewUser {
	active := true
	n := directory.NewUser{
		NickName:     body.NickName,
		Password:     body.Password,
		EnterpriseID: body.EnterpriseID,
		Role:         directory.RoleUser,
		Email:        body.Email,
		Phone:        optional(body.Phone).Value,
		IsActive:     &active,
		Origion:      body.Origion,
	}
	if given := optionalNullable(body.IsActive); given.Set {
		n.IsActive = given.Value
	}
	return n
}

func userInfo(u directory.User) api.UserInfo {
	info := api.UserInfo{
		UserID:       api.UserID(u.ID),
		NickName:     u.NickName,
		EnterpriseID: u.EnterpriseID,
		Email:        nullableOf(u.Email),
		Phone:        u.Phone,
		IsActive:     nullableOf(u.IsActive),
		Origion:      nullableOf(u.Origion),
		CreateTime:   timestamp(u.CreateTime),
		ClientIP:     nullable.NewNullNullable[string](),
	}
	if u.ClientIP.IsValid() {
		info.ClientIP.Set(u.ClientIP.String())
	}
	return info
}

// timestamp returns a time of an answer. The contract promises six fractional digits, and stored
// times have no more.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z07:00") }

func optional[T any](p *T) directory.Optional[T] {
	if p == nil {
		return directory.Optional[T]{}
	}
	return directory.Some(*p)
}

func optionalNullable[T any](n nullable.Nullable[T]) directory.Optional[*T] {
	if !n.IsSpecified() {
		return directory.Optional[*T]{}
	}
	value, err := n.Get()
	if err != nil { // the value is null
		return directory.Some[*T](nil)
	}
	return directory.Some(&value)
}

func nullableOf[T any](p *T) nullable.Nullable[T] {
	if p == nil {
		return nullable.NewNullNullable[T]()
	}
	return nullable.NewNullableWithValue(*p)
}
