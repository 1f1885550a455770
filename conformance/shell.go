// Hooks that are shell commands, for brokers that are looked after from outside.

package conformance

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Shell gives a hook for Options.Restart or Options.Kill that runs a command of
// sh; nil for an empty one. The command ends when the broker starts again, or
// later.
func Shell(command string) func(context.Context) error {
	if command == "" {
		return nil
	}
	return func(ctx context.Context) error { return shell(ctx, command) }
}

// ShellAlarm gives a hook for Options.Alarm that runs a command of sh with two
// words added: memory or disk, and on or off. It is nil for an empty one.
func ShellAlarm(command string) func(ctx context.Context, resource string, on bool) error {
	if command == "" {
		return nil
	}
	return func(ctx context.Context, resource string, on bool) error {
		state := "off"
		if on {
			state = "on"
		}
		return shell(ctx, command+" "+resource+" "+state)
	}
}

// ShellAckTimeout gives a hook for Options.AckTimeout that runs a command of sh
// with the limit added, in milliseconds. It is nil for an empty one.
func ShellAckTimeout(command string) func(ctx context.Context, limit time.Duration) error {
	if command == "" {
		return nil
	}
	return func(ctx context.Context, limit time.Duration) error {
		return shell(ctx, fmt.Sprintf("%s %d", command, limit.Milliseconds()))
	}
}

// ShellNodeLimit gives a hook for Options.NodeLimit that runs a command of sh with the
// limit's name and the number added, or "infinity" for none. It is nil for an empty one.
func ShellNodeLimit(command string) func(ctx context.Context, limit string, n int) error {
	if command == "" {
		return nil
	}
	return func(ctx context.Context, limit string, n int) error {
		number := "infinity"
		if n >= 0 {
			number = strconv.Itoa(n)
		}
		return shell(ctx, command+" "+limit+" "+number)
	}
}

func shell(ctx context.Context, command string) error {
	out, err := exec.CommandContext(ctx, "sh", "-c", command).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, strings.TrimSpace(string(out)))
	}
	return nil
}
