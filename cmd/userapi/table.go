package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// newTable returns a table that begins with this heading. Flush writes it.
func newTable(w io.Writer, heading ...string) *tabwriter.Writer {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	writeRow(table, heading...)
	return table
}

// writeRow adds a row to a table. An empty cell is "-".
func writeRow(table *tabwriter.Writer, cells ...string) {
	for i, cell := range cells {
		if cell == "" {
			cells[i] = "-"
		}
	}
	fmt.Fprintln(table, strings.Join(cells, "\t"))
}

func formatTime(t time.Time) string { return t.Format(time.RFC3339) }
