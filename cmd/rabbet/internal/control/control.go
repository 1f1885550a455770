// Package control is the unix socket between a running broker and the command-line tools
// of the same user: where it is, who may listen on it, and who may call.
//
// The socket is control.sock in the data folder. A broker without a data folder, and one
// whose path is too long for a socket, has it in the user's runtime folder. Folder and
// socket are for the user alone.
package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// maxPath is the length of a path that a socket can have on every system, with some room.
const maxPath = 100

// ErrInUse is returned by Listen for the socket of a broker that runs.
var ErrInUse = errors.New("another broker listens on the control socket")

// A Place is what the paths of sockets depend on.
type Place struct {
	// DataDir is the data folder; Memory says that the broker has none.
	DataDir string
	Memory  bool
	// Node is the node's name, such as rabbit@host.
	Node string
	// Environ is the environment, as os.Environ has it.
	Environ []string
}

// runtimeDir is where the user's sockets are that have no other place.
func (p Place) runtimeDir() string {
	for _, v := range p.Environ {
		if dir, ok := strings.CutPrefix(v, "XDG_RUNTIME_DIR="); ok && filepath.IsAbs(dir) {
			return filepath.Join(dir, "rabbet")
		}
	}
	return filepath.Join(os.TempDir(), fmt.Sprint("rabbet-", os.Getuid()))
}

// Path is where the socket of a broker is.
func (p Place) Path() string {
	if p.Memory || p.DataDir == "" {
		return p.inRuntimeDir(p.Node)
	}
	dir, err := filepath.Abs(p.DataDir)
	if err != nil {
		dir = p.DataDir
	}
	if path := filepath.Join(dir, "control.sock"); len(path) <= maxPath {
		return path
	}
	return p.inRuntimeDir(dir)
}

// inRuntimeDir names a socket by a hash, since names of nodes and folders may be long.
func (p Place) inRuntimeDir(name string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(p.runtimeDir(), hex.EncodeToString(sum[:8])+".sock")
}

// Listen listens on the socket. One that is left over from a process that is gone is
// replaced; ErrInUse is returned if somebody answers on it.
func Listen(p Place) (net.Listener, error) {
	path := p.Path()
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := checkOwner(dir); err != nil {
		return nil, err
	}
	if nc, err := net.Dial("unix", path); err == nil {
		nc.Close()
		return nil, fmt.Errorf("%w %s", ErrInUse, path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := listenPrivately(path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Client returns a client whose requests all go to the socket, whatever their host.
func Client(path string) *http.Client {
	var d net.Dialer
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.DialContext(ctx, "unix", path)
		},
		DisableCompression: true,
	}}
}
