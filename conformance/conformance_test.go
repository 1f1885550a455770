// Runs every script against the broker at -url, or against Rabbet in process, in
// memory and with a store.

package conformance_test

import (
	"flag"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/conformance"
	"github.com/rabbetmq/rabbet/conformance/inprocess"
)

var (
	brokerURL  = flag.String("url", "", "AMQP URL of the broker to judge, such as amqp://guest:guest@127.0.0.1:5672/; Rabbet in process if empty")
	profile    = flag.String("profile", "", "version of RabbitMQ to judge it as; the one that it says it is if empty")
	management = flag.String("management", "", "URL of its management API, such as http://guest:guest@127.0.0.1:15672")
	restart    = flag.String("restart", "", "shell command that restarts it in order")
	kill       = flag.String("kill", "", "shell command that kills and restarts it")
	nodeLimit  = flag.String("node-limit", "", "shell command that limits the whole broker: the limit's name and a number or infinity are added to it")
	ackTimeout = flag.String("ack-timeout", "", "shell command that sets how long deliveries wait for their acknowledgement: milliseconds are added to it")
	alarm      = flag.String("alarm", "", "shell command that raises or clears an alarm: memory or disk, and on or off, are added to it")
)

func TestMain(m *testing.M) {
	// Most tests wait more than they work; -parallel overrides this.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	// The clock of the backtracking engine outlives a match by a second.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2/v2.runClock"))
}

func TestConformance(t *testing.T) {
	if *brokerURL != "" {
		o := conformance.Options{
			Retries: 2, Profile: *profile, Restart: conformance.Shell(*restart), Kill: conformance.Shell(*kill), Alarm: conformance.ShellAlarm(*alarm),
			AckTimeout: conformance.ShellAckTimeout(*ackTimeout), NodeLimit: conformance.ShellNodeLimit(*nodeLimit),
		}
		if *management != "" {
			var err error
			o.Admin, err = conformance.NewHTTPAdmin(*management)
			require.NoError(t, err)
		}
		conformance.Run(t, *brokerURL, o)
		return
	}
	for name, cfg := range map[string]inprocess.Config{
		"memory": {}, "durable": {Dir: t.TempDir()}, "watched": {Dir: t.TempDir(), Pipes: true, Tap: watch(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			judgeInProcess(t, cfg)
		})
	}
}

// watch is a tap that lets everything pass, now and then a little late, and
// checks that it is told of no message that it does not know.
func watch(t *testing.T) *tap.Tap {
	var last, calls atomic.Uint64
	return &tap.Tap{
		Decide: func(c *tap.Call) tap.Verdict {
			for _, queue := range c.Queues() {
				assert.NotEmpty(t, queue, "a queue of %s", c.Method)
			}
			if calls.Add(1)%8 == 0 {
				return tap.Verdict{Delay: 50 * time.Microsecond}
			}
			return tap.Verdict{}
		},
		Record: func(e tap.Event) uint64 {
			if e.Kind == tap.EventPublished {
				return last.Add(1)
			}
			assert.LessOrEqual(t, e.ID, last.Load(), "number of a publication")
			return 0
		},
	}
}

// What newer versions do in another way holds where Rabbet behaves as they do.
func TestConformanceOfProfiles(t *testing.T) {
	if *brokerURL != "" {
		t.Skip("another broker is judged")
	}
	for _, profile := range broker.Profiles()[1:] {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			judgeInProcess(t, inprocess.Config{Profile: profile})
		})
	}
}

// judgeInProcess judges Rabbet as it is started.
func judgeInProcess(t *testing.T, cfg inprocess.Config) {
	b, err := inprocess.Start(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	clean := contents(b)
	// A machine that stands still for seconds is no fault of the broker's.
	conformance.Run(t, b.URL(), b.Hooks(conformance.Options{Retries: 1}))
	assert.Eventually(t, func() bool { return slices.Equal(clean, contents(b)) }, 10*time.Second, 10*time.Millisecond,
		"the scripts leave something behind: of %v there was only %v", contents(b), clean)
}

// contents are the names of all exchanges, queues and connections.
func contents(b *inprocess.Broker) (names []string) {
	s := b.Snapshot()
	for _, v := range s.VHosts {
		if v.Name != "/" {
			continue // Rabbet has no way yet to delete one
		}
		for _, x := range v.Exchanges {
			names = append(names, "exchange "+x.Name)
		}
		for _, q := range v.Queues {
			names = append(names, "queue "+q.Name)
		}
	}
	for _, c := range s.Connections {
		names = append(names, "connection "+c.Name)
	}
	slices.Sort(names)
	return names
}
