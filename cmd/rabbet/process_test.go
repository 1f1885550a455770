package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// F5-log-pipe and stdout-blocks-broker: a reader of the log up to the line that it waits
// for, and then reads no more, or closes the pipe, does the broker no harm.
func TestLogPipe(t *testing.T) {
	for _, closed := range []bool{false, true} {
		t.Run(fmt.Sprint("closed ", closed), func(t *testing.T) {
			r, w, err := os.Pipe()
			require.NoError(t, err)
			defer r.Close()
			cmd := command(t, nil, "serve", "--port", "0", "--memory")
			cmd.Stdout, cmd.Stderr = w, w
			require.NoError(t, cmd.Start())
			t.Cleanup(func() { _ = cmd.Process.Kill() }) // It has ended unless the test fails.
			require.NoError(t, w.Close())
			address := ""
			for in := bufio.NewScanner(r); address == "" && in.Scan(); {
				if strings.Contains(in.Text(), "Server startup complete") {
					address = regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(in.Text())
				}
			}
			require.NotEmpty(t, address)
			if closed {
				require.NoError(t, r.Close())
			}
			first, err := amqp.Dial("amqp://guest:guest@" + address)
			require.NoError(t, err)
			for range 500 { // a pipe holds some 350 of them
				conn, err := amqp.Dial("amqp://guest:guest@" + address)
				require.NoError(t, err)
				require.NoError(t, conn.Close())
			}
			ch, err := first.Channel()
			require.NoError(t, err)
			require.NoError(t, ch.Close())
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
			assert.NoError(t, cmd.Wait(), "it ends in order")
		})
	}
}

func TestServeCommand(t *testing.T) {
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	serve := func(script string) (code int, stdout, stderr string) {
		return run(t, []string{"PATH=" + os.Getenv("PATH"), "RABBET=" + binary}, "serve", "--memory", "--port", "0", "--vhost", "a/b", "--", sh, "-c", script)
	}
	code, stdout, stderr := serve(`echo "$AMQP_URL"; "$RABBET" ping --url "$AMQP_URL"; exit 7`)
	assert.Equal(t, 7, code)
	assert.Regexp(t, `^amqp://guest:guest@127\.0\.0\.1:\d+/a%2Fb\nPing succeeded\n$`, stdout, "the log is elsewhere")
	assert.Contains(t, stderr, "Server startup complete")
	assert.Contains(t, stderr, "Stopped")
	code, _, stderr = serve("exit 0")
	assert.Zero(t, code, stderr)
	code, _, _ = serve("kill -9 $$")
	assert.Equal(t, 128+9, code)
	code, _, stderr = run(t, nil, "serve", "--memory", "--port", "0", "--", "/no/such")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "rabbet: cannot run /no/such: no such file or directory\n")

	// A signal is for the command.
	cmd := command(t, nil, "serve", "--memory", "--port", "0", "--", sh, "-c", `trap 'exit 3' TERM; echo ready; while :; do :; done`)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "ready\n", line)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	assert.Error(t, cmd.Wait())
	assert.Equal(t, 3, cmd.ProcessState.ExitCode())
}

func TestPing(t *testing.T) {
	s := start(t, nil, "--memory")
	_, port, err := net.SplitHostPort(s.address)
	require.NoError(t, err)
	env := []string{"RABBITMQ_NODE_PORT=" + port, "RABBITMQ_NODE_IP_ADDRESS=0.0.0.0"}
	code, stdout, stderr := run(t, env, "ping")
	assert.Equal(t, "0 Ping succeeded\n", fmt.Sprint(code, " ", stdout), stderr)
	code, stdout, _ = run(t, nil, "ping", "--url", "amqp://guest:guest@"+s.address+"/")
	assert.Equal(t, "0 Ping succeeded\n", fmt.Sprint(code, " ", stdout))
	code, _, stderr = run(t, nil, "ping", "--url", "amqp://guest:wrong@"+s.address+"/")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "username or password not allowed")
	assert.NotContains(t, stderr, "wrong@")
	code, _, stderr = run(t, nil, "ping", "--url", "http://x")
	assert.Equal(t, 2, code, stderr)

	// Something else that listens there.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(nc, "SSH-2.0-OpenSSH\r\n") // The other end says what it makes of it.
		}
	}()
	_, port, err = net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	code, _, stderr = run(t, []string{"RABBITMQ_NODE_PORT=" + port}, "ping")
	assert.Equal(t, 1, code)
	assert.Equal(t, "rabbet: no broker answers at "+l.Addr().String()+": the answer is not AMQP 0-9-1\n", stderr)
	require.NoError(t, l.Close())
	code, _, stderr = run(t, []string{"RABBITMQ_NODE_PORT=" + port}, "ping")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "connection refused")
}

// RABBITMQ_DEFAULT_PASS is in no help, no list of settings and no log.
func TestSecretsAreNotPrinted(t *testing.T) {
	env := []string{"RABBITMQ_DEFAULT_PASS=hidden"}
	for _, args := range [][]string{{"serve", "--help"}, {"--help"}, {"help", "serve"}, {"serve", "--print-config"}} {
		code, stdout, stderr := run(t, env, args...)
		assert.Zero(t, code, stderr)
		assert.NotContains(t, stdout+stderr, "hidden", args)
	}
	s := start(t, env, "--log-level", "debug")
	conn, err := amqp.Dial("amqp://guest:hidden@" + s.address)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	_, log := s.stop(t, syscall.SIGTERM)
	assert.NotContains(t, strings.Join(s.lines, "\n")+log, "hidden")
}

// What is set and does nothing is said.
func TestEnvIgnored(t *testing.T) {
	s := start(t, []string{"RABBITMQ_ERLANG_COOKIE=x", "RABBITMQ_DEFAULT_USR=x"})
	log := strings.Join(s.lines, "\n")
	assert.Contains(t, log, "[warning] ")
	assert.Contains(t, log, "variables without effect here: RABBITMQ_ERLANG_COOKIE")
	assert.Contains(t, log, "unknown variable RABBITMQ_DEFAULT_USR is ignored: did you mean RABBITMQ_DEFAULT_USER?")
	code, _, stderr := run(t, []string{"RABBITMQ_DEFAULT_USER_FILE=/x"}, "serve", "--port", "0")
	assert.Equal(t, 1, code)
	assert.Equal(t, "rabbet: RABBITMQ_DEFAULT_USER_FILE is set but deprecated: use default_user = $(<FILE) in rabbitmq.conf\n", stderr)
}

// The last line of the start is the one that scripts wait for, and no key has a space.
func TestStartupLines(t *testing.T) {
	s := start(t, nil, "--memory")
	last := len(s.lines) - 1
	assert.Contains(t, s.lines[last], "Server startup complete")
	log := strings.Join(s.lines[:last], "\n")
	assert.Contains(t, log, "started TCP listener on "+s.address)
	assert.Regexp(t, `Limits  memory="[\d.]+ [KMG]iB" disk_free_limit="50 MB"`, log)
	assert.Contains(t, log, " config file(s) : (none)")
	assert.Contains(t, log, " node           : rabbit@")
	for _, line := range s.lines {
		assert.Regexp(t, `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d \[[a-z]+\] <\d+\.\d+\.\d+> `, line)
	}
	code, rest := s.stop(t, syscall.SIGTERM)
	assert.Zero(t, code)
	assert.Contains(t, rest, "Shutting down  signal=terminated")
}
