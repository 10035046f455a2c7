package directory

import (
	"context"
	"crypto/sha256"
	"strings"
	"time"
)

// LogInName is what a user logs in with: an e-mail address, or an enterprise and a name.
type LogInName struct {
	Email        string // "": the other fields name the user
	EnterpriseID string
	NickName     string
}

// parseLogInName reads an e-mail address or ENTERPRISE_ID/NICK_NAME. The two cannot be mixed
// up, because neither an enterprise nor a name has an "@" or a "/". Any other text becomes a
// name that no user has.
func parseLogInName(username string) LogInName {
	if strings.Contains(username, "@") {
		return LogInName{Email: username}
	}
	enterprise, name, _ := strings.Cut(username, "/")
	return LogInName{EnterpriseID: enterprise, NickName: name}
}

// Account is a user and the hash of the user's password.
type Account struct {
	User         User
	PasswordHash string // "": no password
}

// LogIn checks a log-in name and a password, and makes a token for the user. It returns the
// token as secret and its description as t. Everyone may call it. It fails with
// [CodeTooManyRequests] if too many log-ins have failed with this name or from this address.
// It fails with [CodeInvalidCredentials] if no user has this name, the password is wrong, the
// user is not active, or too many log-ins have failed with the user's other name.
func (s *Service) LogIn(ctx context.Context, p Principal, username, password string) (secret string, t Token, err error) {
	name := parseLogInName(username)
	account, err := s.Store.Account(ctx, name)
	if err != nil && !IsCode(err, CodeNotFound) {
		return "", Token{}, err
	}
	reserved, err := s.LoginThrottle.reserve(name.key(), account.User.ID, p.Address)
	if err != nil {
		return "", Token{}, err
	}
	defer func() { reserved.finish(IsCode(err, CodeInvalidCredentials)) }()
	// Verify takes as long without a hash. So the time until the answer does not tell whether the
	// account exists.
	hash := account.PasswordHash
	if reserved.mustFail {
		hash = ""
	}
	matches, err := s.Hasher.Verify(ctx, password, hash)
	if err != nil {
		return "", Token{}, err
	}
	if !matches || !account.User.Active() {
		return "", Token{}, &Error{Code: CodeInvalidCredentials}
	}
	if secret, err = s.newSecret(); err != nil {
		return "", Token{}, err
	}
	_, err = s.Store.Change(ctx, p, account.User.ID, func(facts Facts) (Change, error) {
		// The user may have changed while the password was compared.
		if !facts.Target.Active() || facts.PasswordHash != account.PasswordHash {
			return Change{}, &Error{Code: CodeInvalidCredentials}
		}
		now := s.Now().UTC().Truncate(time.Microsecond) // the store keeps microseconds
		t = Token{UserID: facts.Target.ID, Name: "log-in", Kind: TokenLogIn, Created: now, Expires: now.Add(s.TokenLife)}
		event := facts.event(OperationCreateAuthToken, now)
		event.ActorID, event.TokenName = facts.Target.ID, t.Name
		return Change{User: facts.Target, Token: &NewToken{Token: t, Hash: hashToken(secret)}, Event: event}, nil
	})
	if err != nil {
		return "", Token{}, err
	}
	return secret, t, nil
}

// LogOut ends the principal's token. Every user may call it. It fails with
// [CodeOperatorToken] if the token is the operator's.
func (s *Service) LogOut(ctx context.Context, p Principal) error {
	return s.endToken(ctx, p, OperationDeleteAuthToken, p.Token)
}

// key returns a text of fixed size for the log-in throttle. All spellings of a name that the
// store takes for the same name have the same key.
func (n LogInName) key() string {
	hash := sha256.Sum256([]byte(strings.Join([]string{FoldEmail(n.Email), n.EnterpriseID, Fold(n.NickName)}, "/")))
	return string(hash[:])
}
