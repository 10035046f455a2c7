package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// progressDelay is how long a command works before it shows its progress.
const progressDelay = 2 * time.Second

// progress shows on a terminal how far a command is.
type progress struct {
	terminal io.Writer // nil: none
	began    time.Time

	mu    sync.Mutex
	shown string
}

// newProgress returns a progress that shows nothing unless w is a terminal.
func newProgress(w io.Writer) *progress {
	p := &progress{began: time.Now()}
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.terminal = file
	}
	return p
}

// report implements [sqlite.Progress]. A total of 0 is unknown.
func (p *progress) report(step string, done, total int64) {
	if p.terminal == nil || time.Since(p.began) < progressDelay {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	text := step
	if total > 0 {
		text = fmt.Sprintf("%s: %d %%", step, min(100, 100*done/total))
	}
	if text != p.shown {
		_, _ = fmt.Fprintf(p.terminal, "%s%s ...", clearLine, text)
	}
	p.shown = text
}

// clearLine goes to the start of the line and clears it.
const clearLine = "\r\x1b[K"

// clear removes what is shown.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown != "" {
		_, _ = fmt.Fprint(p.terminal, clearLine)
	}
}
