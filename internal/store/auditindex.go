package store

import "database/sql/driver"

// runLength is how many events wait until they are put into event_targets. Who asks for
// those of a user has the ones that wait looked through, and who waits for the writer
// waits until they are put in: both take milliseconds.
const runLength = 8192

// indexEvents puts the events that wait into event_targets, if they are as many as that.
func indexEvents(tx session, runLength int64) error {
	indexed, err := number(tx, "SELECT indexed FROM event_progress")
	if err != nil {
		return err
	}
	last, err := number(tx, "SELECT COALESCE(MAX(id), 0) FROM events")
	if err != nil || last-indexed < runLength {
		return err
	}
	err = tx.run("INSERT OR IGNORE INTO event_targets SELECT target_id, id FROM events WHERE id > ? AND id <= ? ORDER BY target_id, id", indexed, last)
	if err != nil {
		return err
	}
	return tx.run("UPDATE event_progress SET indexed = ?", last)
}

// number runs SQL that returns one.
func number(tx session, text string) (n int64, err error) {
	err = tx.row(text, func(values []driver.Value) { n = values[0].(int64) })
	return n, err
}

// eventsOf selects the numbers of a target's events after a number: those in the index,
// and those that wait.
const eventsOf = `
	SELECT event_id FROM event_targets WHERE target_id = @target AND event_id > @after
	UNION ALL
	SELECT id FROM events WHERE id > max(@after, (SELECT indexed FROM event_progress)) AND target_id = @target`
