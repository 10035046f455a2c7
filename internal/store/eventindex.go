package store

import "database/sql/driver"

// indexBatch is how many events wait until they are put into event_targets. Who asks for
// those of a user has the ones that wait looked through, and who waits for the writer
// waits until they are put in: both take milliseconds.
const indexBatch = 8192

// indexEvents puts the events that wait into event_targets, if they are as many as that.
func indexEvents(tx session, size int64) error {
	indexed, err := queryInt(tx, "SELECT indexed FROM event_progress")
	if err != nil {
		return err
	}
	last, err := queryInt(tx, "SELECT COALESCE(MAX(id), 0) FROM events")
	if err != nil || last-indexed < size {
		return err
	}
	err = tx.prepared.exec("INSERT OR IGNORE INTO event_targets SELECT target_id, id FROM events WHERE id > ? AND id <= ? ORDER BY target_id, id", indexed, last)
	if err != nil {
		return err
	}
	return tx.prepared.exec("UPDATE event_progress SET indexed = ?", last)
}

// queryInt runs SQL that returns one.
func queryInt(db session, text string) (n int64, err error) {
	err = db.prepared.queryRow(text, func(values []driver.Value) error { n = values[0].(int64); return nil })
	return n, err
}

// selectEventIDs selects the numbers of a target's events after a number: those in the index,
// and those that wait.
const selectEventIDs = `
	SELECT event_id FROM event_targets WHERE target_id = @target AND event_id > @after
	UNION ALL
	SELECT id FROM events WHERE id > max(@after, (SELECT indexed FROM event_progress)) AND target_id = @target`
