package shovel_test

import (
	"encoding/json"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/broker/shovel"
	"github.com/rabbetmq/rabbet/delay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what goroutines do, in real time.
const patience = 20 * time.Second

// set sets a shovel, whose value is keys and values in turn.
func set(t *testing.T, b *broker.Broker, name string, pairs ...any) {
	t.Helper()
	require.NoError(t, vhost(t, b).SetParameter(shovel.Component, name, value(t, pairs...)))
}

func value(t *testing.T, pairs ...any) []byte {
	m := make(map[string]any)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	raw, err := json.Marshal(m)
	require.NoError(t, err)
	return raw
}

func vhost(t *testing.T, b *broker.Broker) *broker.VHost {
	v, err := b.VHost("")
	require.NoError(t, err)
	return v
}

// eventually waits for a condition.
func eventually(t *testing.T, condition func() bool, text string, args ...any) {
	t.Helper()
	require.Eventually(t, condition, patience, 2*time.Millisecond, append([]any{text}, args...)...)
}

// state waits for a state of a shovel.
func state(t *testing.T, m *shovel.Manager, name string, wanted shovel.State) shovel.Status {
	t.Helper()
	var st shovel.Status
	eventually(t, func() bool {
		st, _ = m.Shovel("/", name)
		return st.State == wanted
	}, "%s is not %s", name, wanted)
	return st
}

// start runs shovels of a broker until the test ends.
func start(t *testing.T, b *broker.Broker) *shovel.Manager {
	m := shovel.Start(b, shovel.Config{})
	t.Cleanup(m.Close)
	return m
}

// uri leads to a test's broker over TCP.
func uri(t *testing.T, mq *brokertest.Broker) string {
	u, err := url.Parse(mq.URL())
	require.NoError(t, err)
	u.Path, u.RawPath = "", ""
	return u.String()
}

func ready(t *testing.T, b *broker.Broker, queue string) int {
	c, err := vhost(t, b).Counts(queue)
	if err != nil {
		return -1
	}
	return c.Ready
}

// A logbook keeps what is logged.
type logbook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(p))
	return len(p), nil
}

// count is the number of lines that have a text.
func (l *logbook) count(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func startLogged(t *testing.T, b *broker.Broker) (*shovel.Manager, *logbook) {
	log := &logbook{}
	m := shovel.Start(b, shovel.Config{Logger: slog.New(slog.NewTextHandler(log, nil))})
	t.Cleanup(m.Close)
	return m, log
}

// benchValue is a shovel between two brokers over TCP that ends when all is moved.
func benchValue(b *testing.B, from, to *broker.Broker) []byte {
	raw, err := json.Marshal(map[string]any{
		"src-uri": from.URL(), "src-queue": "q", "dest-uri": to.URL(), "dest-queue": "q",
		"src-prefetch-count": benchPrefetch, "src-delete-after": b.N,
	})
	require.NoError(b, err)
	return raw
}

func waitABit() { delay.Throttle(time.Millisecond) }
