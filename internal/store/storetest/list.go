package storetest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"userapi/internal/directory"
)

// addUsers adds users with the numbers from $1 in steps of $2 to $3, in the enterprise $4.
const addUsers = `
	WITH RECURSIVE numbers (n) AS
		(SELECT CAST($1 AS bigint) UNION ALL SELECT n + CAST($2 AS bigint) FROM numbers WHERE n + CAST($2 AS bigint) <= CAST($3 AS bigint))
	INSERT INTO users (id, version, nick_name, nick_name_folded, enterprise_id, role, phone, create_time)
	SELECT n, 1, 'user' || n, 'user' || n, CAST($4 AS text), 'user', '', 0 FROM numbers WHERE true ON CONFLICT DO NOTHING`

// Whatever another program does to the users, a list is the same as one that is made by looking at all of
// them.
func listsAgreeWithAModel(t *testing.T, db Database) {
	s := db.open(t)
	// SQLite counts users in blocks, which begin at 4096, 8192 and so on.
	numbers := rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(4085, 4105), rapid.IntRange(8000, 24_000), rapid.Just(math.MaxInt32))
	enterprises := rapid.SampledFrom([]string{"a", "b", "c"})
	roles := rapid.SampledFrom(directory.Roles())
	rapid.Check(t, func(t *rapid.T) {
		db.mustExec(t, `DELETE FROM users`)
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) { db.Verify(t) },
			"add": func(t *rapid.T) {
				from, step := numbers.Draw(t, "from"), rapid.SampledFrom([]int{1, 3, 90, 2900}).Draw(t, "step")
				to := min(from+step*rapid.IntRange(0, 40).Draw(t, "more"), math.MaxInt32)
				db.mustExec(t, addUsers, from, step, to, enterprises.Draw(t, "enterprise"))
			},
			"delete": func(t *rapid.T) {
				db.mustExec(t, `DELETE FROM users WHERE id BETWEEN $1 AND $2`, numbers.Draw(t, "from"), numbers.Draw(t, "to"))
			},
			"move": func(t *rapid.T) {
				db.mustExec(t, `UPDATE users SET enterprise_id = $1 WHERE id BETWEEN $2 AND $3`,
					enterprises.Draw(t, "enterprise"), numbers.Draw(t, "from"), numbers.Draw(t, "to"))
			},
			"appoint": func(t *rapid.T) {
				db.mustExec(t, `UPDATE users SET role = $1 WHERE id BETWEEN $2 AND $3`, roles.Draw(t, "role"), numbers.Draw(t, "from"), numbers.Draw(t, "to"))
			},
			"renumber": func(t *rapid.T) {
				db.mustExec(t, `UPDATE users SET id = $1, nick_name_folded = 'user' || CAST($1 AS bigint) WHERE id = $2 AND NOT EXISTS
					(SELECT 1 FROM users other WHERE other.id = $1 OR other.nick_name_folded = 'user' || CAST($1 AS bigint))`,
					numbers.Draw(t, "to"), numbers.Draw(t, "from"))
			},
			"list": func(t *rapid.T) {
				filter := directory.UserFilter{
					EnterpriseID: rapid.SampledFrom([]string{"", "a", "b", "other"}).Draw(t, "enterprise"),
					Roles:        rapid.SliceOfDistinct(roles, rapid.ID).Draw(t, "roles"),
				}
				page := directory.Page{Number: rapid.Int64Range(1, 50).Draw(t, "number"), Size: rapid.Int64Range(1, 40).Draw(t, "size")}
				requireList(t, db, s, filter, page)
			},
		})
	})
}

// requireList fails unless the store returns the page that looking at all users returns.
func requireList(t *rapid.T, db Database, s directory.Store, filter directory.UserFilter, page directory.Page) {
	rows, err := db.SQL.QueryContext(t.Context(), `SELECT id, enterprise_id, role FROM users ORDER BY id`)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	all := []directory.User{}
	for rows.Next() {
		var u directory.User
		require.NoError(t, rows.Scan(&u.ID, &u.EnterpriseID, &u.Role))
		if (filter.EnterpriseID == "" || filter.EnterpriseID == u.EnterpriseID) && slices.Contains(filter.Roles, u.Role) {
			all = append(all, u)
		}
	}
	require.NoError(t, rows.Err())
	users, total, err := s.Users(t.Context(), filter, page)
	require.NoError(t, err)
	require.EqualValues(t, len(all), total)
	first := min(page.Offset(), total)
	want := all[first:min(first+page.Size, total)]
	requireSameUsers(t, want, users)
	if len(want) > 0 {
		after, err := s.UsersAfter(t.Context(), filter, want[0].ID-1, int(page.Size))
		require.NoError(t, err)
		requireSameUsers(t, want, after)
	}
}

// requireSameUsers compares what the model knows of a user.
func requireSameUsers(t TB, want, got []directory.User) {
	known := func(users []directory.User) (texts []string) {
		for _, u := range users {
			texts = append(texts, fmt.Sprint(u.ID, " ", u.EnterpriseID, " ", u.Role))
		}
		return texts
	}
	require.Equal(t, known(want), known(got))
}

// letters are letters that locales fold in their own way, and signs that have a meaning in SQL.
var letters = []string{"a", "A", "I", "i", "İ", "ı", "ß", "ss", "Σ", "ς", "é", "e\u0301", `\`, "%", "_", "'"}

func draw(random *rand.Rand, from []string, most int) (text string) {
	for range 1 + random.IntN(most) {
		text += from[random.IntN(len(from))]
	}
	return text
}

// A search finds exactly the users in whose name, address or phone the text is.
func searchesAgreeWithAModel(t *testing.T, db Database) {
	s := db.open(t)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same numbers in each run
	var all []directory.User
	for i := range 60 {
		email := draw(random, []string{"a", "A", "I", "i", `\`, "%", "_", "'"}, 4) + fmt.Sprint(i, "@example.com")
		u := directory.User{
			Version: 1, NickName: draw(random, letters, 4) + fmt.Sprint(i), EnterpriseID: "default", Role: directory.RoleUser,
			Phone: draw(random, letters, 6), CreateTime: time.Unix(0, 0).UTC(),
		}
		if i%2 == 0 {
			u.Email = &email
		}
		all = append(all, create(t, s, u))
	}
	for range 200 {
		text := draw(random, letters, 2)
		var want []directory.User
		for _, u := range all {
			in := directory.Fold(u.NickName) + "\n" + directory.Fold(u.Phone)
			if u.Email != nil {
				in += "\n" + directory.FoldEmail(*u.Email)
			}
			if strings.Contains(in, directory.Fold(text)) {
				want = append(want, u)
			}
		}
		page := directory.Page{Number: 1 + random.Int64N(3), Size: 10}
		found, total, err := s.Users(t.Context(), directory.UserFilter{Roles: directory.Roles(), Text: text}, page)
		require.NoError(t, err)
		require.EqualValues(t, len(want), total, "%q", text)
		first := min(page.Offset(), total)
		requireSameUsers(t, want[first:min(first+page.Size, total)], found)
	}
}

// The directory folds text in the same way everywhere, whatever the locale of the database.
func textIsFolded(t *testing.T, db Database) {
	s := db.open(t)
	email := "INFO@EXAMPLE.COM"
	u := fullUser()
	u.NickName, u.Email, u.Phone = "ISTANBUL", &email, "I 1"
	istanbul := create(t, s, u)
	for _, name := range []directory.LogInName{{Email: "info@example.com"}, {EnterpriseID: "default", NickName: "istanbul"}} {
		account, err := s.Account(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, istanbul, account.User)
	}
	_, err := s.Account(t.Context(), directory.LogInName{EnterpriseID: "default", NickName: "ıstanbul"})
	require.True(t, directory.IsCode(err, directory.CodeNotFound), "%v", err)
	for _, text := range []string{"istanb", "info@", "i 1"} {
		_, total, err := s.Users(t.Context(), directory.UserFilter{Roles: directory.Roles(), Text: text}, directory.Page{Number: 1, Size: 1})
		require.NoError(t, err)
		require.EqualValues(t, 1, total, text)
	}
	lower := "info@example.com"
	for want, change := range map[directory.Code]func(*directory.User){
		directory.CodeEmailTaken:    func(u *directory.User) { u.NickName, u.Email = "other", &lower },
		directory.CodeNickNameTaken: func(u *directory.User) { u.NickName, u.Email = "istanbul", nil },
	} {
		taken := u
		change(&taken)
		_, err := s.Change(t.Context(), directory.Operator(), 0, func(directory.Facts) (directory.Change, error) {
			return directory.Change{User: taken, Event: newEvent(directory.OperationCreateUser)}, nil
		})
		require.True(t, directory.IsCode(err, want), "%v", err)
	}
	free := u
	free.NickName, free.Email = "ıstanbul", nil
	create(t, s, free)
}

// If a client leaves while its list is read, the error is that of the context, whenever that is.
func listsStopWhenTheirContextEnds(t *testing.T, db Database) {
	s := db.open(t)
	for wait := range 500 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(wait)*4*time.Microsecond)
		_, _, err := s.Users(ctx, directory.UserFilter{Roles: directory.Roles()}, directory.Page{Number: 1, Size: 1})
		cancel()
		if err != nil {
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
	}
}
