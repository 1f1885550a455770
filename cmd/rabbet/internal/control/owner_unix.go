//go:build unix

package control

import (
	"fmt"
	"net"
	"os"
	"syscall"
)

// checkOwner refuses a folder in which somebody else could put a socket.
func checkOwner(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && int(stat.Uid) != os.Getuid() && os.Getuid() != 0 {
		return fmt.Errorf("folder %s of the control socket belongs to user %d", dir, stat.Uid)
	}
	return nil
}

// listenPrivately makes a socket that nobody else can reach before its mode is set.
func listenPrivately(path string) (net.Listener, error) {
	old := syscall.Umask(0o177)
	defer syscall.Umask(old)
	return net.Listen("unix", path)
}
