// rabbet conformance, as its users meet it.

package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/progressbar"
	"github.com/rabbetmq/rabbet/conformance"
)

func TestConformanceOfRabbetItself(t *testing.T) {
	code, out, errs := run(t, nil, "conformance", "--run", "^(get|restart)/")
	assert.Zero(t, code, out+errs)
	assert.Empty(t, errs, "progress is for terminals")
	assert.Contains(t, out, "Rabbet at amqp://127.0.0.1:")
	assert.Regexp(t, `\d+ scripts in .*: \d+ held, 0 differed, 0 not offered, 0 for other versions\n$`, out)
}

func TestConformanceOfAnother(t *testing.T) {
	s := start(t, nil, "--memory")
	url := "amqp://guest:guest@" + s.address + "/"
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }

	// One script differs: the broker is not what it is said to be.
	code, out, errs := run(t, nil, "conformance", "--url", url, "--run", "^exchange/unknown-type$", "--profile", "3.10")
	assert.Equal(t, 1, code)
	assert.Equal(t, "rabbet: 1 of 1 scripts differ\n", errs)
	for _, part := range []string{"DIFFERS: exchange/unknown-type\n  EXCH-7: An unknown type is refused", "unknown exchange type", " -> ch 1 exchange.declare", "<- ch 1 channel.close ReplyCode=406", "judged as RabbitMQ 3.10.25"} {
		assert.Contains(t, out, part)
	}
	assert.NotContains(t, out, "guest", "no report shows the login")

	// A script without the means that it needs.
	code, out, errs = run(t, nil, "conformance", "--url", url, "--run", "^restart/killed$")
	assert.Equal(t, 1, code)
	assert.Equal(t, "rabbet: no script applies, so nothing is shown\n", errs)
	assert.Contains(t, out, "NOT OFFERED:\n  restart/killed (PERSIST-7, PERSIST-10): this run has no way to restart the broker\n")

	code, out, errs = run(t, nil, "conformance", "--url", url, "--run", "^get/", "--format", "json", "--output", path("one.json"), "--name", "One")
	assert.Zero(t, code, errs)
	assert.Contains(t, out, "One at amqp://"+s.address+"/")
	f, err := os.Open(path("one.json"))
	require.NoError(t, err)
	defer f.Close()
	report, err := conformance.ReadReport(f)
	require.NoError(t, err)
	assert.Equal(t, "One", report.Name)

	_, out, _ = run(t, nil, "conformance", "--url", url, "--run", "^get/", "--format", "junit")
	assert.NoError(t, xml.Unmarshal([]byte(out), new(struct{})))
	_, out, _ = run(t, nil, "conformance", "--url", url, "--run", "^get/", "--format", "markdown")
	assert.True(t, strings.HasPrefix(out, "# Conformance of RabbitMQ 3.13.7\n"), out)

	code, out, errs = run(t, nil, "conformance", "--matrix", path("one.json"), path("one.json"))
	assert.Zero(t, code, errs)
	assert.Contains(t, out, "| | One | One |\n")
	code, _, errs = run(t, nil, "conformance", "--matrix", path("two.json"))
	assert.Equal(t, 1, code, errs)

	code, _, errs = run(t, nil, "conformance", "--url", url, "--timeout", "1ms")
	assert.Equal(t, 1, code)
	assert.NotEmpty(t, errs)
}

func TestConformanceList(t *testing.T) {
	code, out, _ := run(t, nil, "conformance", "--list", "--run", "BASIC-51")
	assert.Zero(t, code)
	assert.Contains(t, out, "get/count  BASIC-51\n")
	_, out, _ = run(t, nil, "conformance", "--list")
	assert.Contains(t, out, "restart/killed  PERSIST-7 PERSIST-10  alone\n")
	assert.Contains(t, out, "connection/protocol-header-of-0-8  CONN-3  before 4.0.0\n")
}

func TestConformanceAskedWrongly(t *testing.T) {
	for _, args := range [][]string{
		{"--run", "("}, {"--profile", "2"}, {"--format", "pdf"}, {"a.json"}, {"--matrix"}, {"--parallel", "0"}, {"--nonsense"},
		{"--management", "http://127.0.0.1:1/"}, {"--restart", "true"}, {"--url", "amqp://127.0.0.1:1/", "--management", "nowhere"},
	} {
		code, out, errs := run(t, nil, append([]string{"conformance"}, args...)...)
		assert.Equal(t, 2, code, args)
		assert.Empty(t, out)
		assert.Equal(t, 1, strings.Count(errs, "\n"), errs)
	}
	code, _, errs := run(t, nil, "conformance", "--url", "amqp://127.0.0.1:1/")
	assert.Equal(t, 1, code)
	assert.Contains(t, errs, "connection refused")
}

func TestConformanceProgress(t *testing.T) {
	var b bytes.Buffer
	p := &progress{Bar: progressbar.Show(&b, 3), count: make([]int, 4)}
	result := func(name string, o conformance.Outcome) conformance.Result {
		return conformance.Result{Script: conformance.Script{Name: name, Covers: []string{"ERR-1"}}, Outcome: o}
	}
	p.ended(result("a/b", conformance.Held))
	p.ended(result("c/d", conformance.Differed))
	p.Clear()
	assert.Contains(t, b.String(), "differs: c/d [ERR-1]\n")
	assert.Contains(t, b.String(), "1 held, 0 differed")
}

// A report that cannot be written is said to be so.
func TestConformanceOutputThatFails(t *testing.T) {
	j := &judgement{output: filepath.Join(t.TempDir(), "missing", "report")}
	err := j.write(console{}, nil, nil)
	assert.True(t, errors.Is(err, os.ErrNotExist))
}
