package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"userapi/internal/directory"
	"userapi/internal/store"
)

type commandTag = pgconn.CommandTag

// column is a column that an update writes. Values returns its values in the rows, as an array.
type column struct {
	kind   string
	values func(rows []store.User) any
}

func newColumn[T any](kind string, value func(*store.User) T) column {
	return column{kind, func(rows []store.User) any { return collect(rows, value) }}
}

func collect[Row, T any](rows []Row, value func(*Row) T) []T {
	values := make([]T, len(rows))
	for i := range rows {
		values[i] = value(&rows[i])
	}
	return values
}

var columns = map[string]column{
	"nick_name_folded": newColumn("text", func(row *store.User) string { return row.NickNameFolded }),
	"password_hash":    newColumn("text", func(row *store.User) *string { return row.PasswordHash }),
	"enterprise_id":    newColumn("text", func(row *store.User) string { return row.EnterpriseID }),
	"email":            newColumn("text", func(row *store.User) *string { return row.Email }),
	"phone":            newColumn("text", func(row *store.User) string { return row.Phone }),
	"phone_folded":     newColumn("text", func(row *store.User) string { return row.PhoneFolded }),
	"is_active":        newColumn("bool", func(row *store.User) *bool { return row.IsActive }),
	"role":             newColumn("text", func(row *store.User) string { return row.Role }),
}

// columnsOf returns the columns that a change writes in addition to the version, sorted.
func columnsOf(c directory.Change) (names []string, err error) {
	for _, field := range c.Fields {
		written, ok := store.Updatable[field]
		if !ok {
			return nil, fmt.Errorf("%s cannot be updated", field)
		}
		if field == directory.FieldPassword && c.PasswordHash == "" {
			return nil, errors.New("an update must not take the password away")
		}
		names = append(names, written...)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// queueUsers queues the updates of the users, one statement for each combination of columns, and the end
// of their tokens. The units must have read their targets.
func queueUsers(batch *pgx.Batch, units []*unit) {
	updates := map[string][]store.User{}
	var owners []int32
	var used []int64
	for _, u := range units {
		names, err := columnsOf(u.change)
		if err != nil { // decide gives it to needsAlone, and writeAlone returns it
			panic(err)
		}
		if len(names) > 0 {
			set := strings.Join(names, ",")
			updates[set] = append(updates[set], store.NewUser(u.change.User, u.change.PasswordHash))
		}
		if u.change.EndTokens {
			owners, used = append(owners, int32(u.change.User.ID)), append(used, u.actor.Token.ID)
		}
	}
	for set, rows := range updates {
		queueUpdate(batch, strings.Split(set, ","), rows)
	}
	if len(owners) > 0 {
		batch.Queue(`DELETE FROM tokens USING unnest($1::int[], $2::bigint[]) AS ended (owner, used)
			WHERE tokens.user_id = ended.owner AND tokens.id <> ended.used AND tokens.kind <> 'operator'`, owners, used)
	}
}

func queueUpdate(batch *pgx.Batch, names []string, rows []store.User) {
	set, as, kinds := "version = v.version", "id, version", "$1::int[], $2::bigint[]"
	values := []any{
		collect(rows, func(row *store.User) int32 { return row.ID }),
		collect(rows, func(row *store.User) int64 { return row.Version }),
	}
	for _, name := range names {
		values = append(values, columns[name].values(rows))
		set += fmt.Sprintf(", %[1]s = v.%[1]s", name)
		as += ", " + name
		kinds += fmt.Sprintf(", $%d::%s[]", len(values), columns[name].kind)
	}
	batch.Queue(`UPDATE users SET `+set+` FROM unnest(`+kinds+`) AS v (`+as+`) WHERE users.id = v.id`, values...).Exec(func(tag commandTag) error {
		if tag.RowsAffected() != int64(len(rows)) {
			return fmt.Errorf("%d of %d users were updated", tag.RowsAffected(), len(rows))
		}
		return nil
	})
}

// queueEvents queues the events of the units.
func queueEvents(batch *pgx.Batch, units []*unit) {
	rows, keys := make([]store.Event, len(units)), make([][16]byte, len(units))
	for i, u := range units {
		event := *u.change.Event
		event.TargetID = u.user.ID
		rows[i], keys[i] = store.NewEvent(event), u.key
	}
	batch.Queue(`INSERT INTO events (at, actor_id, token_name, target_id, enterprise_id, operation, fields, request_id, unit)
		SELECT * FROM unnest($1::bigint[], $2::int[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[], $9::uuid[])`,
		collect(rows, func(row *store.Event) int64 { return row.At }),
		collect(rows, func(row *store.Event) *int32 { return row.ActorID }),
		collect(rows, func(row *store.Event) string { return row.TokenName }),
		collect(rows, func(row *store.Event) int32 { return row.TargetID }),
		collect(rows, func(row *store.Event) string { return row.EnterpriseID }),
		collect(rows, func(row *store.Event) string { return row.Operation }),
		collect(rows, func(row *store.Event) string { return row.Fields }),
		collect(rows, func(row *store.Event) string { return row.RequestID }),
		keys)
}

// writeAlone writes everything of a unit except its event.
func writeAlone(ctx context.Context, c *pgxpool.Conn, u *unit) error {
	if _, err := columnsOf(u.change); err != nil {
		return err
	}
	switch {
	case u.change.User.ID == 0:
		var err error
		if u.user, err = insertUser(ctx, c, u.change.User, u.change.PasswordHash); err != nil {
			return err
		}
	case u.change.Delete:
		if _, err := c.Exec(ctx, `DELETE FROM users WHERE id = $1`, int32(u.user.ID)); err != nil {
			return err
		}
	default:
		batch := &pgx.Batch{}
		queueUsers(batch, []*unit{u})
		if err := c.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
	}
	if u.change.EndToken != 0 {
		tag, err := c.Exec(ctx, `DELETE FROM tokens WHERE id = $1`, u.change.EndToken)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			u.refused = &directory.Error{Code: directory.CodeNotFound}
			return u.refused
		}
	}
	if u.change.Token != nil {
		return insertToken(ctx, c, *u.change.Token)
	}
	return nil
}

// insertUser stores a user and returns it as stored, with the number that PostgreSQL has assigned. It locks the
// number, so that [Store.lookFor] waits for a commit that has not ended.
func insertUser(ctx context.Context, c *pgxpool.Conn, u directory.User, hash string) (directory.User, error) {
	row := store.NewUser(u, hash)
	err := c.QueryRow(ctx, `INSERT INTO users (version, nick_name, nick_name_folded, enterprise_id, role, password_hash, email, phone, phone_folded, is_active,
			origion, client_ip, create_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		RETURNING id, pg_advisory_xact_lock(1, id)::text`,
		row.Version, row.NickName, row.NickNameFolded, row.EnterpriseID, row.Role, row.PasswordHash, row.Email, row.Phone, row.PhoneFolded,
		row.IsActive, row.Origion, row.ClientIP, row.CreateTime).Scan(&row.ID, nil)
	if err != nil {
		return directory.User{}, err
	}
	return row.User()
}

// insertToken stores a token. If it is a log-in token, insertToken deletes the user's log-in tokens that
// have expired, and all but the newest [directory.MaxLogIns].
func insertToken(ctx context.Context, c *pgxpool.Conn, t directory.NewToken) error {
	row := store.NewToken(t)
	batch := &pgx.Batch{}
	batch.Queue(`INSERT INTO tokens (hash, user_id, name, kind, created, expires) VALUES ($1, $2, $3, $4, $5, $6)`,
		row.Hash, row.UserID, row.Name, row.Kind, row.Created, row.Expires)
	if t.Kind == directory.TokenLogIn {
		batch.Queue(`DELETE FROM tokens WHERE user_id = $1 AND kind = $2 AND expires <= $3`, row.UserID, row.Kind, row.Created)
		batch.Queue(`DELETE FROM tokens WHERE user_id = $1 AND kind = $2 AND id NOT IN
			(SELECT id FROM tokens WHERE user_id = $1 AND kind = $2 ORDER BY id DESC LIMIT $3)`, row.UserID, row.Kind, directory.MaxLogIns)
	}
	return c.SendBatch(ctx, batch).Close()
}
