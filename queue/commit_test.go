package queue_test

// What a queue does while a commit of the store is under way.

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// stored makes a durable queue in a store of its own. Each commit takes two
// values of the channel returned, or its end: one when it is written, and one
// before anybody is told.
func stored(t *testing.T, cfg queue.Config) (*queue.Classic, chan struct{}) {
	gate := make(chan struct{})
	st, err := store.Open(t.TempDir(), store.Options{Sync: store.SyncNone, OnCommit: func(err error) {
		assert.NoError(t, err)
		<-gate
		<-gate
	}})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, st.Close()) })
	cfg.Durable = true
	cfg.Env = &queue.Env{
		Clock: delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)), Store: st, Perform: func(*queue.Effects) {},
	}
	return queue.New(cfg), gate
}

func persistent(body string) *queue.Message {
	return &queue.Message{Props: []byte{0, 0}, Body: []byte(body), Persistent: true}
}

func TestDeletedWhileItsMessagesAreCommitted(t *testing.T) {
	q, gate := stored(t, queue.Config{Name: "q", MaxPriority: 9})
	var fx queue.Effects
	m := persistent("x")
	m.Priority = 9
	require.True(t, q.Publish([]*queue.Message{m}, &fx))
	gate <- struct{}{} // it is written; the queue does not know yet
	_, _, err := q.Delete(false, false)
	require.NoError(t, err)
	close(gate)
}

// A publish that displaces more than is done under one hold of the lock is to be
// confirmed no sooner than any other.
func TestPublishThatDisplacesManyIsLogged(t *testing.T) {
	const n = 5000
	q, gate := stored(t, queue.Config{Name: "q", Settings: &queue.Settings{MaxLength: -1, MaxBytes: n}})
	close(gate)
	var fx queue.Effects
	for range n {
		require.True(t, q.Publish([]*queue.Message{persistent("x")}, &fx))
	}
	fx.Logged = false
	require.True(t, q.Publish([]*queue.Message{persistent(strings.Repeat("x", n))}, &fx))
	assert.Equal(t, 1, q.Counts().Ready)
	assert.True(t, fx.Logged)
}
