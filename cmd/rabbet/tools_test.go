package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

// A toolbox is a running broker and the tools that reach it.
type toolbox struct {
	t   *testing.T
	dir string // of the links
	env []string
	*server
}

// newToolbox starts a broker, with a data folder unless it is to keep all in memory.
func newToolbox(t *testing.T, args ...string) *toolbox {
	return newToolboxWith(t, "[rabbitmq_management].", args...)
}

// newToolboxWith is newToolbox with a list of plugins.
func newToolboxWith(t *testing.T, enabled string, args ...string) *toolbox {
	b := &toolbox{t: t, dir: t.TempDir()}
	for _, name := range []string{"rabbitmqctl", "rabbitmq-diagnostics", "rabbitmq-plugins", "rabbitmq-queues", "rabbitmq-streams", "rabbitmq-upgrade"} {
		require.NoError(t, os.Symlink(binary, filepath.Join(b.dir, name)))
	}
	plugins := filepath.Join(b.dir, "enabled_plugins")
	require.NoError(t, os.WriteFile(plugins, []byte(enabled+"\n"), 0o600))
	b.env = []string{"XDG_DATA_HOME=" + t.TempDir(), "XDG_RUNTIME_DIR=" + t.TempDir(), "RABBITMQ_ENABLED_PLUGINS_FILE=" + plugins, "RABBITMQ_NODENAME=tools@localhost"}
	b.server = start(t, b.env, append([]string{"serve", "--management", "0"}, args...)...)
	return b
}

// run runs a tool.
func (b *toolbox) run(words ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	cmd := exec.Command(filepath.Join(b.dir, words[0]), words[1:]...)
	cmd.Env = append([]string{"GOCOVERDIR=" + b.t.TempDir()}, b.env...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		require.IsType(b.t, &exec.ExitError{}, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// Without links the tools are commands of rabbet ctl.
func TestToolsAsCommands(t *testing.T) {
	b := newToolbox(t)
	require.NoError(t, os.Symlink(binary, filepath.Join(b.dir, "rabbet")))
	for _, words := range [][]string{
		{"rabbitmqctl", "list_vhosts", "name", "--formatter", "json"},
		{"rabbitmq-diagnostics", "-q", "ping"},
		{"rabbitmq-plugins", "is_enabled", "rabbitmq_management"},
		{"rabbitmqctl", "no_such_command"},
		{"rabbitmqctl", "--help"},
	} {
		code, stdout, stderr := b.run(words...)
		as, asOut, asErr := b.run(append([]string{"rabbet", "ctl"}, words...)...)
		assert.Equal(t, []any{code, stdout, stderr}, []any{as, asOut, asErr}, "%q", words)
		if words[0] == "rabbitmqctl" {
			as, asOut, asErr = b.run(append([]string{"rabbet", "ctl"}, words[1:]...)...)
			assert.Equal(t, []any{code, stdout, stderr}, []any{as, asOut, asErr}, "%q", words)
		}
	}
}

// A transcript is one command of testdata/tools.txt and what RabbitMQ's tool made of it.
type transcript struct {
	words    []string
	compared bool
	out, err []string
	code     int
}

func readTranscripts(t *testing.T, name string) (list []transcript) {
	text, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	for _, block := range strings.Split(string(text), "### ")[1:] {
		lines := strings.Split(strings.TrimRight(block, "\n"), "\n")
		c := transcript{words: strings.Fields(lines[0]), compared: true}
		for _, line := range lines[1:] {
			switch {
			case line == "~":
				c.compared = false
			case strings.HasPrefix(line, "1> "):
				c.out = append(c.out, line[3:])
			case strings.HasPrefix(line, "2> "):
				c.err = append(c.err, line[3:])
			case strings.HasPrefix(line, "= "):
				c.code, err = strconv.Atoi(line[2:])
				require.NoError(t, err)
			}
		}
		list = append(list, c)
	}
	return list
}

// readDifferences are the commands that differ from RabbitMQ's on purpose, with the reasons.
func readDifferences(t *testing.T) map[string]string {
	text, err := os.ReadFile("testdata/tools-differences.txt")
	require.NoError(t, err)
	list := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if command, reason, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && !strings.HasPrefix(line, "#") {
			list[command] = reason
		}
	}
	return list
}

var (
	escapes  = regexp.MustCompile(`\x1b\[[0-9;]*m`)
	drawing  = regexp.MustCompile(`\x1b\(0(.*?)\x1b\(B`)
	versions = regexp.MustCompile(`\b3\.1[03]\.\d+\b`)
	boxes    = strings.NewReplacer("l", "┌", "q", "─", "w", "┬", "k", "┐", "x", "│", "t", "├", "n", "┼", "u", "┤", "m", "└", "v", "┴", "j", "┘")
)

// linesOf are the lines of an output without what must differ: the node's name, the
// version, escape sequences of a terminal.
func linesOf(output, node string, words []string) []string {
	output = strings.ReplaceAll(output, node, "NODE")
	output = versions.ReplaceAllString(escapes.ReplaceAllString(output, ""), "VERSION")
	output = drawing.ReplaceAllStringFunc(output, func(s string) string { return boxes.Replace(s[3 : len(s)-3]) })
	if output == "" {
		return nil
	}
	return inOrder(strings.Split(strings.TrimSuffix(output, "\n"), "\n"), words)
}

// inOrder sorts lists: RabbitMQ lists objects in no order.
func inOrder(lines, words []string) []string {
	for i, line := range lines {
		lines[i] = versions.ReplaceAllString(strings.TrimPrefix(line, ","), "VERSION")
	}
	if slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "list_") }) {
		slices.Sort(lines)
	}
	return lines
}

// compare compares what a command has printed with what it should have.
func compare(t *testing.T, c *transcript, differs string, code int, out, err []string) {
	name := strings.Join(c.words, " ")
	want := []any{c.code, inOrder(c.out, c.words), inOrder(c.err, c.words)}
	if got := []any{code, out, err}; differs == "" {
		assert.Equal(t, want, got, name)
	} else {
		assert.NotEqual(t, want, got, "%s does not differ any more: take it out of testdata/tools-differences.txt", name)
	}
}

func TestToolsPrintWhatRabbitMQsDo(t *testing.T) {
	differences := readDifferences(t)
	for name, plugins := range map[string]string{
		"tools.txt": "[rabbitmq_management].", "tools-more.txt": "[rabbitmq_management].", "tools-plugins.txt": "[].",
	} {
		t.Run(name, func(t *testing.T) {
			b := newToolboxWith(t, plugins)
			for _, c := range readTranscripts(t, name) {
				code, stdout, stderr := b.run(slices.DeleteFunc(slices.Clone(c.words), func(w string) bool { return w == "" })...)
				if c.compared {
					compare(t, &c, differences[strings.Join(c.words, " ")], code,
						linesOf(stdout, "tools@localhost", c.words), linesOf(stderr, "tools@localhost", c.words))
				}
			}
			code, _ := b.stop(t, syscall.SIGTERM)
			assert.Zero(t, code)
		})
	}
}

// The socket is for the broker's user alone, and a broker without a data folder has one too.
func TestControlSocketIsPrivate(t *testing.T) {
	for _, args := range [][]string{nil, {"--memory"}} {
		b := newToolbox(t, args...)
		found := 0
		for _, v := range b.env[:2] {
			_, dir, _ := strings.Cut(v, "=")
			require.NoError(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
				require.NoError(t, err)
				if info.Mode()&os.ModeSocket != 0 {
					found++
					assert.EqualValues(t, 0o600, info.Mode().Perm(), path)
				}
				return nil
			}))
		}
		assert.Equal(t, 1, found, args)
		code, stdout, stderr := b.run("rabbitmq-diagnostics", "-q", "ping")
		assert.Equal(t, []any{0, "Ping succeeded\n", ""}, []any{code, stdout, stderr})
		code, _, stderr = b.run("rabbitmq-diagnostics", "-n", "rabbit@elsewhere", "ping")
		assert.Equal(t, 69, code)
		assert.Contains(t, stderr, "rabbit@elsewhere")
		b.stop(t, syscall.SIGTERM)
		code, _, _ = b.run("rabbitmq-diagnostics", "-q", "ping")
		assert.Equal(t, 69, code, "nobody answers any more")
	}
}

// No tool works for another user of the machine: not for one who has a copy of the binary,
// and not if he knows where the socket is.
func TestOtherUserCannotUseTheSocket(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("it takes root to be somebody else")
	}
	b := newToolbox(t)
	dir, err := os.MkdirTemp("", "other")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Chmod(dir, 0o755))
	tool := filepath.Join(dir, "rabbitmqctl")
	data, err := os.ReadFile(binary)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(tool, data, 0o755))
	list := func(user uint32) (int, string) {
		cmd := exec.Command(tool, "list_users")
		cmd.Env = b.env
		cmd.SysProcAttr = asUser(user)
		out, err := cmd.CombinedOutput()
		if err != nil {
			require.IsType(t, &exec.ExitError{}, err)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}
	code, out := list(0)
	assert.Zero(t, code, out)
	code, out = list(65534)
	assert.Equal(t, 69, code)
	assert.NotContains(t, out, "guest")
}

// CI scripts wipe everything with stop_app, reset and start_app.
func TestWipeEverything(t *testing.T) {
	b := newToolbox(t)
	steps := [][]string{{"add_user", "u", "p"}, {"add_vhost", "v"}, {"stop_app"}, {"reset"}, {"start_app"}}
	for _, words := range steps {
		code, _, stderr := b.run(append([]string{"rabbitmqctl"}, words...)...)
		require.Zero(t, code, "%s: %s", words, stderr)
	}
	_, stdout, _ := b.run("rabbitmqctl", "-q", "list_users")
	assert.Equal(t, "user\ttags\nguest\t[administrator]\n", stdout)
	_, stdout, _ = b.run("rabbitmqctl", "-q", "list_vhosts")
	assert.Equal(t, "name\n/\n", stdout)
	code, _, _ := b.run("rabbitmqctl", "stop")
	assert.Zero(t, code)
	assert.NoError(t, b.cmd.Wait())
}

// A health check costs next to nothing.
func TestPingIsQuick(t *testing.T) {
	b := newToolbox(t)
	best := int64(1 << 62)
	for range 10 {
		began := delay.Real{}.Now()
		code, _, _ := b.run("rabbitmq-diagnostics", "-q", "ping")
		require.Zero(t, code)
		best = min(best, delay.Real{}.Now().Sub(began).Microseconds())
	}
	t.Logf("the quickest of ten pings took %d µs, process and all", best)
	assert.Less(t, best, int64(1_000_000), "20 ms is the aim, of a machine that has time")
}

// The lines that test libraries wait for are data: a change of the log shows here.
func TestLogSatisfiesWaitStrategies(t *testing.T) {
	b := newToolbox(t)
	log := strings.Join(b.lines, "\n")
	for library, pattern := range map[string]string{
		"testcontainers for Go":      `.*Server startup complete.*`,
		"testcontainers for Java":    `.*Server startup complete.*`,
		"testcontainers for Node":    `Server startup complete`,
		"testcontainers for .NET":    `Server startup complete`,
		"scripts that wait for HTTP": `Management plugin: HTTP \(non-TLS\) listener started on port \d+|listener is not started: port \d+ is in use`,
		"scripts that wait for AMQP": `started TCP listener on .*:\d+`,
	} {
		assert.Regexp(t, regexp.MustCompile(pattern), log, library)
	}
}
