// Tests of the framework itself, against a broker that is a listener which
// never says a word: a script that fails is seen to fail.

package scripts

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

// silent is a runner whose broker accepts connections and says nothing.
func silent(t *testing.T, limit time.Duration) *Runner {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
		}
	}()
	r := &Runner{
		url: "amqp://" + listener.Addr().String() + "/", clock: delay.Real{},
		patience: 20 * time.Millisecond, limit: limit, version: V(3, 13, 7), run: "test",
	}
	return r
}

func TestOutcomes(t *testing.T) {
	for name, tc := range map[string]struct {
		script  Script
		outcome Outcome
		failure string
	}{
		"held":        {Script{Run: func(t *T) {}}, Held, ""},
		"errorf":      {Script{Run: func(t *T) { t.Errorf("bad %d", 1) }}, Differed, "bad 1"},
		"fatalf":      {Script{Run: func(t *T) { t.Fatalf("end"); panic("unreachable") }}, Differed, "end"},
		"equal":       {Script{Run: func(t *T) { t.Equal(1, 2, "n") }}, Differed, "n: expected 1, got 2"},
		"panic":       {Script{Run: func(t *T) { panic("oops") }}, Differed, "panic: oops"},
		"cleanup":     {Script{Run: func(t *T) { t.Cleanup(func() { t.Fatalf("late") }) }}, Differed, "late"},
		"not offered": {Script{Run: func(t *T) { t.NotOffered("no plugin") }}, NotOffered, "no plugin"},
		"too new":     {Script{Since: V(4, 0, 0)}, Inapplicable, "holds in RabbitMQ from 4.0.0, not in 3.13.7"},
		"too old":     {Script{Before: V(3, 13, 7)}, Inapplicable, "holds in RabbitMQ before 3.13.7, not in 3.13.7"},
		"wait":        {Script{Run: func(t *T) { t.WaitFor("it", func() bool { return false }) }}, Differed, "waited in vain for it"},
		"receive":     {Script{Run: func(t *T) { Receive(t, make(chan int), "an int") }}, Differed, "waited in vain for an int"},
	} {
		t.Run(name, func(t *testing.T) {
			result := silent(t, time.Minute).Run(t.Context(), tc.script)
			assert.Equal(t, tc.outcome.String(), result.Outcome.String())
			if tc.failure == "" {
				assert.Empty(t, result.Failures)
			} else if assert.Len(t, result.Failures, 1) {
				assert.Contains(t, result.Failures[0], tc.failure)
			}
		})
	}
}

func TestScriptThatHangsIsCutOff(t *testing.T) {
	r := silent(t, 50*time.Millisecond)
	r.patience = time.Minute
	result := r.Run(t.Context(), Script{Run: func(t *T) { t.Channel() }})
	assert.Equal(t, Differed, result.Outcome)
	assert.Contains(t, result.Failures, errLimit.Error())
}

func TestCleanupsRunLastFirst(t *testing.T) {
	var order []int
	silent(t, time.Minute).Run(t.Context(), Script{Run: func(t *T) {
		t.Cleanup(func() { order = append(order, 1) })
		t.Cleanup(func() { order = append(order, 2); t.FailNow() })
		t.FailNow()
	}})
	assert.Equal(t, []int{2, 1}, order)
}

func TestVersions(t *testing.T) {
	for text, want := range map[string]Version{
		"3.10.8": V(3, 10, 8), "3.13.7-rc.1": V(3, 13, 7), "4.1": V(4, 1, 0), "4.3.0+12": V(4, 3, 0),
	} {
		v, err := ParseVersion(text)
		assert.NoError(t, err)
		assert.Equal(t, want, v)
	}
	_, err := ParseVersion("none")
	assert.Error(t, err)
	assert.True(t, V(3, 13, 0).AtLeast(3, 10, 8))
	assert.False(t, V(3, 13, 0).AtLeast(4, 0, 0))
}

func TestReplyText(t *testing.T) {
	assert.Equal(t, "NOT_FOUND - no queue", ReplyText(404, "no queue"))
	assert.Equal(t, "INTERNAL_ERROR", ReplyText(541, ""))
	long := ReplyText(406, string(make([]byte, 300)))
	assert.Len(t, long, 255)
	assert.Equal(t, "...", long[252:])
}

func TestHooksThatAreMissing(t *testing.T) {
	for name, run := range map[string]func(*T){
		"this run has no way to restart the broker":          func(t *T) { t.Restart() },
		"this run has no way to kill and restart the broker": func(t *T) { t.Kill() },
		"this run has no way to raise an alarm":              func(t *T) { t.Alarm("disk") },
		"this run has no management API":                     func(t *T) { t.Policy(Policy{}) },
	} {
		result := silent(t, time.Minute).Run(t.Context(), Script{Alone: true, Run: run})
		assert.Equal(t, NotOffered, result.Outcome)
		assert.Equal(t, []string{name}, result.Failures)
	}
}

func TestNeedsQueueType(t *testing.T) {
	r, err := Connect(t.Context(), "amqp://guest:guest@"+startBroker(t, nil).address+"/", Options{})
	require.NoError(t, err)
	for kind, want := range map[string]string{
		"classic": "", "quorum": "",
		"stream": "",
		"odd":    "there are no odd queues: PRECONDITION_FAILED - invalid arg 'x-queue-type'",
	} {
		for range 2 { // it is asked, and then remembered
			result := r.Run(t.Context(), Script{Run: func(t *T) { t.NeedsQueueType(kind) }})
			if want == "" {
				assert.Equal(t, Held, result.Outcome, result.Failures)
			} else if assert.Equal(t, NotOffered, result.Outcome, kind) {
				assert.Contains(t, result.Failures[0], want)
			}
		}
	}
}
