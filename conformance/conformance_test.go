// Runs every script against the broker at -url, or against Rabbet in process, in
// memory and with a store.

package conformance_test

import (
	"context"
	"flag"
	"fmt"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/conformance"
	"github.com/rabbetmq/rabbet/conformance/inprocess"
)

var (
	brokerURL  = flag.String("url", "", "AMQP URL of the broker to judge, such as amqp://guest:guest@127.0.0.1:5672/; Rabbet in process if empty")
	management = flag.String("management", "", "URL of its management API, such as http://guest:guest@127.0.0.1:15672")
	restart    = flag.String("restart", "", "shell command that restarts it in order")
	kill       = flag.String("kill", "", "shell command that kills and restarts it")
	alarm      = flag.String("alarm", "", "shell command that raises or clears an alarm: memory or disk, and on or off, are added to it")
)

func TestMain(m *testing.M) {
	// Most scripts wait more than they work; -parallel overrides this.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

func TestConformance(t *testing.T) {
	if *brokerURL != "" {
		judge(t, *brokerURL, hooksOfFlags(t))
		return
	}
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		judgeInProcess(t, "")
	})
	t.Run("durable", func(t *testing.T) {
		t.Parallel()
		judgeInProcess(t, t.TempDir())
	})
}

func hooksOfFlags(t *testing.T) (o conformance.Options) {
	o.Restart, o.Kill = command(*restart), command(*kill)
	if *alarm != "" {
		o.Alarm = func(ctx context.Context, resource string, on bool) error {
			state := "off"
			if on {
				state = "on"
			}
			return command(*alarm + " " + resource + " " + state)(ctx)
		}
	}
	if *management != "" {
		var err error
		o.Admin, err = conformance.NewHTTPAdmin(*management)
		require.NoError(t, err)
	}
	return o
}

// command runs a shell command; nil for none.
func command(text string) func(context.Context) error {
	if text == "" {
		return nil
	}
	return func(ctx context.Context) error {
		out, err := exec.CommandContext(ctx, "sh", "-c", text).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", text, err, out)
		}
		return nil
	}
}

// judgeInProcess judges Rabbet with a store in a folder, or in memory.
func judgeInProcess(t *testing.T, dir string) {
	b, err := inprocess.Start(dir)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	judge(t, b.URL(), b.Hooks(conformance.Options{}))
}

// judge runs every script against the broker at a URL.
func judge(t *testing.T, url string, o conformance.Options) {
	runner, err := conformance.Connect(t.Context(), url, o)
	require.NoError(t, err)
	t.Logf("%s %s", runner.Product(), runner.Version())
	t.Run("all", func(t *testing.T) {
		for _, script := range conformance.All() {
			if !script.Alone {
				t.Run(script.Name, func(t *testing.T) {
					t.Parallel()
					judgeScript(t, runner, script)
				})
			}
		}
	})
	for _, script := range conformance.All() {
		if script.Alone {
			t.Run(script.Name, func(t *testing.T) { judgeScript(t, runner, script) })
		}
	}
}

func judgeScript(t *testing.T, runner *conformance.Runner, script conformance.Script) {
	result := runner.Run(t.Context(), script)
	for _, failure := range result.Failures {
		if result.Outcome != conformance.Differed {
			t.Skipf("%s: %s", result.Outcome, failure)
		}
		t.Errorf("%v: %s", script.Covers, failure)
	}
}
