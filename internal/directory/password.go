package directory

import "context"

// ChangePassword gives a user a new password and ends the user's tokens, except the
// principal's and the operator's. Administrators, system administrators and the command line
// may call it. It fails with [CodeReauthenticationRequired] if the log-in is not fresh, then with [CodePreconditionFailed] if cond does not hold.
func (s *Service) ChangePassword(ctx context.Context, p Principal, id UserID, password string, cond Condition) error {
	_, err := s.change(ctx, p, id, update{Operation: OperationChangePassword, Patch: Patch{Password: Some(password)}, Condition: cond})
	return err
}

// ChangeOwnPassword gives the principal a new password and ends the principal's other tokens,
// except the operator's. Every user may call it. It fails with [CodeReauthenticationRequired]
// if the log-in is not fresh.
func (s *Service) ChangeOwnPassword(ctx context.Context, p Principal, password string) error {
	_, err := s.change(ctx, p, p.User.ID, update{Operation: OperationChangeOwnPassword, Patch: Patch{Password: Some(password)}})
	return err
}

// hash returns the hash of a new password that p sets. Users who set passwords take turns.
func (s *Service) hash(ctx context.Context, p Principal, password string) (string, error) {
	leave, err := enter(ctx, s.Hashing, RefusalHashQueue, Turn{Keys: []string{"new passwords", p.User.ID.String()}})
	if err != nil {
		return "", err
	}
	defer leave()
	return s.Hasher.Hash(ctx, password)
}
