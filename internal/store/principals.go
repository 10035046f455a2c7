package store

import (
	"slices"
	"sync"
	"time"

	"userapi/internal/directory"
)

const (
	maxPrincipals = 4096 // in the cache; some 2 MB
	// cacheLook is how often the writer looks whether another process has written, and
	// cacheLife how long a look counts: a writer that is held up does not keep what has ended.
	cacheLook = 400 * time.Millisecond
	cacheLife = 900 * time.Millisecond
)

// principals keeps the holders of the tokens that were used last, as they are committed.
// What this process writes takes effect between the commit and its answers; what another
// process writes, the command line say, when the writer begins its next batch, and
// within cacheLife.
type principals struct {
	mutex   sync.RWMutex
	users   map[directory.UserID][]holder
	hashes  map[directory.TokenHash]directory.UserID
	changes int       // raised whenever anything may have been forgotten
	looked  time.Time // when the last look began at whether another process has written

	// Of the writer alone:
	version int64              // of the database, as other processes have left it
	touched []directory.UserID // by the batch that is not committed yet
}

// holder is a token of a user.
type holder struct {
	hash      directory.TokenHash
	principal directory.Principal
}

func newPrincipals() *principals {
	return &principals{users: map[directory.UserID][]holder{}, hashes: map[directory.TokenHash]directory.UserID{}}
}

// find returns who holds a token, and else what keep has to be given.
func (c *principals) find(hash directory.TokenHash) (p directory.Principal, found bool, changes int) {
	c.mutex.RLock()
	defer c.mutex.RUnlock()
	if time.Since(c.looked) > cacheLife {
		return directory.Principal{}, false, c.changes
	}
	for _, h := range c.users[c.hashes[hash]] {
		if h.hash == hash {
			return h.principal, true, c.changes
		}
	}
	return directory.Principal{}, false, c.changes
}

// keep remembers who holds a token, read after find, unless that may have changed since.
func (c *principals) keep(hash directory.TokenHash, p directory.Principal, changes int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if _, there := c.hashes[hash]; there || c.changes != changes {
		return
	}
	for user := range c.users {
		if len(c.hashes) < maxPrincipals {
			break
		}
		c.forget(user)
	}
	c.hashes[hash] = p.User.ID
	c.users[p.User.ID] = append(c.users[p.User.ID], holder{hash, p})
}

func (c *principals) forget(user directory.UserID) {
	for _, h := range c.users[user] {
		delete(c.hashes, h.hash)
	}
	delete(c.users, user)
}

// touch notes, in a unit, that it changes a user or the user's tokens.
func (c *principals) touch(user directory.UserID) { c.touched = append(c.touched, user) }

// current returns, in a unit, the holder of a token as the transaction sees it, if it is known.
func (c *principals) current(p directory.Principal) (directory.Principal, bool) {
	if slices.Contains(c.touched, p.User.ID) {
		return directory.Principal{}, false
	}
	c.mutex.RLock()
	defer c.mutex.RUnlock()
	for _, h := range c.users[p.User.ID] {
		if h.principal.Token.ID == p.Token.ID {
			return h.principal, true
		}
	}
	return directory.Principal{}, false
}

// settle forgets what the batch has touched, once it is committed or undone.
func (c *principals) settle() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, user := range c.touched {
		c.forget(user)
	}
	c.changes++
	c.touched = c.touched[:0]
}

// see is told, by a look that began at this time, the database's version as other
// processes have left it. Unless it is known to be that of the last look, everything is forgotten.
func (c *principals) see(began time.Time, version int64, known bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if !known || version != c.version {
		c.clear()
	}
	c.version, c.looked = version, began
}

func (c *principals) forgetAll() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.clear()
}

func (c *principals) clear() {
	clear(c.users)
	clear(c.hashes)
	c.changes++
}
