package main

import (
	"context"
	"log/slog"
	"time"

	"userapi/internal/directory"
	"userapi/internal/store/postgres"
)

const (
	// removalPeriod is how often a server looks for events that are too old.
	removalPeriod = time.Minute
	// removalRest is how long the server rests after it has removed a few events: this many times as long as that
	// took. So it uses a tenth of the time of the writer at most, and less of a busy one, because its change
	// waits in the queue like any other.
	removalRest    = 9
	minRemovalRest = 10 * time.Millisecond
	maxRemovalRest = time.Second
)

// checkAuditKeep fails if the database does not let this server remove events.
func (c *serveCommand) checkAuditKeep(ctx context.Context, db database) error {
	if shared, ok := db.(*postgres.Store); ok && c.auditKeep > 0 {
		return shared.CheckRemoval(ctx)
	}
	return nil
}

// removeOldEvents removes the events that are older than --audit-keep, until ctx ends.
func (c *serveCommand) removeOldEvents(ctx context.Context, service *directory.Service, logger *slog.Logger) error {
	if c.auditKeep == 0 {
		return nil
	}
	count := 0
	for rest := time.Duration(0); ; {
		select {
		case <-time.After(rest):
		case <-ctx.Done():
			return nil
		}
		begun := time.Now()
		removed, err := service.RemoveEvents(ctx, c.auditKeep)
		count += removed
		if removed > 0 {
			rest = min(max(removalRest*time.Since(begun), minRemovalRest), maxRemovalRest)
			continue
		}
		if err != nil && ctx.Err() == nil {
			logger.Warn("old events cannot be removed at the moment", "error", err)
		}
		if count > 0 {
			logger.Info("old events were removed", "count", count)
		}
		count, rest = 0, removalPeriod
	}
}
