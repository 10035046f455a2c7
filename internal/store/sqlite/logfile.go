package sqlite

import (
	"encoding/binary"
	"syscall"
)

// Sizes in the log's format (https://www.sqlite.org/fileformat.html#the_write_ahead_log).
const (
	logHeader   = 32
	frameHeader = 24
)

// logFile reads the log. SQLite has no locks on the log, so it may be opened and closed at any time.
type logFile struct {
	file       int // a file descriptor
	frameBytes int64
}

func openLogFile(path string, pageSize int64) (logFile, error) {
	file, err := openToRead(path)
	return logFile{file, frameHeader + pageSize}, err
}

func (l logFile) close() error { return syscall.Close(l.file) }

// frameOffset returns where the frame begins. The first frame is 1.
func (l logFile) frameOffset(frame int64) int64 { return logHeader + (frame-1)*l.frameBytes }

// salt is a random number in the header of the log and in the header of each frame. SQLite
// changes it each time it begins the log anew.
type salt [8]byte

// salt returns the salt of a frame, or of the log itself if the frame is 0. It is zero if there is none.
func (l logFile) salt(frame int64) (s salt) {
	offset := int64(16)
	if frame > 0 {
		offset = l.frameOffset(frame) + 8
	}
	if !pread(l.file, s[:], offset) {
		return salt{}
	}
	return s
}

// committed returns the number of frames up to the end of the last commit. It does not check their sums.
func (l logFile) committed() (frames int64) {
	current := l.salt(0)
	for frame := int64(1); current != (salt{}) && l.salt(frame) == current; frame++ {
		var size [4]byte // of the database after the commit, or 0 if the frame does not end one
		if pread(l.file, size[:], l.frameOffset(frame)+4) && size != ([4]byte{}) {
			frames = frame
		}
	}
	return frames
}

// holds reports whether the log has each of these pages, the first one to the last one, in one of the
// frames after a frame and up to another.
func (l logFile) holds(first, last, after, upTo int64) bool {
	missing := last - first + 1
	if missing > upTo-after {
		return missing <= 0
	}
	found := make([]bool, missing)
	for frame := upTo; frame > after && missing > 0; frame-- { // the last pages are usually in the last frames
		var number [4]byte
		if !pread(l.file, number[:], l.frameOffset(frame)) {
			return false
		}
		if page := int64(binary.BigEndian.Uint32(number[:])); first <= page && page <= last && !found[page-first] {
			found[page-first] = true
			missing--
		}
	}
	return missing == 0
}
