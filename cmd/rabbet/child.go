package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// runCommand runs the command behind -- with the broker's address in AMQP_URL. Signals
// are for the command; when it has ended its exit code is that of the process.
func (s *service) runCommand(url string) error {
	cmd := exec.CommandContext(context.Background(), s.command[0], s.command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.stdin, s.stdout, s.stderr
	cmd.Env = append(os.Environ(), "AMQP_URL="+url)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot run %s: %w", s.command[0], errors.Unwrap(err))
	}
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case sig := <-s.signals:
				// Of a terminal's Ctrl-C the command has had its own; one that has
				// ended meanwhile needs none.
				if sig != os.Interrupt || !isTerminal(s.stdin) {
					_ = cmd.Process.Signal(sig)
				}
			case <-ended:
				return
			}
		}
	}()
	err := cmd.Wait()
	close(ended)
	exit := (*exec.ExitError)(nil)
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &exit):
		return err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitError{128 + int(status.Signal())} // as shells have it
	}
	return exitError{exit.ExitCode()}
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
