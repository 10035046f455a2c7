package directory

import "context"

// ChangePassword gives a user a new password. Administrators and the command line may
// call it. CodeNotFound, CodeForbidden, CodeReauthenticationRequired, CodeUnavailable.
func (s *Service) ChangePassword(ctx context.Context, p Principal, id UserID, password string) error {
	_, err := s.change(ctx, p, id, update{Operation: OperationChangePassword, Patch: Patch{Password: Some(password)}})
	return err
}

// ChangeOwnPassword gives the principal a new password.
// CodeReauthenticationRequired, CodeUnavailable.
func (s *Service) ChangeOwnPassword(ctx context.Context, p Principal, password string) error {
	_, err := s.change(ctx, p, p.User.ID, update{Operation: OperationChangeOwnPassword, Patch: Patch{Password: Some(password)}})
	return err
}
