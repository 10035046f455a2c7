package directory

import (
	"context"
	"crypto/sha256"
	"strings"
	"time"
)

// LogInName names a user for a log-in: by e-mail address, or by enterprise and name.
type LogInName struct {
	Email        string // "": not by e-mail
	EnterpriseID string
	NickName     string
}

// parseLogInName reads an e-mail address or ENTERPRISE_ID/NICK_NAME. Neither an
// enterprise nor a name has an "@" or a "/". What is neither of both names nobody.
func parseLogInName(username string) LogInName {
	if strings.Contains(username, "@") {
		return LogInName{Email: username}
	}
	enterprise, name, _ := strings.Cut(username, "/")
	return LogInName{EnterpriseID: enterprise, NickName: name}
}

// Account is a user and the hash of the password.
type Account struct {
	User         User
	PasswordHash string // "": no password
}

// LogIn gives a token for a name and a password. Everyone may call it.
// CodeTooManyRequests: too many have failed with this name or from this address.
// CodeInvalidCredentials: nobody has this name, it is another password, the user is not
// active, or too many have failed with the user's other name. CodeUnavailable.
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
	// An account that is not there costs the same work: the answer's time tells nothing.
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
		// The password may have changed while it was compared.
		if !facts.Target.Active() || facts.PasswordHash != account.PasswordHash {
			return Change{}, &Error{Code: CodeInvalidCredentials}
		}
		now := s.Now().UTC().Truncate(time.Microsecond) // as it is stored
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

// LogOut ends the token that is used. CodeOperatorToken: it is the operator's.
func (s *Service) LogOut(ctx context.Context, p Principal) error {
	return s.endToken(ctx, p, OperationDeleteAuthToken, p.Token)
}

// key is the same for what names the same user, and of bounded size.
func (n LogInName) key() string {
	hash := sha256.Sum256([]byte(strings.Join([]string{FoldEmail(n.Email), n.EnterpriseID, Fold(n.NickName)}, "/")))
	return string(hash[:])
}
