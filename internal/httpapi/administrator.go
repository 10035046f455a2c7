package httpapi

import (
	"context"

	"userapi/gen/api"
	"userapi/internal/directory"
)

// ListAdministrators implements api.StrictServerInterface.
func (s *Server) ListAdministrators(ctx context.Context, r api.ListAdministratorsRequestObject) (api.ListAdministratorsResponseObject, error) {
	x := exchangeFrom(ctx)
	page := newPage(r.Params.Page, r.Params.PageSize)
	users, total, err := s.Directory.Administrators(ctx, x.principal, optional(r.Params.Eid).Value, page)
	if err != nil {
		return nil, err
	}
	return api.ListAdministrators200JSONResponse{
		Body:    userList(users, total),
		Headers: api.ListAdministrators200ResponseHeaders{XRequestID: x.requestID},
	}, nil
}

// CreateAdministrator implements api.StrictServerInterface.
func (s *Server) CreateAdministrator(ctx context.Context, r api.CreateAdministratorRequestObject) (api.CreateAdministratorResponseObject, error) {
	x := exchangeFrom(ctx)
	if err := s.Directory.CreateAdministrator(ctx, x.principal, directory.ParseUserID(r.Body.UserID), r.Body.Eid); err != nil {
		return nil, err
	}
	return api.CreateAdministrator201JSONResponse{
		Body: api.Administrator{UserID: r.Body.UserID, Eid: r.Body.Eid},
		Headers: api.CreateAdministrator201ResponseHeaders{
			Location:   "/openapi/v1/administrators/" + r.Body.UserID,
			XRequestID: x.requestID,
		},
	}, nil
}

// DeleteAdministrator implements api.StrictServerInterface.
func (s *Server) DeleteAdministrator(ctx context.Context, r api.DeleteAdministratorRequestObject) (api.DeleteAdministratorResponseObject, error) {
	x := exchangeFrom(ctx)
	err := s.Directory.DeleteAdministrator(ctx, x.principal, directory.ParseUserID(r.UserID),
		condition(r.Params.IfMatch, r.Params.IfNoneMatch))
	if err != nil {
		return nil, err
	}
	return api.DeleteAdministrator204Response{
		Headers: api.DeleteAdministrator204ResponseHeaders{XRequestID: x.requestID},
	}, nil
}
