package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os/exec"

	_ "github.com/mattn/go-sqlite3" // the driver

	"userapi/internal/password"
)

// seedPassword is the password of all users.
const seedPassword = "correct horse"

// enterpriseSize is the number of users of an enterprise; the first is its administrator.
const enterpriseSize = 100

// seed creates a database with this many users, numbered from 1. User 1 is a system
// administrator; the others belong to enterprises of enterpriseSize. All share one
// password hash, because a million hashes would take hours.
//
// The program, a userapi, creates the schema that it will serve. Each of its schemas must
// have the columns that are filled here.
func seed(ctx context.Context, program, path string, users int) (err error) {
	migrate := exec.CommandContext(ctx, program, "migrate", "--database="+path) //nolint:gosec // the user of the bench names the folder of the programs
	if output, err := migrate.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", migrate, err, output)
	}
	hash, err := password.NewHasher(password.Params()).Hash(ctx, seedPassword)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite3", "file:"+path+"?_synchronous=OFF&_cache_size=-65536")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, `
		WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
		INSERT INTO users (id, version, nick_name, nick_name_folded, enterprise_id, role, password_hash, email, phone, phone_folded, is_active, create_time)
		SELECT n, 1, 'user' || n, 'user' || n, iif(n = 1, 'default', 'enterprise-' || (n / 100)),
			CASE WHEN n = 1 THEN 'system_administrator' WHEN n % 100 = 0 THEN 'administrator' ELSE 'user' END,
			?, 'user' || n || '@example.com', '+44 20 ' || n, '+44 20 ' || n, 1, 1767225600000000 + n
		FROM numbers`, users, hash)
	if err != nil {
		return fmt.Errorf("seed %s: %w", path, err)
	}
	_, err = db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	return err
}
