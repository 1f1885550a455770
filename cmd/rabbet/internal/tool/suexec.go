package tool

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// SuExec runs a command as another user, in place of this process: what su-exec and gosu
// do in containers.
func SuExec(p Process, args []string) int {
	if len(args) < 2 {
		fmt.Fprintf(p.Stderr, "Usage: %s user-spec command [args]\n", p.Name)
		return 1
	}
	path, err := exec.LookPath(args[1])
	if err == nil {
		err = becomeAndExec(args[0], path, args[1:], p.Environ)
	}
	fmt.Fprintf(p.Stderr, "%s: %v\n", p.Name, err)
	return 1
}

// ids finds a user by name or number in /etc/passwd, and a group behind a colon. There is
// no resolver in a static binary.
func ids(spec string) (uid, gid int, home string, err error) {
	name, group, hasGroup := strings.Cut(spec, ":")
	uid, uidErr := strconv.Atoi(name)
	gid, home = uid, "/"
	known := uidErr == nil
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil && !known {
		return 0, 0, "", err
	}
	for line := range strings.Lines(string(passwd)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 6 || f[0] != name && f[2] != name {
			continue
		}
		u, err1 := strconv.Atoi(f[2])
		g, err2 := strconv.Atoi(f[3])
		if err := errors.Join(err1, err2); err != nil {
			return 0, 0, "", err
		}
		uid, gid, home, known = u, g, f[5], true
	}
	if !known {
		return 0, 0, "", fmt.Errorf("no user %s", name)
	}
	if hasGroup {
		if gid, err = strconv.Atoi(group); err != nil {
			return 0, 0, "", fmt.Errorf("group %s is no number", group)
		}
	}
	return uid, gid, home, nil
}
