//go:build unix

package control

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Folder and socket are for the user alone, whatever the umask, and at every moment.
func TestModes(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	p := Place{Memory: true, Node: "n", Environ: []string{"XDG_RUNTIME_DIR=" + shortDir(t)}}
	l, err := Listen(p)
	require.NoError(t, err)
	defer l.Close()
	mode := func(path string) os.FileMode {
		info, err := os.Lstat(path)
		require.NoError(t, err)
		return info.Mode().Perm()
	}
	assert.Equal(t, os.FileMode(0o600), mode(p.Path()))
	assert.Equal(t, os.FileMode(0o700), mode(filepath.Dir(p.Path())))
	assert.Zero(t, syscall.Umask(0), "the umask is as it was")

	path := filepath.Join(shortDir(t), "s")
	l, err = listenPrivately(path)
	require.NoError(t, err)
	defer l.Close()
	assert.Equal(t, os.FileMode(0o600), mode(path), "before anything sets it")
}

// A folder that belongs to somebody else is refused: he could put a socket of his own there.
func TestFolderOfSomebodyElse(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("it takes root to be somebody else")
	}
	dir := shortDir(t)
	require.NoError(t, os.Chmod(dir, 0o777))
	require.NoError(t, os.Chown(dir, 1, 1))
	require.NoError(t, checkOwner(dir), "root is let in everywhere")
	test := filepath.Join(dir, "test")
	self, err := os.Executable()
	require.NoError(t, err)
	data, err := os.ReadFile(self)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(test, data, 0o755))
	cmd := exec.Command(test, "-test.run", "^TestListenIsRefused$", "-test.v")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "RABBET_TEST_FOLDER="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "--- PASS: TestListenIsRefused")
}

// TestListenIsRefused is the other user of TestFolderOfSomebodyElse.
func TestListenIsRefused(t *testing.T) {
	dir := os.Getenv("RABBET_TEST_FOLDER")
	if dir == "" {
		t.Skip("run by TestFolderOfSomebodyElse")
	}
	_, err := Listen(Place{DataDir: dir})
	require.ErrorContains(t, err, "belongs to user 1")
}
