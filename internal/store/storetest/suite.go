package storetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userapi/internal/directory"
)

// Database is a database of its own for one test.
type Database struct {
	Open  func(ctx context.Context) (Store, error) // opens one more node
	Nodes int                                      // how many nodes the races use
	SQL   *sql.DB                                  // other connections, like those of another program
	// RefuseFaults is SQL after which no event is stored whose operation is "fault".
	RefuseFaults []string
	// Verify fails if what the dialect keeps in addition to the rows does not agree with them.
	Verify func(t TB)
}

// Store is a directory.Store that is open.
type Store interface {
	directory.Store
	Close() error
}

// TB is a test, or one run of a property by rapid.
type TB interface {
	require.TestingT
	Context() context.Context
}

// open opens one more node, which is closed when the test ends.
func (db Database) open(t testing.TB) directory.Store {
	t.Helper()
	s, err := db.Open(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// mustExec runs SQL like another program. Its parameters are $1, $2 and so on, in this order.
func (db Database) mustExec(t TB, statement string, values ...any) {
	_, err := db.SQL.ExecContext(t.Context(), statement, values...)
	require.NoError(t, err, statement)
}

// Run runs the suite. Make returns an empty database with the newest schema.
func Run(t *testing.T, make func(t testing.TB) Database) {
	for name, test := range map[string]func(*testing.T, Database){
		"EveryFieldIsKept":              everyFieldIsKept,
		"UpdatesWriteOnlyNamedFields":   updatesWriteOnlyNamedFields,
		"TakenNamesAreRefused":          takenNamesAreRefused,
		"RefusedUnitsWriteNothing":      refusedUnitsWriteNothing,
		"EndedTokensAreRefused":         endedTokensAreRefused,
		"LogInsAreBounded":              logInsAreBounded,
		"ListsAreExact":                 listsAreExact,
		"StartsAreRepeatable":           startsAreRepeatable,
		"NumbersNeverComeBack":          numbersNeverComeBack,
		"EndedContexts":                 endedContexts,
		"LastAdministratorIsOneInFact":  lastAdministratorIsExact,
		"TokensAreListed":               tokensAreListed,
		"ListsAgreeWithAModel":          listsAgreeWithAModel,
		"SearchesAgreeWithAModel":       searchesAgreeWithAModel,
		"TextIsFolded":                  textIsFolded,
		"ListsStopWhenTheirContextEnds": listsStopWhenTheirContextEnds,
		"EventsAgreeWithAModel":         eventsAgreeWithAModel,
		"OldEventsAreRemoved":           oldEventsAreRemoved,
		"TablesRefuseImpossibleRows":    tablesRefuseImpossibleRows,
		"FailedUnitsAreUndoneAlone":     failedUnitsAreUndoneAlone,
		"QueuesAreBounded":              queuesAreBounded,
		"ClosingCommitsQueuedUnits":     closingCommitsQueuedUnits,

		"OneClaimWins":                 oneClaimWins,
		"EndedTokensAreRefusedAtOnce":  endedTokensAreRefusedAtOnce,
		"PrincipalsAreReadAtOneMoment": principalsAreReadAtOneMoment,
		"AnAdministratorStays":         keeps(AnAdministratorStays, 30),
		"NothingAfterADemotion":        keeps(NothingAfterADemotion, 30),
		"ADemotionIsNotOvertaken":      keeps(ADemotionIsNotOvertaken, 3),
		"NothingAfterALogOut":          keeps(NothingAfterALogOut, 30),
		"TwoMayChangeEachOther":        twoMayChangeEachOther,
		"EachChangeIsCounted":          eachChangeIsCounted,
		"OneStartIsTheFirst":           oneStartIsTheFirst,
		"ReadsSeeAcknowledgedChanges":  readsSeeAcknowledgedChanges,
		"FollowersMissNoEvent":         followersMissNoEvent,
		"RemovalLosesNothing":          removalLosesNothing,
	} {
		t.Run(name, func(t *testing.T) { test(t, make(t)) })
	}
}

// keeps is the test that a store keeps the promise of a race.
func keeps(race Race, rounds int) func(*testing.T, Database) {
	return func(t *testing.T, db Database) { require.NoError(t, race(t, db.OpenNodes(t), rounds)) }
}

// fullUser returns a user with a value in every field.
func fullUser() directory.User {
	active, email, origion := true, "Ada@example.com", "import"
	return directory.User{
		Version: 1, NickName: "Ada", EnterpriseID: "default", Role: directory.RoleAdministrator,
		Email: &email, Phone: "BÜRO 1", IsActive: &active, Origion: &origion,
		CreateTime: time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC), ClientIP: netip.MustParseAddr("2001:db8::1"),
	}
}

const fullHash = "$argon2id$of-ada"

func newEvent(op directory.Operation) *directory.Event {
	return &directory.Event{At: time.Unix(1, 0).UTC(), EnterpriseID: "default", Operation: op}
}

// create stores a user. The name is in the enterprise default.
func create(t testing.TB, s directory.Store, u directory.User) directory.User {
	t.Helper()
	stored, err := s.Change(t.Context(), directory.Operator(), 0, func(directory.Facts) (directory.Change, error) {
		return directory.Change{User: u, PasswordHash: fullHash, Event: newEvent(directory.OperationCreateUser)}, nil
	})
	require.NoError(t, err)
	return stored
}

// createNamed stores an active user with a role.
func createNamed(t testing.TB, s directory.Store, name string, role directory.Role) directory.User {
	t.Helper()
	active := true
	return create(t, s, directory.User{
		Version: 1, NickName: name, EnterpriseID: "default", Role: role, IsActive: &active, CreateTime: time.Unix(0, 0).UTC(),
	})
}

const otherHash = "$argon2id$of-eve"

// newHash returns the hash of a token with this secret.
func newHash(secret ...any) directory.TokenHash { return sha256.Sum256([]byte(fmt.Sprint(secret...))) }

// logIn stores a token of a user, and returns its principal.
func logIn(t testing.TB, s directory.Store, u directory.User) directory.Principal {
	t.Helper()
	hash := newHash(rand.Text())
	_, err := s.Change(t.Context(), directory.Operator(), u.ID, func(f directory.Facts) (directory.Change, error) {
		token := directory.NewToken{Hash: hash, Token: directory.Token{UserID: u.ID, Name: "t", Kind: directory.TokenMade, Created: time.Unix(1, 0)}}
		return directory.Change{User: f.Target, Token: &token, Event: newEvent(directory.OperationCreateToken)}, nil
	})
	require.NoError(t, err)
	p, err := s.Principal(t.Context(), hash)
	require.NoError(t, err)
	return p
}

// set is a decision that changes the target and writes these fields.
func set(change func(*directory.User), fields ...directory.Field) directory.Decide {
	return func(f directory.Facts) (directory.Change, error) {
		u := f.Target
		u.Version++
		change(&u)
		return directory.Change{User: u, Fields: fields, PasswordHash: otherHash, Event: newEvent(directory.OperationUpdateUser)}, nil
	}
}

func everyFieldIsKept(t *testing.T, db Database) {
	s := db.open(t)
	full := fullUser()
	stored := create(t, s, full)
	require.NotZero(t, stored.ID)
	full.ID = stored.ID
	require.Equal(t, full, stored)
	read, err := s.User(t.Context(), full.ID)
	require.NoError(t, err)
	require.Equal(t, full, read)
	for _, name := range []directory.LogInName{{Email: "aDA@example.com"}, {EnterpriseID: "default", NickName: "ADA"}} {
		account, err := s.Account(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, directory.Account{User: full, PasswordHash: fullHash}, account)
	}
	_, err = s.Account(t.Context(), directory.LogInName{EnterpriseID: "default", NickName: "bob"})
	require.True(t, directory.IsCode(err, directory.CodeNotFound), "%v", err)

	at := full.CreateTime.Add(time.Hour)
	token := directory.NewToken{Hash: directory.TokenHash{1, 2, 3}, Token: directory.Token{
		UserID: full.ID, Name: "nightly", Kind: directory.TokenMade, Created: full.CreateTime, Expires: at,
	}}
	event := directory.Event{
		At: at, ActorID: 9, TokenName: "t", EnterpriseID: "default", Operation: directory.OperationCreateToken,
		Fields: []directory.Field{directory.FieldPhone, directory.FieldRole}, RequestID: "QG5D",
	}
	_, err = s.Change(t.Context(), directory.Operator(), full.ID, func(f directory.Facts) (directory.Change, error) {
		require.Equal(t, fullHash, f.PasswordHash)
		return directory.Change{User: f.Target, Token: &token, Event: &event}, nil
	})
	require.NoError(t, err)
	p, err := s.Principal(t.Context(), token.Hash)
	require.NoError(t, err)
	token.ID = p.Token.ID
	require.Equal(t, directory.Principal{User: full, Token: token.Token}, p)
	alone, err := s.Token(t.Context(), token.ID)
	require.NoError(t, err)
	require.Equal(t, token.Token, alone)
	listed, err := s.Tokens(t.Context(), full.ID)
	require.NoError(t, err)
	require.Equal(t, []directory.Token{token.Token}, listed)

	events, total, err := s.Events(t.Context(), directory.EventFilter{TargetID: full.ID}, directory.Page{Number: 2, Size: 1})
	require.NoError(t, err)
	require.EqualValues(t, 2, total)
	event.TargetID, event.ID = full.ID, events[0].ID
	require.Equal(t, []directory.Event{event}, events)
	for _, target := range []directory.UserID{0, full.ID} {
		after, err := s.EventsAfter(t.Context(), target, event.ID-1, 10)
		require.NoError(t, err)
		require.Equal(t, events, after)
	}
}

func updatesWriteOnlyNamedFields(t *testing.T, db Database) {
	s := db.open(t)
	fields := []directory.Field{
		directory.FieldPassword, directory.FieldEnterpriseID, directory.FieldEmail, directory.FieldPhone, directory.FieldIsActive, directory.FieldRole,
	}
	email := "eve@example.com"
	for subset := range 1 << len(fields) {
		full := fullUser()
		before := create(t, s, full)
		var named []directory.Field
		want, hash := before, fullHash
		want.Version = 2
		for i, field := range fields {
			if subset&(1<<i) == 0 {
				continue
			}
			named = append(named, field)
			switch field {
			case directory.FieldPassword:
				hash = otherHash
			case directory.FieldEnterpriseID:
				want.EnterpriseID = "other"
			case directory.FieldEmail:
				want.Email = &email
			case directory.FieldPhone:
				want.Phone = "WEISS 2"
			case directory.FieldIsActive:
				want.IsActive = nil
			case directory.FieldRole:
				want.Role = directory.RoleUser
			default:
				require.Fail(t, "the field cannot be updated", field)
			}
		}
		_, err := s.Change(t.Context(), directory.Operator(), before.ID, set(func(u *directory.User) {
			u.NickName, u.EnterpriseID, u.Email, u.Phone, u.IsActive, u.Role = "Eve", "other", &email, "WEISS 2", nil, directory.RoleUser
		}, named...))
		require.NoError(t, err)
		facts, err := s.Facts(t.Context(), directory.Operator(), before.ID)
		require.NoError(t, err)
		if len(named) == 0 {
			want.Version = 1
		}
		require.Equal(t, want, facts.Target, "%v", named)
		require.Equal(t, hash, facts.PasswordHash, "%v", named)
		remove(t, s, before.ID)
	}
	ada := create(t, s, fullUser())
	_, err := s.Change(t.Context(), directory.Operator(), ada.ID, set(func(*directory.User) {}, directory.FieldOrigion))
	require.ErrorContains(t, err, "origion cannot be updated")
	_, err = s.Change(t.Context(), directory.Operator(), ada.ID, func(f directory.Facts) (directory.Change, error) {
		return directory.Change{User: f.Target, Fields: []directory.Field{directory.FieldPassword}, Event: newEvent(directory.OperationUpdateUser)}, nil
	})
	require.ErrorContains(t, err, "must not take the password away")
}

func remove(t testing.TB, s directory.Store, id directory.UserID) {
	t.Helper()
	_, err := s.Change(t.Context(), directory.Operator(), id, func(f directory.Facts) (directory.Change, error) {
		return directory.Change{User: f.Target, Delete: true, Event: newEvent(directory.OperationDeleteUser)}, nil
	})
	require.NoError(t, err)
}

func takenNamesAreRefused(t *testing.T, db Database) {
	s := db.open(t)
	create(t, s, fullUser())
	same := fullUser()
	same.NickName = "ADA"
	same.Email = nil
	_, err := s.Change(t.Context(), directory.Operator(), 0, func(directory.Facts) (directory.Change, error) {
		return directory.Change{User: same, Event: newEvent(directory.OperationCreateUser)}, nil
	})
	require.True(t, directory.IsCode(err, directory.CodeNickNameTaken), "%v", err)
	bob := createNamed(t, s, "bob", directory.RoleUser)
	address := "ADA@EXAMPLE.COM"
	_, err = s.Change(t.Context(), directory.Operator(), bob.ID, set(func(u *directory.User) { u.Email = &address }, directory.FieldEmail))
	require.True(t, directory.IsCode(err, directory.CodeEmailTaken), "%v", err)
	failure, _ := errors.AsType[*directory.Error](err)
	require.Equal(t, []directory.Field{directory.FieldEmail}, failure.Fields)
	read, err := s.User(t.Context(), bob.ID)
	require.NoError(t, err)
	require.Equal(t, bob, read)
}

func refusedUnitsWriteNothing(t *testing.T, db Database) {
	s := db.open(t)
	bob := createNamed(t, s, "bob", directory.RoleUser)
	refused := &directory.Error{Code: directory.CodeForbidden}
	_, err := s.Change(t.Context(), directory.Operator(), bob.ID, func(directory.Facts) (directory.Change, error) { return directory.Change{}, refused })
	require.ErrorIs(t, err, refused)
	_, err = s.Change(t.Context(), directory.Operator(), bob.ID, func(directory.Facts) (directory.Change, error) { panic("canary") })
	require.ErrorContains(t, err, "panic: string")
	_, err = s.Change(t.Context(), directory.Operator(), bob.ID, func(f directory.Facts) (directory.Change, error) {
		return directory.Change{User: f.Target, EndToken: 4711, Event: newEvent(directory.OperationRevokeToken)}, nil
	})
	require.True(t, directory.IsCode(err, directory.CodeNotFound), "%v", err)
	user, err := s.Change(t.Context(), directory.Operator(), bob.ID, func(f directory.Facts) (directory.Change, error) {
		return directory.Change{User: f.Target}, nil // no event
	})
	require.NoError(t, err)
	require.Equal(t, bob, user)
	_, err = s.Change(t.Context(), directory.Operator(), 4711, func(f directory.Facts) (directory.Change, error) {
		require.Zero(t, f.Target)
		require.Nil(t, f.LastAdministrator)
		return directory.Change{}, nil
	})
	require.NoError(t, err)
	_, total, err := s.Events(t.Context(), directory.EventFilter{}, directory.Page{Number: 1, Size: 1})
	require.NoError(t, err)
	require.EqualValues(t, 1, total, "that of the creation")
}

func endedTokensAreRefused(t *testing.T, db Database) {
	s := db.open(t)
	bob := createNamed(t, s, "bob", directory.RoleUser)
	kept, ended := logIn(t, s, bob), logIn(t, s, bob)
	_, err := s.Change(t.Context(), kept, bob.ID, func(f directory.Facts) (directory.Change, error) {
		return directory.Change{User: f.Target, EndTokens: true, Event: newEvent(directory.OperationUpdateUser)}, nil
	})
	require.NoError(t, err)
	for _, call := range []func(p directory.Principal) error{
		func(p directory.Principal) error { _, err := s.Facts(t.Context(), p, bob.ID); return err },
		func(p directory.Principal) error {
			_, err := s.Change(t.Context(), p, bob.ID, set(func(*directory.User) {}, directory.FieldPhone))
			return err
		},
	} {
		require.NoError(t, call(kept))
		err := call(ended)
		require.True(t, directory.IsCode(err, directory.CodeUnauthenticated), "%v", err)
	}
	_, err = s.Principal(t.Context(), directory.TokenHash{99})
	require.True(t, directory.IsCode(err, directory.CodeUnauthenticated), "%v", err)
	remove(t, s, bob.ID)
	_, err = s.Facts(t.Context(), kept, 0)
	require.True(t, directory.IsCode(err, directory.CodeUnauthenticated), "%v", err)
}

func logInsAreBounded(t *testing.T, db Database) {
	s := db.open(t)
	bob := createNamed(t, s, "bob", directory.RoleUser)
	at := time.Unix(1000, 0).UTC()
	for i := range directory.MaxLogIns + 3 {
		_, err := s.Change(t.Context(), directory.Operator(), bob.ID, func(f directory.Facts) (directory.Change, error) {
			token := directory.NewToken{Hash: newHash("log-in", i), Token: directory.Token{
				UserID: bob.ID, Name: fmt.Sprint(i), Kind: directory.TokenLogIn, Created: at, Expires: at.Add(time.Hour),
			}}
			if i == directory.MaxLogIns+1 { // the next one finds it expired
				token.Expires = at
			}
			return directory.Change{User: f.Target, Token: &token, Event: newEvent(directory.OperationCreateAuthToken)}, nil
		})
		require.NoError(t, err)
	}
	listed, err := s.Tokens(t.Context(), bob.ID)
	require.NoError(t, err)
	require.Len(t, listed, directory.MaxLogIns)
	require.Equal(t, fmt.Sprint(directory.MaxLogIns+2), listed[len(listed)-1].Name)
	require.False(t, slices.ContainsFunc(listed, func(token directory.Token) bool { return token.Name == fmt.Sprint(directory.MaxLogIns+1) }))
}

func listsAreExact(t *testing.T, db Database) {
	s := db.open(t)
	var all []directory.User
	for i := range 30 {
		role := directory.Roles()[i%3]
		u := directory.User{
			Version: 1, NickName: fmt.Sprintf("Name_%d%%", i), EnterpriseID: []string{"a", "B"}[i%2], Role: role,
			Phone: fmt.Sprintf("Straße \\%d", i), CreateTime: time.Unix(0, 0).UTC(),
		}
		all = append(all, create(t, s, u))
	}
	for name, filter := range map[string]directory.UserFilter{
		"nobody": {}, "everybody": {Roles: directory.Roles()}, "enterprise": {Roles: directory.Roles(), EnterpriseID: "B"},
		"administrators": {Roles: []directory.Role{directory.RoleAdministrator}},
		"two":            {Roles: []directory.Role{directory.RoleUser, directory.RoleAdministrator}, EnterpriseID: "a"},
	} {
		want := []directory.User{}
		for _, u := range all {
			if slices.Contains(filter.Roles, u.Role) && (filter.EnterpriseID == "" || filter.EnterpriseID == u.EnterpriseID) {
				want = append(want, u)
			}
		}
		for number := int64(1); number < 6; number++ {
			page := directory.Page{Number: number, Size: 7}
			users, total, err := s.Users(t.Context(), filter, page)
			require.NoError(t, err, name)
			require.EqualValues(t, len(want), total, name)
			first := min(page.Offset(), total)
			require.Equal(t, want[first:min(first+7, total)], append([]directory.User{}, users...), name)
		}
		after, err := s.UsersAfter(t.Context(), filter, all[4].ID, 3)
		require.NoError(t, err)
		want = slices.DeleteFunc(want, func(u directory.User) bool { return u.ID <= all[4].ID })
		require.Equal(t, want[:min(3, len(want))], append([]directory.User{}, after...), name)
	}
	for text, want := range map[string]int64{"name_1": 11, "NAME_1%": 1, "%": 30, "STRASSE": 30, `\2`: 11, "e_": 30, "nowhere": 0, "me1": 0} {
		_, total, err := s.Users(t.Context(), directory.UserFilter{Roles: directory.Roles(), Text: text}, directory.Page{Number: 1, Size: 1})
		require.NoError(t, err)
		require.Equal(t, want, total, text)
	}
}

// newStart returns the start of a server on an empty directory.
func newStart() directory.Start {
	active := true
	return directory.Start{
		At: time.Unix(5, 0), Event: directory.Event{At: time.Unix(5, 0), TargetID: 1},
		Admin: directory.User{
			ID: 1, Version: 1, NickName: "admin", EnterpriseID: "default",
			Role: directory.RoleSystemAdministrator, IsActive: &active, CreateTime: time.Unix(5, 0),
		},
	}
}

func newStartToken(kind directory.TokenKind, secret int) *directory.NewToken {
	return &directory.NewToken{Hash: newHash(secret), Token: directory.Token{UserID: 1, Name: "t", Kind: kind, Created: time.Unix(5, 0)}}
}

func startsAreRepeatable(t *testing.T, db Database) {
	s := db.open(t)
	step := func(want directory.Started, operator, made *directory.NewToken) {
		t.Helper()
		start := newStart()
		start.Operator, start.Made = operator, made
		started, err := s.Start(t.Context(), start)
		require.NoError(t, err)
		require.Equal(t, want, started)
	}
	accepted := func(secret int) bool {
		_, err := s.Principal(t.Context(), newHash(secret))
		return err == nil
	}
	requireEvents := func(want int64) {
		t.Helper()
		_, total, err := s.Events(t.Context(), directory.EventFilter{}, directory.Page{Number: 1, Size: 1})
		require.NoError(t, err)
		require.Equal(t, want, total)
	}
	step(directory.Started{First: true}, nil, nil)
	requireEvents(0) // without a token, nobody could use user 1
	step(directory.Started{First: true}, nil, newStartToken(directory.TokenMade, 1))
	requireEvents(2) // one for the user and one for the token
	step(directory.Started{}, nil, newStartToken(directory.TokenMade, 2))
	requireEvents(2)
	require.True(t, accepted(1))
	require.False(t, accepted(2), "the directory was not empty")
	step(directory.Started{}, newStartToken(directory.TokenOperator, 3), nil)
	step(directory.Started{}, newStartToken(directory.TokenOperator, 3), nil)
	require.True(t, accepted(3))
	step(directory.Started{OperatorEnded: true}, newStartToken(directory.TokenOperator, 1), nil)
	require.True(t, accepted(1), "a token of another kind becomes the operator's")
	require.False(t, accepted(3))
	step(directory.Started{OperatorEnded: true}, nil, nil)
	require.False(t, accepted(1))
	remove(t, s, 1)
	bob := createNamed(t, s, "bob", directory.RoleUser)
	require.NotEqualValues(t, 1, bob.ID)
	step(directory.Started{OperatorRefused: true}, newStartToken(directory.TokenOperator, 4), nil)
}

func numbersNeverComeBack(t *testing.T, db Database) {
	s := db.open(t)
	last := directory.UserID(0)
	for range 5 {
		u := createNamed(t, s, "bob", directory.RoleUser)
		require.Greater(t, u.ID, last)
		last = u.ID
		remove(t, s, u.ID)
	}
}

func endedContexts(t *testing.T, db Database) {
	s := db.open(t)
	bob := createNamed(t, s, "bob", directory.RoleUser)
	ctx, end := context.WithCancel(t.Context())
	end()
	_, err := s.Change(ctx, directory.Operator(), bob.ID, set(func(*directory.User) {}, directory.FieldPhone))
	require.ErrorIs(t, err, context.Canceled)
	_, _, err = s.Users(ctx, directory.UserFilter{Roles: directory.Roles()}, directory.Page{Number: 1, Size: 1})
	require.ErrorIs(t, err, context.Canceled)
	read, err := s.User(t.Context(), bob.ID)
	require.NoError(t, err)
	require.Equal(t, bob, read)
	release := hold(t, s, bob.ID)
	for _, err := range atOnce(10, func(int) error {
		ctx, end := context.WithTimeout(t.Context(), time.Millisecond)
		defer end()
		_, err := s.Change(ctx, directory.Operator(), bob.ID, setPhone)
		return err
	}) {
		require.ErrorIs(t, err, context.DeadlineExceeded, "the caller does not wait for the writer")
	}
	release()
	requireVersion(t, s, bob.ID, 1)
	ctx, end = context.WithCancel(t.Context())
	defer end()
	_, err = s.Change(ctx, directory.Operator(), bob.ID, func(f directory.Facts) (directory.Change, error) {
		end() // too late to drop it
		return set(func(*directory.User) {}, directory.FieldPhone)(f)
	})
	require.NoError(t, err)
}
