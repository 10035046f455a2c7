package directory

import (
	"context"
	"crypto/sha256"
	"net/netip"
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
// user is not active, or too many log-ins have failed with the user's other name. In these cases, t has the number
// of the user who has the name, or 0: it is for the log, and must not be in the answer.
func (s *Service) LogIn(ctx context.Context, p Principal, username, password string) (secret string, t Token, err error) {
	account, limits, err := s.checkPassword(ctx, p.Address, parseLogInName(username), password)
	if err != nil {
		return "", Token{UserID: account.User.ID}, err
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
		return Change{User: facts.Target, Token: &NewToken{Token: t, Hash: HashToken(secret)}, Event: event}, nil
	})
	if IsCode(err, CodeInvalidCredentials) {
		return "", Token{UserID: account.User.ID}, s.failLogIn(ctx, limits)
	}
	if err != nil {
		return "", Token{}, err
	}
	return secret, t, nil
}

// checkPassword returns the account that has the name and the password, and the limits of its
// failures. It fails as [Service.LogIn] does, with the account that has the name.
//
// Log-ins take turns by network, and in a network by name. Those with one name come one after the
// other, from the look at the failures until a new one is counted. So those who try many passwords at once get
// no more tries, and those who know the password do not refuse each other.
func (s *Service) checkPassword(ctx context.Context, address netip.Addr, name LogInName, password string) (Account, []failureLimit, error) {
	leave, err := enter(ctx, s.Hashing, RefusalHashQueue, Turn{Keys: []string{"log-ins", networkOf(address, turnPrefixBits), name.key()}, Alone: name.key()})
	if err != nil {
		return Account{}, nil, err
	}
	defer leave()
	account, err := s.Store.Account(ctx, name)
	if err != nil && !IsCode(err, CodeNotFound) {
		return Account{}, nil, err
	}
	limits := s.logInLimits(name, account.User.ID, address)
	mustFail, err := s.checkFailures(ctx, limits)
	if err != nil {
		return account, nil, err
	}
	// Verify takes as long without a hash. So the time until the answer does not tell whether the
	// account exists.
	hash := account.PasswordHash
	if mustFail {
		hash = ""
	}
	matches, err := s.Hasher.Verify(ctx, password, hash)
	if err != nil {
		return Account{}, nil, err
	}
	if matches && account.User.Active() {
		return account, limits, nil
	}
	return account, nil, s.failLogIn(ctx, limits)
}

// LogOut ends the principal's token. Every user may call it. It fails with
// [CodeOperatorToken] if the token is the operator's.
func (s *Service) LogOut(ctx context.Context, p Principal) error {
	return s.endToken(ctx, p, OperationDeleteAuthToken, p.Token)
}

// key returns a text of fixed size. All spellings of a name that the
// store takes for the same name have the same key.
func (n LogInName) key() string {
	hash := sha256.Sum256([]byte(strings.Join([]string{FoldEmail(n.Email), n.EnterpriseID, Fold(n.NickName)}, "/")))
	return string(hash[:])
}
