package httpapi

import (
	"context"

	"golang.org/x/text/secure/precis"

	"userapi/gen/api"
	"userapi/internal/directory"
)

// ChangePassword implements api.StrictServerInterface.
func (s *Server) ChangePassword(ctx context.Context, r api.ChangePasswordRequestObject) (api.ChangePasswordResponseObject, error) {
	id := directory.ParseUserID(r.UserID)
	faults := checkRepeated(r.Body.Password, r.Body.Password1)
	if id != directory.Nobody && r.Body.UserID != api.UserID(id) {
		faults = append(faults, mismatch("/user_id", "Send the number that is in the path."))
	}
	if len(faults) > 0 {
		return nil, &requestError{Code: api.ProblemCodeInvalidRequest, Faults: faults}
	}
	x := exchangeFrom(ctx)
	if err := s.Directory.ChangePassword(ctx, x.principal, id, r.Body.Password, condition(r.Params.IfMatch, r.Params.IfNoneMatch)); err != nil {
		return nil, err
	}
	return api.ChangePassword200JSONResponse{
		Body:    api.ChangedPassword{UserID: api.UserID(id)},
		Headers: api.ChangePassword200ResponseHeaders{XRequestID: x.requestID},
	}, nil
}

// ChangeOwnPassword implements api.StrictServerInterface.
func (s *Server) ChangeOwnPassword(ctx context.Context, r api.ChangeOwnPasswordRequestObject) (api.ChangeOwnPasswordResponseObject, error) {
	if faults := checkRepeated(r.Body.Password, r.Body.Password1); len(faults) > 0 {
		return nil, &requestError{Code: api.ProblemCodeInvalidRequest, Faults: faults}
	}
	x := exchangeFrom(ctx)
	if err := s.Directory.ChangeOwnPassword(ctx, x.principal, r.Body.Password); err != nil {
		return nil, err
	}
	return api.ChangeOwnPassword200JSONResponse{
		Body:    api.ChangedOwnPassword{},
		Headers: api.ChangeOwnPassword200ResponseHeaders{XRequestID: x.requestID},
	}, nil
}

// checkRepeated returns a fault if the two passwords differ. Two spellings of one password, equal
// as OpaqueString, do not differ: the user can log in with both.
func checkRepeated(password, again string) []api.Fault {
	if precis.OpaqueString.Compare(password, again) {
		return nil
	}
	return []api.Fault{mismatch("/password1", "Send the same password twice.")}
}

func mismatch(pointer, hint string) api.Fault {
	return api.Fault{Pointer: pointer, Code: api.FaultCodeMismatch, Detail: hint}
}
