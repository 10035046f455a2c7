package postgres

// recipe is the SQL that makes units exact: what begins a transaction, locks, reads and looks for a commit
// that had no answer. The package comment explains it. Tests put wrong recipes in its place.
type recipe struct {
	begin          string
	lockEnterprise string // $1: the kind of lock, $2: the enterprise
	lockUsers      string // $1: numbers in order, $2: which of them to lock exclusively
	readActors     string // $1: numbers of tokens
	readTargets    string // $1: numbers of users
	isLast         string // $1: an enterprise, $2: one of its active administrators
	lookFor        string // $1: a user, $2: the key of an event
}

// exact is the recipe of every store. Both locks are statements of their own, so that the next one
// sees what the last holder of the lock has written.
var exact = recipe{
	begin:          `begin`,
	lockEnterprise: `SELECT pg_advisory_xact_lock($1::int, hashtext($2))`,
	lockUsers: `SELECT CASE WHEN x THEN pg_advisory_xact_lock(1, i) ELSE pg_advisory_xact_lock_shared(1, i) END
		FROM unnest($1::int[], $2::bool[]) AS v (i, x)`,
	readActors:  selectPrincipals + `tokens.id = ANY($1)`,
	readTargets: `SELECT ` + userColumns + ` FROM users WHERE id = ANY($1)`,
	isLast: `SELECT EXISTS (SELECT FROM users WHERE enterprise_id = $1 AND id <> $2)
		AND NOT EXISTS (SELECT FROM users WHERE enterprise_id = $1 AND role = 'administrator' AND is_active AND id <> $2)`,
	lookFor: `SELECT EXISTS (SELECT FROM events WHERE target_id = $1 AND unit = $2)`,
}
