package store

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The lock is the system's: it holds between processes, for a reader too, and is gone with
// the process that had it, however that ended.
func TestLockBetweenProcesses(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, "-test.run", "^TestHoldTheLock$")
	cmd.Env = append(os.Environ(), "RABBET_TEST_FOLDER="+dir)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	defer in.Close()
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "open\n", line)

	_, err = Open(dir, Options{})
	require.ErrorIs(t, err, ErrLocked)
	_, err = Check(dir, plain)
	require.ErrorIs(t, err, ErrLocked)
	_, _, err = Compact(dir)
	require.ErrorIs(t, err, ErrLocked)

	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	b := open(t, dir)
	l, _ := b.recover(1)
	assert.Equal(t, upTo(1, 10), positions(load(t, l)))
	require.NoError(t, b.Close())
	_, _, err = Compact(dir)
	require.NoError(t, err)
}

// TestHoldTheLock is the other process of TestLockBetweenProcesses.
func TestHoldTheLock(t *testing.T) {
	dir := os.Getenv("RABBET_TEST_FOLDER")
	if dir == "" {
		t.Skip("run by TestLockBetweenProcesses")
	}
	b := open(t, dir, Options{Sync: SyncAlways})
	b.fill(b.Log(1), 1, 10)
	b.commit()
	_, err := os.Stdout.WriteString("open\n")
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
}
