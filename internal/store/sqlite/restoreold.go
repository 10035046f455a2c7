package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
)

// goPastOld makes numbers and versions go on past those of the old database. If it fails, it
// changes nothing.
func (r *restore) goPastOld(ctx context.Context, db *sql.DB) (err error) {
	uri := "file:" + (&url.URL{Path: r.path}).EscapedPath() + "?mode=ro&immutable=1"
	if _, err := db.ExecContext(ctx, `ATTACH ? AS old`, uri); err != nil {
		return err
	}
	defer func() {
		_, detached := db.ExecContext(context.WithoutCancel(ctx), `DETACH old`)
		err = errors.Join(err, detached)
	}()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	raised := int64(0)
	for _, statement := range []string{raiseChanged, raiseDeleted} {
		result, err := tx.ExecContext(ctx, statement)
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
		n, err := result.RowsAffected()
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
		raised += n
	}
	for _, table := range []string{"users", "tokens"} {
		for _, statement := range []string{startSequence, raiseSequence} {
			if _, err := tx.ExecContext(ctx, fmt.Sprintf(statement, table)); err != nil {
				return errors.Join(err, tx.Rollback())
			}
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	r.Raised = raised
	return nil
}

// raiseChanged raises the versions of the users whom the old database had with the same version
// or a higher one, and who were different then.
const raiseChanged = `
	UPDATE main.users SET version = was.version + 1 FROM old.users AS was
	WHERE was.id = users.id AND (was.version > users.version OR was.version = users.version
		AND (was.nick_name, was.enterprise_id, was.role, was.password_hash, was.email, was.phone, was.is_active, was.origion, was.client_ip, was.create_time)
		IS NOT (users.nick_name, users.enterprise_id, users.role, users.password_hash, users.email, users.phone, users.is_active, users.origion, users.client_ip, users.create_time))`

// raiseDeleted raises the versions of the users whom the old database does not have any more. Each
// of their versions there has an event. Any of the events after the backup that are missing there, because RemoveEvents
// has removed them, may have been theirs.
const raiseDeleted = `
	UPDATE main.users SET version = version + 1 + gone.events FROM (
		SELECT users.id, COALESCE(known.events, 0) + removed.events AS events
		FROM main.users CROSS JOIN (
			SELECT max(0, COALESCE((SELECT max(id) FROM old.events), 0) - last.id - (SELECT COUNT(*) FROM old.events WHERE id > last.id)) AS events
			FROM (SELECT COALESCE(max(id), 0) AS id FROM main.events) AS last) AS removed
		LEFT JOIN (SELECT target_id, COUNT(*) AS events FROM old.events GROUP BY target_id) AS known ON known.target_id = users.id
		WHERE known.events > 0 OR removed.events > 0) AS gone
	WHERE gone.id = users.id AND NOT EXISTS (SELECT 1 FROM old.users AS was WHERE was.id = users.id)`

// startSequence adds the row in which SQLite keeps the highest number of a table.
const startSequence = `INSERT INTO main.sqlite_sequence (name, seq)
	SELECT '%[1]s', 0 WHERE NOT EXISTS (SELECT 1 FROM main.sqlite_sequence WHERE name = '%[1]s')`

const raiseSequence = `UPDATE main.sqlite_sequence
	SET seq = max(seq, (SELECT COALESCE(MAX(seq), 0) FROM old.sqlite_sequence WHERE name = '%[1]s'))
	WHERE name = '%[1]s'`
