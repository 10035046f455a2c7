package directory

import "context"

// takenLimit is how many e-mail addresses that an actor names may be taken within the [FailureWindow].
const takenLimit = 10

// takenLimits returns the limit for a change that names an e-mail address: of those that were taken. It
// keeps actors from finding out which addresses exist. Those who see all users have no limit.
func takenLimits(p Principal, namesEmail bool) []failureLimit {
	if !namesEmail || visibility[p.User.Role] == ScopeEveryone {
		return nil
	}
	return []failureLimit{{key: newFailureKey("taken", p.User.ID.String()), most: takenLimit, refusal: RefusalEmailLimit}}
}

// changeWithin runs the unit of a change within the limits of taken e-mail addresses. Without limits, it is
// Store.Change.
//
// The changes of one actor come one after the other, from the look at the failures until a new one is
// counted. So those who try many addresses at once find no more of them.
func (s *Service) changeWithin(ctx context.Context, limits []failureLimit, p Principal, id UserID, decide Decide) (User, error) {
	if len(limits) == 0 {
		return s.Store.Change(ctx, p, id, decide)
	}
	actor := p.User.ID.String()
	leave, err := enter(ctx, s.Emails, RefusalEmailQueue, Turn{Keys: []string{actor}, Alone: actor})
	if err != nil {
		return User{}, err
	}
	defer leave()
	if _, err := s.checkFailures(ctx, limits); err != nil {
		return User{}, err
	}
	user, err := s.Store.Change(ctx, p, id, decide)
	if IsCode(err, CodeEmailTaken) {
		return User{}, s.fail(ctx, limits, err)
	}
	return user, err
}
