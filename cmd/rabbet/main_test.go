// The real binary, as its users meet it: what it prints, how it ends, and with
// which exit code.

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

// binary is the path of the rabbet that TestMain has built.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rabbet")
	if err == nil {
		binary = filepath.Join(dir, "rabbet")
		build := exec.Command("go", "build", "-o", binary, ".")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building rabbet:", err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// command is rabbet with an environment of nothing but env and folders of its own for
// data and configuration. A test that waits
// in vain for it to say something sees it killed after a while.
func command(t testing.TB, env []string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append([]string{"GOCOVERDIR=" + t.TempDir(), "XDG_DATA_HOME=" + t.TempDir(), "RABBET_CONFIG_DIR=" + t.TempDir()}, env...)
	return cmd
}

// run runs a command that ends by itself.
func run(t testing.TB, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := command(t, env, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		require.IsType(t, &exec.ExitError{}, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// server is a running broker.
type server struct {
	cmd     *exec.Cmd
	address string
	lines   []string // of its log, up to its being ready
	rest    *bufio.Scanner
	stderr  bytes.Buffer
}

// start starts a broker on a free port and waits until it says that it is ready.
func start(t testing.TB, env []string, args ...string) *server {
	t.Helper()
	return follow(t, command(t, env, append(args, "--port", "0")...))
}

// follow starts a broker's command and waits until it says that it is ready.
func follow(t testing.TB, cmd *exec.Cmd) *server {
	t.Helper()
	s := &server{cmd: cmd}
	s.cmd.Stderr = &s.stderr
	out, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // Most tests have ended it before.
		_ = s.cmd.Wait()
	})
	s.rest = bufio.NewScanner(out)
	address := regexp.MustCompile(`address"?[=:]"?(127\.0\.0\.1:\d+)`)
	for s.rest.Scan() {
		s.lines = append(s.lines, s.rest.Text())
		if strings.Contains(s.rest.Text(), "Server startup complete") {
			m := address.FindStringSubmatch(s.rest.Text())
			require.NotNil(t, m, "it says where it listens: %s", s.rest.Text())
			s.address = m[1]
			return s
		}
	}
	require.Fail(t, "not ready", "%s\n%s", strings.Join(s.lines, "\n"), &s.stderr)
	return nil
}

// stop sends a signal and returns the exit code and the rest of the log.
func (s *server) stop(t testing.TB, sig os.Signal) (code int, log string) {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(sig))
	var b strings.Builder
	for s.rest.Scan() {
		fmt.Fprintln(&b, s.rest.Text())
	}
	if err := s.cmd.Wait(); err != nil {
		require.IsType(t, &exec.ExitError{}, err)
	}
	return s.cmd.ProcessState.ExitCode(), b.String()
}

func TestSignalsEndItInOrder(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			s := start(t, nil, "serve")
			conn, err := amqp.Dial("amqp://guest:guest@" + s.address + "/")
			require.NoError(t, err)
			closed := conn.NotifyClose(make(chan *amqp.Error, 1))
			code, log := s.stop(t, sig)
			assert.Zero(t, code, &s.stderr)
			assert.Contains(t, log, "Stopped")
			reason := <-closed
			if assert.NotNil(t, reason) {
				assert.Equal(t, amqp.ConnectionForced, reason.Code)
			}
			assert.Empty(t, s.stderr.String())
		})
	}
}

// slow-stop: a client that does not answer its goodbye is dropped, within a second and
// without a fault.
func TestMuteClientIsDropped(t *testing.T) {
	s := start(t, nil, "--memory")
	dialMute(t, s.address)
	began := delay.Real{}.Now()
	code, log := s.stop(t, syscall.SIGTERM)
	assert.Zero(t, code, &s.stderr)
	assert.Less(t, delay.Real{}.Now().Sub(began), 15*time.Second, "0.8 s on a machine that has time")
	assert.Contains(t, log, "client does not answer and is dropped")
	assert.Empty(t, s.stderr.String())
}

// A second signal ends it at once.
func TestSecondSignalForcesTheEnd(t *testing.T) {
	s := start(t, nil)
	dialMute(t, s.address)
	require.NoError(t, s.cmd.Process.Signal(os.Interrupt))
	for s.rest.Scan() && !strings.Contains(s.rest.Text(), "Shutting down") {
	}
	code, _ := s.stop(t, os.Interrupt)
	assert.Equal(t, 1, code)
	assert.Contains(t, s.stderr.String(), "before all clients had gone")
}

// dialMute connects a client that will not answer a goodbye.
func dialMute(t *testing.T, address string) {
	_, err := amqp.DialConfig("amqp://guest:guest@"+address+"/", amqp.Config{
		Dial: func(network, addr string) (net.Conn, error) {
			socket, err := net.Dial(network, addr)
			if err == nil {
				t.Cleanup(func() { socket.Close() })
			}
			return &muteConn{Conn: socket}, err
		},
	})
	require.NoError(t, err)
}

func TestDefaultsAndFlagsAndEnvironment(t *testing.T) {
	t.Parallel()
	dial := func(s *server, user, password, vhost string) error {
		conn, err := amqp.DialConfig("amqp://"+s.address, amqp.Config{
			Vhost: vhost, SASL: []amqp.Authentication{&amqp.PlainAuth{Username: user, Password: password}},
		})
		if err == nil {
			conn.Close()
		}
		return err
	}
	t.Run("defaults", func(t *testing.T) {
		t.Parallel()
		s := start(t, nil)
		assert.NoError(t, dial(s, "guest", "guest", "/"))
		assert.Error(t, dial(s, "guest", "wrong", "/"))
	})
	env := []string{"RABBITMQ_DEFAULT_USER=anna", "RABBITMQ_DEFAULT_PASS=s3cret", "RABBITMQ_DEFAULT_VHOST=shop", "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1"}
	t.Run("environment", func(t *testing.T) {
		t.Parallel()
		s := start(t, env, "serve", "--memory")
		assert.NoError(t, dial(s, "anna", "s3cret", "shop"))
		assert.Error(t, dial(s, "guest", "guest", "shop"))
		assert.Error(t, dial(s, "anna", "s3cret", "/"))
	})
	t.Run("flags win", func(t *testing.T) {
		t.Parallel()
		s := start(t, append(env, "RABBITMQ_NODE_PORT=1"), "--user", "ben", "--password=pw", "--vhost", "depot")
		assert.NoError(t, dial(s, "ben", "pw", "depot"))
		assert.Error(t, dial(s, "anna", "s3cret", "shop"))
	})
	t.Run("port from the environment", func(t *testing.T) {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer taken.Close()
		_, port, _ := net.SplitHostPort(taken.Addr().String())
		code, _, stderr := run(t, []string{"RABBITMQ_NODE_PORT=" + port})
		assert.Equal(t, 1, code)
		assert.Equal(t, "rabbet: cannot listen on 127.0.0.1:"+port+": the address is in use, maybe by another broker\n", stderr)
	})
}

func TestWrongCommandLines(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--nonsense"}, "-nonsense"},
		{[]string{"serve", "--port", "65536"}, `bad port "65536"`},
		{[]string{"serve", "--user="}, "--user: it is empty"},
		{[]string{"serve", "--password", ""}, "--password: it is empty"},
		{[]string{"serve", "--memory", "--data-dir", "x"}, "give one of the two"},
		{[]string{"serve", "--heartbeat", "1500ms"}, "--heartbeat: 1.5s is not a multiple of 1s"},
		{[]string{"serve", "--consumer-timeout", "-1s"}, "negative"},
		{[]string{"serve", "--channel-max", "0"}, "--channel-max: 0 is not from 1 to 65535"},
		{[]string{"serve", "--frame-max", "4294967296"}, "--frame-max: 4294967296 is not from 0 to 4294967295"},
		{[]string{"serve", "--memory-limit", "140%"}, `"140%" is no percentage such as 40%`},
		{[]string{"serve", "--log-level", "loud"}, `unknown log level "loud"`},
		{[]string{"serve", "--profile", "3.9"}, `--profile: "3.9" is not one of 3.13, 4.2, 4.3`},
		{[]string{"serve", "--log-format", "xml"}, `unknown log format "xml"`},
		{[]string{"serve", "now"}, `not "now"`},
		{[]string{"start"}, `unknown command "start"`},
		{[]string{"serv", "--port", "1"}, `unknown command "serv": did you mean serve? (see rabbet help)`},
		{[]string{"perf", "idel"}, `unknown command "idel" of rabbet perf: did you mean idle? (see rabbet help perf)`},
		{[]string{"help", "stroe"}, `unknown command "stroe": did you mean store? (see rabbet help)`},
		{[]string{"--prot", "1"}, "unknown flag --prot: did you mean --port? (see rabbet help)"},
		{[]string{"serve", "--vhost", "a", "--vhost=b"}, "--vhost: it is given twice (see rabbet help serve)"},
		{[]string{"serve", "--listen", "1", "--port", "2"}, "give one or the other"},
		{[]string{"serve", "--listen", "unix:x"}, `"x" is not the absolute path of a socket`},
		{[]string{"serve", "--"}, "there is no command behind --"},
		{[]string{"serve", "now", "--", "true"}, `not "now"`},
		{[]string{"config", "check"}, "config check takes one file"},
		{[]string{"serve", "--password", "hidden", "--password", "hidden"}, "--password: it is given twice"},
		{[]string{"perf", "--size", "big"}, "-size"},
		{[]string{"perf", "--queues", "0"}, "there must be a queue"},
		{[]string{"perf", "--queue-args", "x"}, "key=value"},
		{[]string{"perf", "idle", "--nonsense"}, "-nonsense"},
	} {
		code, stdout, stderr := run(t, nil, test.args...)
		assert.Equal(t, 2, code, test.args)
		assert.Empty(t, stdout, test.args)
		assert.Contains(t, stderr, test.want)
		assert.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)
		assert.NotContains(t, stderr, "hidden")
	}
	code, _, stderr := run(t, []string{"RABBITMQ_NODE_PORT=x"})
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, `bad port "x"`)
}

func TestHelpAndVersion(t *testing.T) {
	for want, args := range map[string][]string{
		"perf        Load a broker":          {"help"},
		"ping        Ask whether":            {"--help"},
		"-- COMMAND [ARGUMENTS]":             {"help", "serve"},
		"--log-format format":                {"serve", "--help"},
		"--ack-every messages":               {"perf", "--help"},
		"--connections number":               {"perf", "idle", "--help"},
		"--binding-key key":                  {"perf", "queues", "-h"},
		"rabbet (devel) (revision|rabbet v":  {"version"},
		"rabbet (devel) (revision |rabbet v": {"--version"},
		"complete -o default":                {"completion", "bash"},
	} {
		code, stdout, stderr := run(t, nil, args...)
		assert.Zero(t, code, args)
		assert.Empty(t, stderr, args)
		matched := false
		for alternative := range strings.SplitSeq(want, "|") {
			matched = matched || strings.Contains(stdout, alternative)
		}
		assert.True(t, matched, "%v prints %q", args, stdout)
	}
}

// The line that scripts wait for comes whatever the log's level and format.
func TestReadinessLine(t *testing.T) {
	s := start(t, nil, "--log-level", "error")
	assert.Len(t, s.lines, 1)
	s = start(t, nil, "--log-format", "json")
	var event struct{ Level, Msg, Address string }
	for _, line := range s.lines {
		assert.NoError(t, json.Unmarshal([]byte(line), &event), line)
	}
	assert.Equal(t, s.address, event.Address)
}

func TestPerf(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	url := "amqp://guest:guest@" + s.address
	code, stdout, stderr := run(t, nil, "perf", "--url", url, "--messages", "2000", "--confirm", "100", "--json")
	require.Zero(t, code, stderr)
	var result map[string]any
	require.NoError(t, json.Unmarshal([]byte(stdout), &result), stdout)
	assert.EqualValues(t, 2000, result["received"])
	assert.EqualValues(t, 2000, result["confirmed"])
	assert.Contains(t, result, "latency")

	code, stdout, stderr = run(t, nil, "perf", "--url", url, "--messages", "500", "--queues", "3", "--consumers", "3", "--exchange-type", "topic",
		"--routing-key", "a.b.c", "--binding-key", "a.#", "--auto-ack", "--pid", fmt.Sprint(s.cmd.Process.Pid))
	require.Zero(t, code, stderr)
	assert.Regexp(t, `received\s+1,500\s`, stdout)
	assert.Regexp(t, `CPU a message`, stdout)

	code, _, stderr = run(t, nil, "perf", "--url", url+"/nowhere", "--time", "1s")
	assert.Equal(t, 1, code)
	assert.Equal(t, "rabbet: opening a connection: the broker closed the connection: 530 NOT_ALLOWED - vhost nowhere not found\n", stderr)

	code, stdout, stderr = run(t, nil, "perf", "queues", "--url", url, "--count", "300")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "300 queues: declared ")

	code, stdout, stderr = run(t, nil, "perf", "idle", "--url", url, "--connections", "40", "--hold", "10ms")
	require.Zero(t, code, stderr)
	assert.Contains(t, stdout, "opened 40 connections")
}

// BenchmarkReady is from exec to the readiness line.
func BenchmarkReady(b *testing.B) {
	for b.Loop() {
		s := start(b, nil)
		b.StopTimer()
		s.stop(b, os.Interrupt)
		b.StartTimer()
	}
}

// muteConn neither answers a connection.close that it has read nor closes.
type muteConn struct {
	net.Conn
	mute atomic.Bool
}

func (c *muteConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if bytes.Contains(p[:n], []byte{0, 10, 0, 50}) { // connection.close
		c.mute.Store(true)
	}
	return n, err
}

func (c *muteConn) Write(p []byte) (int, error) {
	if c.mute.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *muteConn) Close() error { return nil }
