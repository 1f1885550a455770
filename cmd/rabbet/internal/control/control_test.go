package control

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shortDir makes a folder whose path leaves room for a socket's name on every system:
// that of t.TempDir may not.
func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "ctl")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// folderOf makes a folder whose control socket has a path of so many bytes.
func folderOf(t *testing.T, length int) string {
	dir := shortDir(t)
	rest := length - len(filepath.Join(dir, "x", "control.sock")) + 1
	require.Positive(t, rest, "%s leaves no room", dir)
	dir = filepath.Join(dir, strings.Repeat("d", rest))
	require.NoError(t, os.Mkdir(dir, 0o700))
	return dir
}

// answer serves HTTP on a socket until the test ends.
func answer(t *testing.T, l net.Listener, text string) {
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, text)
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
}

func ask(t *testing.T, path string) string {
	client := Client(path)
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://node/")
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(text)
}

// A path of 100 bytes is used, and the system takes it. One byte more, and the socket is
// in the runtime folder under a short name.
func TestLengthOfThePath(t *testing.T) {
	run := shortDir(t)
	for _, length := range []int{maxPath, maxPath + 1, 2 * maxPath} {
		p := Place{DataDir: folderOf(t, length), Environ: []string{"XDG_RUNTIME_DIR=" + run}}
		if length <= maxPath {
			assert.Equal(t, filepath.Join(p.DataDir, "control.sock"), p.Path())
			assert.Len(t, p.Path(), length)
		} else {
			assert.Equal(t, filepath.Join(run, "rabbet"), filepath.Dir(p.Path()))
		}
		l, err := Listen(p)
		require.NoError(t, err, "%d bytes", length)
		answer(t, l, p.DataDir)
		assert.Equal(t, p.DataDir, ask(t, p.Path()), "%d bytes", length)
	}
}

// Brokers without a data folder are told apart by the node's name, those whose path is
// too long by the folder.
func TestEachBrokerHasItsSocket(t *testing.T) {
	run := "XDG_RUNTIME_DIR=" + shortDir(t)
	long := folderOf(t, maxPath+1)
	seen := map[string]bool{}
	for _, p := range []Place{
		{Memory: true, Node: "rabbit@one"}, {Memory: true, Node: "rabbit@two"}, {Node: "rabbit@three"},
		{DataDir: long}, {DataDir: long + "2"}, {DataDir: shortDir(t)},
	} {
		p.Environ = []string{run}
		seen[p.Path()] = true
	}
	assert.Len(t, seen, 6)
	relative := Place{Memory: true, Environ: []string{"XDG_RUNTIME_DIR=relative"}}
	assert.Equal(t, os.TempDir(), filepath.Dir(filepath.Dir(relative.Path())), "a relative folder is none")
}

// A living socket is never taken over; what a process left behind is replaced.
func TestStaleSocket(t *testing.T) {
	p := Place{DataDir: shortDir(t)}
	l, err := Listen(p)
	require.NoError(t, err)
	answer(t, l, "the first")
	_, err = Listen(p)
	require.ErrorIs(t, err, ErrInUse)
	assert.Equal(t, "the first", ask(t, p.Path()))

	stale := Place{DataDir: shortDir(t)}
	old, err := net.Listen("unix", stale.Path())
	require.NoError(t, err)
	old.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, old.Close())
	_, err = os.Lstat(stale.Path())
	require.NoError(t, err, "the file is still there, as after a crash")
	l, err = Listen(stale)
	require.NoError(t, err)
	answer(t, l, "the second")
	assert.Equal(t, "the second", ask(t, stale.Path()))
}
