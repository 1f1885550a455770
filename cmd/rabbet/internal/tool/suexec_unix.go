//go:build unix

package tool

import (
	"slices"
	"strings"
	"syscall"
)

// becomeAndExec returns only if it has failed.
func becomeAndExec(spec, path string, args, environ []string) error {
	uid, gid, home, err := ids(spec)
	if err != nil {
		return err
	}
	if err := syscall.Setgroups([]int{gid}); err != nil && syscall.Getuid() == 0 {
		return err
	}
	if err := syscall.Setgid(gid); err != nil {
		return err
	}
	if err := syscall.Setuid(uid); err != nil {
		return err
	}
	environ = slices.DeleteFunc(slices.Clone(environ), func(v string) bool { return strings.HasPrefix(v, "HOME=") })
	return syscall.Exec(path, args, append(environ, "HOME="+home))
}
