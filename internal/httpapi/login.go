package httpapi

import (
	"context"

	"userapi/gen/api"
)

// CreateAuthToken implements api.StrictServerInterface.
func (s *Server) CreateAuthToken(ctx context.Context, r api.CreateAuthTokenRequestObject) (api.CreateAuthTokenResponseObject, error) {
	x := exchangeFrom(ctx)
	secret, token, err := s.Directory.LogIn(ctx, x.principal, r.Body.Username, r.Body.Password)
	s.meters.countLogIn(err)
	if err != nil {
		x.refusedLogIn, x.account = isRefusedLogIn(err), token.UserID
		return nil, err
	}
	x.userID = token.UserID
	return api.CreateAuthToken200JSONResponse{
		Body:    api.AuthToken{UserID: api.UserID(token.UserID), Token: secret, ExpiresAt: timestamp(token.Expires)},
		Headers: api.CreateAuthToken200ResponseHeaders{XRequestID: x.requestID},
	}, nil
}

// DeleteAuthToken implements api.StrictServerInterface.
func (s *Server) DeleteAuthToken(ctx context.Context, _ api.DeleteAuthTokenRequestObject) (api.DeleteAuthTokenResponseObject, error) {
	x := exchangeFrom(ctx)
	if err := s.Directory.LogOut(ctx, x.principal); err != nil {
		return nil, err
	}
	return api.DeleteAuthToken204Response{
		Headers: api.DeleteAuthToken204ResponseHeaders{XRequestID: x.requestID},
	}, nil
}
