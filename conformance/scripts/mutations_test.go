// The mutation check: the scripts can fail. Each mutation is one thing that a
// broker may do wrong, and names the script that has to notice; that script runs
// before the broken broker, where it must differ and say why, and before the
// same proxy without the fault, where it must hold.

package scripts

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/tap"
)

// mutation is a fault and the script that catches it.
type mutation struct {
	what   string
	script string
	shows  string // a regular expression for what the script then says
	faults faults
}

func allMutations() []mutation {
	return slices.Concat(publishMutations, deliveryMutations, settleMutations, topologyMutations,
		errorMutations, deathMutations, pluginMutations)
}

// expectCaught demands that a script differs, and says so in words that match. A
// fault often is that something does not come, so the script has little patience,
// and more of it only where it gave up on something else, on a busy machine.
func expectCaught(t *testing.T, shows string, run func(Options) Result) {
	words := regexp.MustCompile(shows)
	for patience := 500 * time.Millisecond; ; patience *= 4 {
		result := run(Options{Patience: patience, Limit: 10 * patience})
		t.Logf("%s: %.300q", result.Script.Name, result.Failures)
		if words.MatchString(strings.Join(result.Failures, "\n")) {
			assert.Equal(t, Differed.String(), result.Outcome.String(), "%s does not notice", result.Script.Name)
			return
		}
		require.Less(t, patience, 8*time.Second, "it does not say %s", shows)
	}
}

// scriptNamed is the script of this name.
func scriptNamed(t *testing.T, name string) Script {
	for _, s := range All() {
		if s.Name == name {
			return s
		}
	}
	require.Fail(t, "there is no script "+name)
	return Script{}
}

func TestMutationsAreCaught(t *testing.T) {
	shared, newer := startBroker(t, nil), startProfile(t, "4.3", nil)
	run := func(t *testing.T, script string, broken faults, o Options) Result {
		s, b := scriptNamed(t, script), shared
		switch {
		case s.Alone:
			b = startBroker(t, nil)
		case !s.AppliesTo(V(3, 13, 0)):
			b = newer
		}
		o.Alarm = b.alarm
		runner, err := Connect(t.Context(), "amqp://guest:guest@"+startMutant(t, b.address, broken)+"/", o)
		require.NoError(t, err)
		return runner.Run(t.Context(), s)
	}
	judges := map[string]bool{}
	for _, m := range allMutations() {
		judges[m.script] = true
		t.Run("broken/"+strings.ReplaceAll(m.what, " ", "-"), func(t *testing.T) {
			t.Parallel()
			expectCaught(t, m.shows, func(o Options) Result { return run(t, m.script, m.faults, o) })
		})
	}
	for script := range judges {
		t.Run("whole/"+script, func(t *testing.T) {
			t.Parallel()
			result := run(t, script, nil, Options{})
			assert.Equal(t, Held.String(), result.Outcome.String(), "%v", result.Failures)
		})
	}
}

// running is Rabbet, for the length of a test.
type running struct {
	*broker.Broker
	address string
}

func startBroker(t *testing.T, tap *tap.Tap) running { return startProfile(t, "", tap) }

// startProfile is startBroker for a version of RabbitMQ.
func startProfile(t *testing.T, profile string, tap *tap.Tap) running {
	b, err := broker.New(broker.Config{Tap: tap, Profile: profile})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	address, err := b.Listen("127.0.0.1:0")
	require.NoError(t, err)
	return running{b, address.String()}
}

func (b running) alarm(_ context.Context, resource string, on bool) error {
	b.SetAlarm(map[string]broker.Alarm{"memory": broker.MemoryAlarm, "disk": broker.DiskAlarm}[resource], on)
	return nil
}

func TestMutationsAreMany(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range allMutations() {
		assert.False(t, seen[m.what], "%s is there twice", m.what)
		seen[m.what] = true
		assert.NotEmpty(t, m.shows, m.what)
	}
	assert.GreaterOrEqual(t, len(seen), 40)
}
