package sqlite

import (
	"slices"
	"sync"
	"time"

	"userapi/internal/directory"
)

const (
	maxPrincipals = 4096 // about 2 MB
	// cacheCheckInterval is how often the writer checks whether another process has written.
	cacheCheckInterval = 400 * time.Millisecond
	// maxCacheAge is how long a check counts. If the writer is held up, the cache must not
	// serve tokens that another process has revoked.
	maxCacheAge = 900 * time.Millisecond
)

// principals caches the principals of the tokens that were used last, as they are committed.
// A write of this process takes effect before the write returns. A write of another process,
// such as the command line, takes effect when the writer begins its next batch, and at the
// latest after maxCacheAge.
type principals struct {
	mu         sync.RWMutex
	users      map[directory.UserID][]cacheEntry
	hashes     map[directory.TokenHash]directory.UserID
	generation int       // rises with each drop and purge
	validated  time.Time // when the last check for writes of another process began

	// Only the writer uses these, while it holds commitMu:
	version int64              // SQLite's data_version at the last check
	dirty   []directory.UserID // users that the current batch changes
}

// cacheEntry is one token of a user.
type cacheEntry struct {
	hash      directory.TokenHash
	principal directory.Principal
}

func newPrincipals() *principals {
	return &principals{users: map[directory.UserID][]cacheEntry{}, hashes: map[directory.TokenHash]directory.UserID{}}
}

// Get returns the principal of a token. If it is not cached, the caller reads it and passes it
// to Add with the generation.
func (c *principals) Get(hash directory.TokenHash) (p directory.Principal, found bool, generation int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if time.Since(c.validated) > maxCacheAge {
		return directory.Principal{}, false, c.generation
	}
	for _, entry := range c.users[c.hashes[hash]] {
		if entry.hash == hash {
			return entry.principal, true, c.generation
		}
	}
	return directory.Principal{}, false, c.generation
}

// Add caches a principal that was read after Get, unless the generation has changed since: the
// principal may be stale then.
func (c *principals) Add(hash directory.TokenHash, p directory.Principal, generation int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.hashes[hash]; there || c.generation != generation {
		return
	}
	for user := range c.users {
		if len(c.hashes) < maxPrincipals {
			break
		}
		c.drop(user)
	}
	c.hashes[hash] = p.User.ID
	c.users[p.User.ID] = append(c.users[p.User.ID], cacheEntry{hash, p})
}

// drop is called with mu held.
func (c *principals) drop(user directory.UserID) {
	for _, entry := range c.users[user] {
		delete(c.hashes, entry.hash)
	}
	delete(c.users, user)
}

// MarkDirty is called by a unit that changes a user or the user's tokens.
func (c *principals) MarkDirty(user directory.UserID) { c.dirty = append(c.dirty, user) }

// GetCommitted is Get for units. It does not return users that the current batch has changed.
// The batch itself has validated the cache.
func (c *principals) GetCommitted(p directory.Principal) (directory.Principal, bool) {
	if slices.Contains(c.dirty, p.User.ID) {
		return directory.Principal{}, false
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, entry := range c.users[p.User.ID] {
		if entry.principal.Token.ID == p.Token.ID {
			return entry.principal, true
		}
	}
	return directory.Principal{}, false
}

// DropDirty drops the users that the batch has changed, after its commit or rollback.
func (c *principals) DropDirty() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, user := range c.dirty {
		c.drop(user)
	}
	c.generation++
	c.dirty = c.dirty[:0]
}

// Validate records a check that began at this time. It purges the cache if SQLite's
// data_version has changed since the last check, or if it could not be read.
func (c *principals) Validate(began time.Time, version int64, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !known || version != c.version {
		c.clear()
	}
	c.version, c.validated = version, began
}

func (c *principals) Purge() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
}

// clear is called with mu held.
func (c *principals) clear() {
	clear(c.users)
	clear(c.hashes)
	c.generation++
}
