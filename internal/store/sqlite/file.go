package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// fileState is what statx(2) says of a file.
type fileState struct {
	device, inode uint64
	size          int64
	modified      unix.StatxTimestamp // only if it was asked for
}

// same reports whether both are states of one file, whatever it contains.
func (f fileState) same(other fileState) bool {
	return f.device == other.device && f.inode == other.inode
}

// What statFile asks for. Who asks for the time of a file makes the next fsync(2) of the file slower: Linux then
// gives the next write a time of its own, which is to be written, too
// (https://docs.kernel.org/filesystems/multigrain-ts.html).
const (
	withoutTime = unix.STATX_INO | unix.STATX_SIZE
	withTime    = withoutTime | unix.STATX_MTIME
)

// statFile looks at the file by its path. To open and close the file would drop SQLite's locks.
func statFile(path string, fields int) (fileState, error) {
	found, err := statx(path, fields)
	if err != nil {
		return fileState{}, err
	}
	state := fileState{device: unix.Mkdev(found.Dev_major, found.Dev_minor), inode: found.Ino, size: int64(found.Size)} //nolint:gosec // sizes of files fit
	if fields == withTime {
		state.modified = found.Mtime
	}
	return state, nil
}

// guard watches whether the paths of the database, its log and the log's index still name the files
// that SQLite has open, and whether they are whole. SQLite does not notice if somebody moves,
// removes, replaces or cuts them: it goes on with files that nobody finds again. The goroutine
// that holds commitMu uses the guard.
type guard struct {
	path             string
	logName          string
	indexName        string
	logger           *slog.Logger
	main, log, index fileState // as they were opened; of main, also its last known size and time
	reader           logFile
	indexReader      int // a file descriptor, or -1; to close it drops SQLite's locks
	pageSize         int64
	verify           func() *fileFault         // fails if the database is not what SQLite has written
	fault            atomic.Pointer[fileFault] // nil: all is well
}

// fileFault says why the files cannot be used.
type fileFault struct {
	reason string
	final  bool // only a restart of the server can help
}

func (f *fileFault) Error() string { return f.reason }

// ReadyDetail returns a sentence that /readyz shows to everybody. It names no path.
func (f *fileFault) ReadyDetail() string {
	return "The files of the database were moved, removed or changed under the server."
}

// remedy says what the operator can do.
func (f *fileFault) remedy() string {
	if f.final {
		return "stop the server, put the right files back or restore a backup, and start it again"
	}
	return "put it back, and the server goes on"
}

// newGuard remembers the files of a database that has just been opened. Before is the state of
// the file before that.
func newGuard(path string, before fileState, pageSize int64, logger *slog.Logger) (*guard, error) {
	reader, err := openLogFile(logPath(path), pageSize)
	if err != nil {
		return nil, fmt.Errorf("open the log of the database: %w", err)
	}
	g := &guard{path: path, logName: logPath(path), indexName: indexPath(path), reader: reader, indexReader: -1, logger: logger, pageSize: pageSize}
	var errs [3]error
	g.main, errs[0] = statFile(path, withTime)
	g.log, errs[1] = statFile(g.logName, withoutTime)
	g.index, errs[2] = statFile(g.indexName, withoutTime)
	err = errors.Join(errs[:]...)
	if err == nil && !g.main.same(before) {
		err = errors.New("it was replaced meanwhile")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s cannot be opened now, start again: %w", path, err), reader.close())
	}
	return g, nil
}

// broken returns what is wrong with the files as far as is known, or nil. Any goroutine may call it.
func (g *guard) broken() error {
	if fault := g.fault.Load(); fault != nil {
		return fault
	}
	return nil
}

// check looks at the files and returns what is wrong with them, or nil.
func (g *guard) check(log logState) error {
	known := g.fault.Load()
	if known != nil && known.final {
		return known
	}
	main, fault := g.compare(log)
	if fault == nil && (known != nil || main.size < g.main.size || main.modified != g.main.modified) {
		fault = g.verify()
	}
	if fault != nil {
		return g.report(known, fault)
	}
	g.main = main
	if known != nil {
		g.fault.Store(nil)
		g.logger.Info("the database file is back: the server goes on", "file", g.path)
	}
	return nil
}

// checkIndex is check for the log's index, which only another process can miss. It would make one
// of its own and write without the locks of this process.
func (g *guard) checkIndex() error {
	if known := g.fault.Load(); known != nil {
		return known
	}
	found, fault := compareFile(g.indexName, g.index, withoutTime)
	if fault == nil && found.size < g.index.size {
		fault = &fileFault{reason: g.indexName + " was shortened while the server had it open"}
	}
	if fault != nil {
		fault.final = true // there may be another index by now
		return g.report(nil, fault)
	}
	g.index = found
	return nil
}

// report stores the fault and logs it if it is new.
func (g *guard) report(known, fault *fileFault) error {
	if known == nil || *known != *fault {
		g.fault.Store(fault)
		g.logger.Error("changes and reads are refused: "+fault.reason+". To go on: "+fault.remedy(), "file", g.path)
	}
	return fault
}

// compare compares the files with those that were opened.
func (g *guard) compare(log logState) (main fileState, fault *fileFault) {
	main, fault = compareFile(g.path, g.main, withTime)
	if fault != nil {
		return main, fault
	}
	found, fault := compareFile(g.logName, g.log, withoutTime)
	if fault == nil && log.frames > 0 && found.size < g.reader.frameOffset(log.frames+1) {
		fault = &fileFault{reason: g.logName + " was shortened while the server had it open", final: true}
	}
	return main, fault
}

func compareFile(path string, opened fileState, fields int) (fileState, *fileFault) {
	found, err := statFile(path, fields)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return found, &fileFault{reason: path + " was moved or removed while the server had it open"}
	case err != nil:
		return found, &fileFault{reason: fmt.Sprintf("the server cannot look at its file (%v)", err)}
	case !found.same(opened):
		return found, &fileFault{reason: path + " is not the file that the server has open", final: true}
	}
	return found, nil
}

// openIndex opens the index to read it. Call closeIndex after the connections are closed.
func (g *guard) openIndex() (err error) {
	g.indexReader, err = openToRead(g.indexName)
	return err
}

// closeIndex closes what openIndex has opened.
func (g *guard) closeIndex() error {
	if g.indexReader < 0 {
		return nil
	}
	return syscall.Close(g.indexReader)
}

// readLogState reads the state of the log from the index. It returns false if the index has no whole
// header, for example while another process writes it. It takes two microseconds, and to ask
// SQLite takes forty.
func (g *guard) readLogState() (logState, bool) {
	// https://www.sqlite.org/walformat.html#the_wal_index_header
	const (
		copySize    = 48 // there are two copies of the header, which SQLite writes one after the other
		initialized = 12
		frames      = 16
		saltOffset  = 32
		moved       = 2 * copySize
	)
	var header [moved + 4]byte
	if !pread(g.indexReader, header[:], 0) || header[initialized] == 0 || !bytes.Equal(header[:copySize], header[copySize:moved]) {
		return logState{}, false
	}
	return logState{
		frames: int64(binary.NativeEndian.Uint32(header[frames:])),
		moved:  int64(binary.NativeEndian.Uint32(header[moved:])),
		salt:   salt(header[saltOffset:]),
	}, true
}

// checkLog is called after a commit. It fails if the log does not hold what SQLite has written: if
// somebody cuts the log while a transaction runs, SQLite writes behind a hole.
func (g *guard) checkLog(before, after logState) error {
	if before.frames > 0 && before.salt == after.salt && g.reader.salt(before.frames) != after.salt {
		if found := g.reader.salt(0); found == after.salt || found == (salt{}) { // otherwise another process has begun the log anew meanwhile
			return g.report(g.fault.Load(), &fileFault{reason: g.logName + " was changed while the server had it open", final: true})
		}
	}
	return g.check(after)
}

// accept takes the file as it is now, because SQLite has just changed it on behalf of this process.
func (g *guard) accept() error {
	main, fault := compareFile(g.path, g.main, withTime)
	if fault == nil {
		fault = g.verify()
	}
	if fault != nil {
		return g.report(g.fault.Load(), fault)
	}
	g.main = main
	return nil
}

// touchLog makes the log look newer than the file. If the file is newer, a start takes it as
// changed by somebody else.
func touchLog(path string) {
	now := time.Now()
	_ = os.Chtimes(logPath(path), now, now) // if there is a log and this fails, a start after a crash checks more than it must
}

// logSize returns the size of the log's file in bytes, or 0 if it is not there.
func (g *guard) logSize() int64 {
	log, err := statFile(g.logName, withoutTime)
	if err != nil {
		return 0
	}
	return log.size
}
