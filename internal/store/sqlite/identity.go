package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-sqlite3"
)

const (
	// renewIdentity gives the database a new identity, see migration 7.
	renewIdentity = "UPDATE identity SET previous = current, current = randomblob(16)"
	// keepIdentity writes the identity as it is: a commit that changes nothing.
	keepIdentity = "UPDATE identity SET previous = previous"
)

// identity is the row of the table identity.
type identity struct{ current, previous string }

// holds reports whether a file with this current identity belongs to the database, which is the
// file together with its log.
func (i identity) holds(current string) bool {
	return current != "" && (current == i.current || current == i.previous)
}

// readIdentity returns [sql.ErrNoRows] if the database has no identity.
func readIdentity(c *connection) (i identity, err error) {
	there, err := queryInt(c, "SELECT count(*) FROM pragma_table_list('identity')")
	if err == nil && there == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return identity{}, err
	}
	err = c.queryRow("SELECT current, previous FROM identity", func(values []driver.Value) error {
		current, _ := values[0].([]byte)
		previous, _ := values[1].([]byte)
		i = identity{string(current), string(previous)}
		return nil
	})
	return i, err
}

// withoutLog returns the settings of connections that read the file alone, as if it had no log. They
// neither lock nor change anything.
func withoutLog(path string) connector {
	return connector{path: path, parameters: url.Values{"mode": {"ro"}, "immutable": {"1"}, "_mutex": {"no"}}}
}

// besideLog returns the settings of connections that read a file alone that may have a log. If a reader
// has stopped a checkpoint, the first page may count pages that are still in the log alone. SQLite calls
// such a file malformed unless writable_schema is set, which the driver does too late. So the file is attached.
func besideLog(path string) connector {
	return connector{path: ":memory:", settings: []string{
		"PRAGMA writable_schema = 1",
		"ATTACH 'file:" + escapePath(path) + "?mode=ro&immutable=1' AS alone",
	}}
}

// withLog returns the settings of connections that read the file and its log, and change neither.
// They may make the log's index.
func withLog(path string) connector {
	return connector{path: path, parameters: url.Values{
		"mode": {"ro"}, "_busy_timeout": {fmt.Sprint(busyTimeout.Milliseconds())}, "_mutex": {"no"},
	}}
}

// withConnection opens a connection, calls fn and closes the connection.
func withConnection(ctx context.Context, from connector, fn func(*connection) error) (err error) {
	c, err := from.openConnection(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	return fn(c)
}

// identityOf returns the current identity of the file alone.
func identityOf(ctx context.Context, path string) (current string, err error) {
	err = withConnection(ctx, besideLog(path), func(c *connection) error {
		i, err := readIdentity(c)
		current = i.current
		return err
	})
	return current, err
}

// compareTimeout is how long a file and its log may disagree while another process runs a
// checkpoint.
const compareTimeout = time.Second

// retry calls fn until it returns true, for compareTimeout or until ctx ends.
func retry(ctx context.Context, fn func() bool) bool {
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	timeout := time.After(compareTimeout)
	for !fn() {
		select {
		case <-again.C:
		case <-timeout:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// verify is the guard's: it fails if the file alone is not an earlier state of the database that
// is open.
func (w *writer) verify() *fileFault {
	var main, both error
	if retry(context.Background(), func() (whole bool) {
		var own identity
		var current string
		own, both = readIdentity(w.second)
		current, main = identityOf(context.Background(), w.files.path)
		if both != nil || main != nil {
			return false
		}
		w.validateCache()
		both = w.lookAtLog()
		if both != nil || own.current != current && (w.renewalMoved() || !own.holds(current)) {
			return false
		}
		whole, both = w.isWhole()
		return whole
	}) {
		return nil
	}
	if err := cmp.Or(main, both); err != nil && !isDamage(err) {
		return &fileFault{reason: fmt.Sprintf("the server cannot look into its file (%v)", err)} // for example, too many files are open
	}
	return &fileFault{reason: w.files.path + " was changed or shortened while the server had it open", final: true}
}

// isWhole reports whether the file has all pages of the database, except those that are in the log and that
// no checkpoint has moved. If somebody cuts the file, SQLite does not notice until it reads there.
func (w *writer) isWhole() (bool, error) {
	pages, err := queryInt(w.second, "PRAGMA page_count")
	if err != nil {
		return false, err
	}
	main, err := statFile(w.files.path, withoutTime)
	return err == nil && w.files.reader.holds(main.size/w.files.pageSize+1, pages, w.log.moved, w.log.frames), err
}

// isDamage reports whether the error says that the content of a file is wrong, not that it cannot be
// read now.
func isDamage(err error) bool {
	failure, ok := errors.AsType[sqlite3.Error](err)
	return errors.Is(err, sql.ErrNoRows) ||
		ok && slices.Contains([]sqlite3.ErrNo{sqlite3.ErrCorrupt, sqlite3.ErrNotADB, sqlite3.ErrIoErr, sqlite3.ErrError}, failure.Code)
}

// unknownFrame is the value of writer.renewed while nobody knows it.
const unknownFrame = math.MaxInt64

// renew renews the identity if the file alone holds the current one. If it did not, the file
// would hold neither the current nor the previous one afterwards. Only then is it
// called in a transaction.
func (w *writer) renew() (renewed bool, err error) {
	if !w.renewalMoved() {
		return false, nil
	}
	return true, w.connection.exec(renewIdentity)
}

// renewalMoved reports whether a checkpoint has moved the last renewal into the file.
func (w *writer) renewalMoved() bool { return w.log.moved == w.log.frames || w.log.moved >= w.renewed }

// maxClockGap is how much newer than its log a file may be after a crash in the middle of a checkpoint.
const maxClockGap = 2 * time.Second

// checkLog is called before the database is opened for writing. If a log is there, SQLite will apply it
// to the file. So checkLog fails unless the two belong together.
func checkLog(ctx context.Context, path string, logger *slog.Logger) (err error) {
	log, err := os.Stat(logPath(path))
	if err != nil || log.Size() == 0 {
		return nil // without a log there is nothing to check
	}
	main, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	whole, err := compareIdentities(ctx, path)
	if err != nil {
		return err
	}
	gap := main.ModTime().Sub(log.ModTime())
	if gap > 0 || changedAfter(main, log) {
		logger.Warn("the database file was changed after its log: either the server ended in the middle of a checkpoint, or somebody has changed "+
			"the file since. The log is applied to it. If you have put a backup there by hand, the log has undone that: use 'userapi restore'",
			"file", path, "log", logPath(path))
	}
	if whole && gap <= maxClockGap {
		return nil
	}
	db := withLog(path).openPool(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := checkContents(ctx, db); err != nil {
		return strangers(path, err)
	}
	return nil
}

// compareIdentities fails if the file and its log do not belong together. It reports whether it could
// compare them: older schemas have no identity, and that of a young database may be in the log alone.
func compareIdentities(ctx context.Context, path string) (compared bool, err error) {
	var main, both error
	if retry(ctx, func() bool {
		var file fileAlone
		main = withConnection(ctx, besideLog(path), func(c *connection) (err error) {
			file, err = readFileAlone(c)
			return err
		})
		both = withConnection(ctx, withLog(path), func(c *connection) error { return file.compare(c, path) })
		return both == nil && main == nil || errors.Is(both, sql.ErrNoRows)
	}) {
		return both == nil, nil
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if errors.Is(main, sql.ErrNoRows) && errors.Is(both, errOtherIdentity) {
		return false, nil
	}
	for _, err := range []error{main, both} {
		if err != nil && !isDamage(err) && !isMismatch(err) {
			return false, err
		}
	}
	return false, strangers(path, cmp.Or(main, both))
}

// The ways in which a file and a log do not belong together.
var (
	errOtherIdentity = errors.New("they have different identities")
	errShortFile     = errors.New("the file was cut: pages are missing in both")
	errOlderLog      = errors.New("the log is older than the file")
)

func isMismatch(err error) bool {
	return errors.Is(err, errOtherIdentity) || errors.Is(err, errShortFile) || errors.Is(err, errOlderLog)
}

// fileAlone is what the file says without its log.
type fileAlone struct {
	identity identity
	recent   []int64 // numbers of the last recentEvents events, from the newest on; empty if they cannot be read
}

const recentEvents = 1000

// selectRecent selects the numbers of the last events up to a number.
var selectRecent = fmt.Sprintf("SELECT coalesce(group_concat(id), '') FROM (SELECT id FROM events WHERE id <= ? ORDER BY id DESC LIMIT %d)", recentEvents)

func readRecent(c *connection, upTo int64) (numbers []int64, err error) {
	err = c.queryRow(selectRecent, func(values []driver.Value) error {
		for text := range strings.SplitSeq(values[0].(string), ",") {
			if number, err := strconv.ParseInt(text, 10, 64); err == nil { // "" if there is none
				numbers = append(numbers, number)
			}
		}
		slices.SortFunc(numbers, func(a, b int64) int { return cmp.Compare(b, a) })
		return nil
	}, upTo)
	return numbers, err
}

func readFileAlone(c *connection) (file fileAlone, err error) {
	if file.identity, err = readIdentity(c); err != nil {
		return file, err
	}
	if file.recent, err = readRecent(c, math.MaxInt64); err != nil && isDamage(err) {
		err = nil // a checkpoint that did not end leaves pages of different moments
	}
	return file, err
}

// compare fails if the file does not belong to the database on the connection, which is the file with its log.
func (f fileAlone) compare(c *connection, path string) error {
	own, err := readIdentity(c)
	if err != nil {
		return err
	}
	if !own.holds(f.identity.current) {
		return errOtherIdentity
	}
	lost, err := f.hasLost(c)
	if err != nil {
		return err
	}
	if lost {
		return errOlderLog
	}
	return checkLength(c, path)
}

// hasLost reports whether the file has events that are missing with the log. Each change adds an event, and RemoveEvents
// removes only those with the lowest numbers. So if others are missing, older pages in the log cover newer ones in the file.
func (f fileAlone) hasLost(c *connection) (bool, error) {
	if len(f.recent) == 0 {
		return false, nil
	}
	lowest, err := queryInt(c, "SELECT coalesce(min(id), 0) FROM events")
	if err != nil {
		return false, err
	}
	there, err := readRecent(c, f.recent[0])
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(f.recent, func(number int64) bool { return number >= lowest && !slices.Contains(there, number) }), nil
}

// checkLength fails if the database has pages that are neither in the file nor in the log.
func checkLength(c *connection, path string) error {
	pageSize, err := queryInt(c, "PRAGMA page_size")
	if err != nil {
		return err
	}
	pages, err := queryInt(c, "PRAGMA page_count")
	if err != nil {
		return err
	}
	main, err := statFile(path, withoutTime)
	if err != nil || main.size >= pages*pageSize {
		return err
	}
	log, err := openLogFile(logPath(path), pageSize)
	if err != nil {
		return err
	}
	if !log.holds(main.size/pageSize+1, pages, 0, log.committed()) {
		err = errShortFile
	}
	return errors.Join(err, log.close())
}

// strangers says that the file and its log do not belong together.
func strangers(path string, cause error) error {
	err := fmt.Errorf("%s does not belong to %s: somebody has put another file in its place, or has cut it, while the log was there. Both were left as they are. "+
		"To go on with a backup, run 'userapi restore --replace FILE', which keeps both under other names. "+
		"To go on with %s as it is, remove the log, and the changes in it are lost. To keep the changes in the log, put the file back that belongs to it",
		logPath(path), path, path)
	if cause != nil {
		err = fmt.Errorf("%w (%w)", err, cause)
	}
	return err
}
