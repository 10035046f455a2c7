package postgres

import (
	"context"
	"strings"
)

// Locks on rows, in place of advisory locks: $1 and $2 are those of [recipe.lockUsers].
const (
	rowsForUpdate = `SELECT FROM users JOIN unnest($1::int[], $2::bool[]) AS v (i, x) ON users.id = i WHERE x ORDER BY i FOR UPDATE OF users`
	rowsForShare  = `SELECT FROM users JOIN unnest($1::int[], $2::bool[]) AS v (i, x) ON users.id = i WHERE NOT x ORDER BY i FOR SHARE OF users`
)

// onlyTargets locks no actor.
const onlyTargets = `SELECT pg_advisory_xact_lock(1, i) FROM unnest($1::int[], $2::bool[]) AS v (i, x) WHERE x`

// noEnterprise takes the place of the enterprise's lock.
const noEnterprise = `SELECT $1::int, $2::text`

// wrongRecipes look right.
var wrongRecipes = map[string]func(*recipe){
	"no lock on the actor": func(r *recipe) { r.lockUsers = onlyTargets },
	"the actor's lock in the statement that reads": func(r *recipe) {
		r.lockUsers = onlyTargets
		r.readActors = strings.Replace(r.readActors, "WHERE",
			"JOIN LATERAL (SELECT pg_advisory_xact_lock_shared(1, users.id) IS NULL AS missing OFFSET 0) AS v ON NOT missing WHERE", 1)
	},
	"FOR SHARE on the actor's row": func(r *recipe) {
		r.lockUsers = `WITH actors AS MATERIALIZED (` + rowsForShare + `), targets AS MATERIALIZED (` + rowsForUpdate + `)
			SELECT (SELECT count(*) FROM actors), (SELECT count(*) FROM targets)`
	},
	"tokens JOIN users FOR SHARE OF users": func(r *recipe) {
		r.lockUsers = rowsForUpdate
		r.readActors += ` FOR SHARE OF users`
	},
	"SERIALIZABLE": func(r *recipe) {
		r.begin, r.lockEnterprise = `begin isolation level serializable`, noEnterprise
		// A scan of the whole table would conflict with every write, and so hide the fault of small tables.
		r.lockUsers = `SELECT set_config('enable_seqscan', 'off', false), $1::int[], $2::bool[]`
	},
	"the target's lock only": func(r *recipe) { r.lockEnterprise = noEnterprise },
	"the enterprise's lock in the statement that reads": func(r *recipe) {
		r.lockEnterprise = noEnterprise
		r.isLast += ` FROM (SELECT pg_advisory_xact_lock(2, hashtext($1)) IS NULL AS missing OFFSET 0) AS v WHERE NOT missing`
	},
	"a retry without looking": func(r *recipe) { r.lookFor = `SELECT $1::int IS NULL AND $2::uuid IS NULL` },
}

// OpenWithWrong is [Open] with a wrong recipe.
func OpenWithWrong(ctx context.Context, address, recipe string) (*Store, error) {
	s, err := Open(ctx, address, Options{})
	if err == nil {
		wrongRecipes[recipe](&s.recipe)
	}
	return s, err
}

// Unanswered returns how many commits had no answer.
func (s *Store) Unanswered() int64 { return s.unanswered.Load() }

// RemoveEvents is the statement of a step of [Store.RemoveEvents].
var RemoveEvents = removeEvents
