package store

import (
	"slices"
	"sync"
	"time"

	"userapi/internal/directory"
)

const (
	maxPrincipals = 4096 // in the cache; some 2 MB
	// cacheCheckInterval is how often the writer looks whether another process has written, and
	// maxCacheAge how long a look counts: a writer that is held up does not keep what has ended.
	cacheCheckInterval = 400 * time.Millisecond
	maxCacheAge        = 900 * time.Millisecond
)

// principals keeps the holders of the tokens that were used last, as they are committed.
// What this process writes takes effect between the commit and its answers; what another
// process writes, the command line say, when the writer begins its next batch, and
// within maxCacheAge.
type principals struct {
	mu         sync.RWMutex
	users      map[directory.UserID][]cacheEntry
	hashes     map[directory.TokenHash]directory.UserID
	generation int       // raised whenever anything may have been forgotten
	validated  time.Time // when the last look began at whether another process has written

	// Of the writer alone:
	version int64              // of the database, as other processes have left it
	dirty   []directory.UserID // by the batch that is not committed yet
}

// cacheEntry is a token of a user.
type cacheEntry struct {
	hash      directory.TokenHash
	principal directory.Principal
}

func newPrincipals() *principals {
	return &principals{users: map[directory.UserID][]cacheEntry{}, hashes: map[directory.TokenHash]directory.UserID{}}
}

// Get returns who holds a token, and else what Add has to be given.
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

// Add remembers who holds a token, read after Get, unless that may have changed since.
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

func (c *principals) drop(user directory.UserID) {
	for _, entry := range c.users[user] {
		delete(c.hashes, entry.hash)
	}
	delete(c.users, user)
}

// MarkDirty notes, in a unit, that it changes a user or the user's tokens.
func (c *principals) MarkDirty(user directory.UserID) { c.dirty = append(c.dirty, user) }

// GetCommitted returns, in a unit, the holder of a token as the transaction sees it, if it is known.
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

// DropDirty forgets what the batch has touched, once it is committed or undone.
func (c *principals) DropDirty() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, user := range c.dirty {
		c.drop(user)
	}
	c.generation++
	c.dirty = c.dirty[:0]
}

// Validate is told, by a look that began at this time, the database's version as other
// processes have left it. Unless it is known to be that of the last look, everything is forgotten.
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

func (c *principals) clear() {
	clear(c.users)
	clear(c.hashes)
	c.generation++
}
