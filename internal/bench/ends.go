package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

const (
	endRounds  = 100
	endClients = 8
	// actor is the administrator whose right ends, and target the user that the actor changes.
	actor, target = listEnterpriseSize, listEnterpriseSize + 2
)

// ends counts what was written after the answer that ended the right to write it.
type ends struct {
	name         string
	method, path string
	late         int             // rounds in which something was written later
	waits        []time.Duration // of the request that ends the right
}

// measureEnds lets clients of both nodes write with a token while the other node takes the right away.
func measureEnds(ctx context.Context, database string, nodes [2]*process) error {
	return onConnection(ctx, database, func(db *pgx.Conn) error {
		fmt.Println()
		demotions := &ends{name: "a demotion", method: http.MethodDelete, path: "/openapi/v1/administrators/" + strconv.Itoa(actor)}
		logOuts := &ends{name: "a log-out", method: http.MethodDelete, path: "/openapi/v1/auth-token"}
		for _, e := range []*ends{demotions, logOuts} {
			for round := range endRounds {
				if err := e.measure(ctx, db, nodes, round, e == logOuts); err != nil {
					return err
				}
			}
			fmt.Printf("Written after %s, two nodes and %d clients: in %d of %d rounds (0). It was answered within %s (500 ms).\n",
				e.name, endClients, e.late, endRounds, milliseconds(slices.Max(e.waits).Seconds()))
		}
		return nil
	})
}

// measure is one round.
func (e *ends) measure(ctx context.Context, db *pgx.Conn, nodes [2]*process, round int, own bool) error {
	token := rand.Text() + rand.Text()
	if _, err := db.Exec(ctx, `UPDATE users SET role = 'administrator', version = version + 1 WHERE id = $1`, actor); err != nil {
		return err
	}
	if err := insertToken(ctx, db, token, actor); err != nil {
		return err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: endClients}
	defer transport.CloseIdleConnections()
	var begun sync.WaitGroup
	var writing errgroup.Group
	var ended atomic.Bool
	for client := range endClients {
		begun.Add(1)
		writing.Go(func() error {
			first := sync.OnceFunc(begun.Done)
			defer first()
			for number := 0; ; number++ {
				last := ended.Load()
				status, err := roundTrip(ctx, transport, token, http.MethodPut, nodes[client%2].url("/openapi/v1/users/"+strconv.Itoa(target)), fmt.Sprintf(`{"phone":"%d"}`, number))
				first()
				switch {
				case err != nil:
					return err
				case status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNotFound || last:
					return nil
				case status != http.StatusOK:
					return fmt.Errorf("a PUT was answered %d", status)
				}
			}
		})
	}
	begun.Wait()
	ender := operatorToken
	if own {
		ender = token
	}
	sent := time.Now()
	status, err := roundTrip(ctx, transport, ender, e.method, nodes[round%2].url(e.path), "")
	e.waits = append(e.waits, time.Since(sent))
	after, readErr := targetVersion(ctx, db)
	ended.Store(true)
	writeErr := writing.Wait()
	for _, err := range []error{err, readErr, writeErr} {
		if err != nil {
			return err
		}
	}
	if status != http.StatusNoContent {
		return fmt.Errorf("%s %s was answered %d", e.method, e.path, status)
	}
	later, err := targetVersion(ctx, db)
	if later != after {
		e.late++
	}
	return err
}

func targetVersion(ctx context.Context, db *pgx.Conn) (version int64, err error) {
	err = db.QueryRow(ctx, `SELECT version FROM users WHERE id = $1`, target).Scan(&version)
	return version, err
}

// insertToken stores a token of a user.
func insertToken(ctx context.Context, db *pgx.Conn, token string, user int) error {
	hash := sha256.Sum256([]byte(token))
	_, err := db.Exec(ctx, `INSERT INTO tokens (hash, user_id, name, kind, created, expires) VALUES ($1, $2, 'bench', 'made', 1767225600000000, NULL)`, hash[:], user)
	return err
}
