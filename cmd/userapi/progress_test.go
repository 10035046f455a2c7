package main

import (
	"bufio"
	"os"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// Progress is shown on a terminal only, and only if the work takes more than two seconds.
func TestProgressIsShownOnATerminal(t *testing.T) {
	terminal, tty, err := pty.Open()
	require.NoError(t, err)
	defer func() { require.NoError(t, terminal.Close()) }()
	p := newProgress(tty)
	p.report("early", 1, 2)
	p.clear()
	p.began = p.began.Add(-progressDelay)
	p.report("copying", 1, 4)
	p.report("copying", 9, 4)
	p.report("copying", 9, 4)
	p.report("checking", 0, 0)
	p.clear()
	_, err = tty.WriteString("\nend\n")
	require.NoError(t, err)
	shown, err := bufio.NewReader(terminal).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "\r\x1b[Kcopying: 25 % ...\r\x1b[Kcopying: 100 % ...\r\x1b[Kchecking ...\r\x1b[K\r\n", shown)
	require.NoError(t, tty.Close())

	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	p = newProgress(file)
	p.began = time.Now().Add(-time.Hour)
	p.report("copying", 1, 4)
	p.clear()
	info, err := file.Stat()
	require.NoError(t, err)
	require.Zero(t, info.Size())
	require.NoError(t, file.Close())
}
