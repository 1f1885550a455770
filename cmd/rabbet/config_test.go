package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// write writes a file into a folder of its own.
func write(t *testing.T, name, text string) (path string) {
	path = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// The file that testcontainers mounts, by the variable that it sets.
func TestConfigurationFile(t *testing.T) {
	path := write(t, "rabbitmq-testcontainers.conf", "default_user = anna\ndefault_pass = s3cret\nheartbeat = 7\nmqtt.allow_anonymous = true\n")
	s := start(t, []string{"RABBITMQ_CONFIG_FILE=" + path, "RABBITMQ_DEFAULT_VHOST=shop"})
	log := strings.Join(s.lines, "\n")
	assert.Contains(t, log, "config file(s) : "+path)
	assert.Contains(t, log, "keys without effect here: mqtt.allow_anonymous")
	conn, err := amqp.DialConfig("amqp://anna:s3cret@"+s.address+"/shop", amqp.Config{Heartbeat: time.Minute})
	require.NoError(t, err)
	assert.Equal(t, 7*time.Second, conn.Config.Heartbeat)
	require.NoError(t, conn.Close())

	s = start(t, nil, "serve", "--config", path)
	conn, err = amqp.Dial("amqp://anna:s3cret@" + s.address + "/")
	require.NoError(t, err)
	require.NoError(t, conn.Close())

	code, out, _ := run(t, []string{"RABBITMQ_CONFIG_FILE=" + path}, "serve", "--print-config", "--heartbeat", "9s")
	assert.Zero(t, code)
	assert.Contains(t, out, "default_user = anna  # "+path+":1\n")
	assert.Contains(t, out, "heartbeat = 9  # --heartbeat\n")
	assert.NotContains(t, out, "s3cret")
}

// Without a word about files those of one folder are read.
func TestConfigurationFolder(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "conf.d"), 0o700))
	for name, text := range map[string]string{
		"rabbitmq.conf": "default_user = anna\n", "conf.d/10.conf": "default_pass = s3cret\n", "enabled_plugins": "[rabbitmq_prometheus].\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	s := start(t, []string{"RABBET_CONFIG_DIR=" + dir}, "--memory")
	conn, err := amqp.Dial("amqp://anna:s3cret@" + s.address)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	assert.NotContains(t, strings.Join(s.lines, "\n"), "Management plugin", "it is not among the plugins")
}

func TestWrongConfigurationFile(t *testing.T) {
	path := write(t, "x.conf", "# fine\nheartbeet = 7\nchannel_max = many\n")
	code, _, stderr := run(t, nil, "serve", "--config", path, "--port", "0")
	assert.Equal(t, 1, code)
	assert.Equal(t, "rabbet: "+path+":2: unknown key heartbeet: did you mean heartbeat? (and 1 more; rabbet config check lists them)\n", stderr)
	code, stdout, stderr := run(t, []string{"RABBITMQ_NODE_PORT=nonsense"}, "config", "check", path)
	assert.Equal(t, 1, code)
	assert.Equal(t, "fault: "+path+":2: unknown key heartbeet: did you mean heartbeat?\nfault: "+path+`:3: bad value of channel_max: "many" is no whole number`+"\n", stdout)
	assert.Equal(t, "rabbet: "+path+" has faults: 2\n", stderr)
	code, stdout, _ = run(t, nil, "config", "check", write(t, "y.conf", "heartbeat = 7\nraft.wal_max_entries = 1\n"))
	assert.Zero(t, code)
	assert.Equal(t, "note: keys without effect here: raft.wal_max_entries\nok\n", stdout)
}

func TestSeveralListeners(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "rabbet.sock")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	require.NoError(t, err)
	stale.SetUnlinkOnClose(false) // as of a process that was killed
	require.NoError(t, stale.Close())
	path := write(t, "x.conf", "listeners.tcp.1 = 127.0.0.1:0\nlisteners.tcp.2 = ::1:0\nlisteners.tcp.3 = local:"+socket+":0\n")
	cmd := command(t, nil, "serve", "--memory", "--config", path)
	s := follow(t, cmd)
	log := strings.Join(s.lines, "\n")
	assert.Equal(t, 3, strings.Count(log, "started TCP listener"))
	assert.Contains(t, s.lines[len(s.lines)-1], "Server startup complete")
	conn, err := amqp.Dial("amqp://guest:guest@" + s.address)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	conn, err = amqp.DialConfig("amqp://guest:guest@local/", amqp.Config{Dial: func(string, string) (net.Conn, error) { return net.Dial("unix", socket) }})
	require.NoError(t, err)
	require.NoError(t, conn.Close())

	code, _, stderr := run(t, nil, "serve", "--memory", "--listen", "unix:"+socket)
	assert.Equal(t, 1, code)
	assert.Equal(t, "rabbet: cannot listen on "+socket+": the address is in use, maybe by another broker\n", stderr)
	code, _, stderr = run(t, nil, "serve", "--memory", "--listen", "0", "--listen", s.address)
	assert.Equal(t, 1, code)
	assert.Equal(t, "rabbet: cannot listen on "+s.address+": the address is in use, maybe by another broker\n", stderr)
	code, _ = s.stop(t, syscall.SIGTERM)
	assert.Zero(t, code)
	assert.NoFileExists(t, socket)
}

func TestPIDAndLogFiles(t *testing.T) {
	dir := t.TempDir()
	pid, logFile := filepath.Join(dir, "pid"), filepath.Join(dir, "new", "rabbet.log")
	s := start(t, []string{"RABBITMQ_PID_FILE=" + pid}, "serve", "--memory", "--log-file", logFile)
	text, err := os.ReadFile(pid)
	require.NoError(t, err)
	assert.NotEmpty(t, text)
	code, _ := s.stop(t, syscall.SIGTERM)
	assert.Zero(t, code)
	assert.NoFileExists(t, pid)
	text, err = os.ReadFile(logFile)
	require.NoError(t, err)
	assert.Contains(t, string(text), "Server startup complete")
	assert.Contains(t, string(text), "Stopped")
}
