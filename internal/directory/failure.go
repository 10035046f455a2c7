package directory

import (
	"context"
	"crypto/sha256"
	"strings"
	"time"
)

// FailureWindow is how long the failures of a [FailureKey] count, from the first of them.
const FailureWindow = time.Minute

// FailureKey is what failures are counted for: the SHA-256 of an account, of a network, of both, or of
// an actor. So no store of them shows who has failed. But the hash of a network or of an actor can be found by
// trying all of them.
type FailureKey [sha256.Size]byte

// Failures are the failures of a [FailureKey].
type Failures struct {
	Count     int
	Remaining time.Duration // how long they still count; more than 0
}

// failureLimit is how many failures a key may have within the [FailureWindow].
type failureLimit struct {
	key  FailureKey
	most int
	// hidden makes the log-in fail as if the password were wrong. An error would tell the client
	// that both names belong to one user.
	hidden  bool
	refusal Refusal // what the limit is of
}

func newFailureKey(parts ...string) FailureKey {
	return sha256.Sum256([]byte(strings.Join(parts, "/")))
}

func keysOf(limits []failureLimit) []FailureKey {
	keys := make([]FailureKey, len(limits))
	for i, l := range limits {
		keys[i] = l.key
	}
	return keys
}

// checkFailures fails with [CodeTooManyRequests] if a limit is reached. If only a hidden one is
// reached, it says that the log-in must fail.
func (s *Service) checkFailures(ctx context.Context, limits []failureLimit) (mustFail bool, err error) {
	if len(limits) == 0 {
		return false, nil
	}
	failures, err := s.Store.Failures(ctx, keysOf(limits))
	if err != nil {
		return false, err
	}
	refused := &Error{Code: CodeTooManyRequests}
	for _, l := range limits {
		switch reached := failures[l.key]; {
		case reached.Count < l.most:
		case l.hidden:
			mustFail = true
		default:
			refused.RetryAfter, refused.Refusal = max(refused.RetryAfter, reached.Remaining), l.refusal
		}
	}
	if refused.RetryAfter > 0 {
		return false, refused
	}
	return mustFail, nil
}

// fail counts a failure, even if the client has left before its answer, and returns the error of the
// failure.
func (s *Service) fail(ctx context.Context, limits []failureLimit, failure error) error {
	if len(limits) > 0 {
		if err := s.Store.AddFailure(context.WithoutCancel(ctx), keysOf(limits)); err != nil {
			return err
		}
	}
	return failure
}
