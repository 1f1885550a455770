// Hooks that are shell commands, for brokers that are looked after from outside.

package conformance

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
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

func shell(ctx context.Context, command string) error {
	out, err := exec.CommandContext(ctx, "sh", "-c", command).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, strings.TrimSpace(string(out)))
	}
	return nil
}
