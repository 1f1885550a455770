package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/ledger"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/queue"
)

// published is a publish to the queue q.
func published(key string, body int) tap.Event {
	return tap.Event{
		Kind: tap.EventPublished, Msg: &queue.Message{Key: key, Body: make([]byte, body)}, VHost: "/", Queues: []string{"q"},
		Time: time.Unix(1, 0),
	}
}

func keys(l *ledger.Ledger) (keys []string) {
	for p := range l.All() {
		keys = append(keys, fmt.Sprint(p.ID, " ", p.Key))
	}
	return keys
}

func TestBoundOfPublications(t *testing.T) {
	l := ledger.New(ledger.Config{Publications: 2})
	record := l.Recorder()
	var numbers []uint64
	for _, key := range []string{"a", "b", "c"} {
		numbers = append(numbers, record(published(key, 1)))
	}
	assert.Equal(t, []string{"2 b", "3 c"}, keys(l))
	record(tap.Event{Kind: tap.EventAcked, ID: numbers[0], Queue: "q"}) // is not kept any more
	record(tap.Event{Kind: tap.EventGone, ID: numbers[1], Queue: "q", Reason: queue.Expired, Time: time.Unix(5, 0)})
	p, ok := l.Get(2)
	require.True(t, ok)
	assert.Equal(t, []ledger.Route{{Queue: "q", State: ledger.Expired, Changed: time.Unix(5, 0)}}, p.Routes)
	_, ok = l.Get(1)
	assert.False(t, ok)
	u := l.Usage()
	assert.Equal(t, uint64(1), u.Forgotten)
	assert.Equal(t, p.Change, u.Change)
	l.Clear()
	assert.Zero(t, l.Usage().Bytes)
}

// Memory is bounded by bytes too, of which bodies count what is kept of them.
func TestBoundOfBytes(t *testing.T) {
	l := ledger.New(ledger.Config{Bytes: 100_000})
	record := l.Recorder()
	for range 20 {
		record(published("k", 30_000))
	}
	assert.Len(t, keys(l), 3)
	assert.LessOrEqual(t, l.Usage().Bytes, 100_000)

	l = ledger.New(ledger.Config{Bytes: 100_000, Body: 10})
	record = l.Recorder()
	for range 20 {
		record(published("k", 30_000))
	}
	assert.Len(t, keys(l), 20)
	p, _ := l.Get(20)
	assert.Len(t, p.Body, 10)
	assert.Equal(t, 30_000, p.BodySize)
}

// A message that goes to and fro costs no more than its last deliveries.
func TestBoundOfDeliveries(t *testing.T) {
	l := ledger.New(ledger.Config{Deliveries: 3})
	record := l.Recorder()
	id := record(published("k", 1))
	for range 10 {
		record(tap.Event{Kind: tap.EventDelivered, ID: id, Queue: "q"})
		record(tap.Event{Kind: tap.EventRequeued, ID: id, Queue: "q"})
	}
	p, _ := l.Get(1)
	assert.Len(t, p.Routes[0].Deliveries, 3)
	assert.Equal(t, 7, p.Routes[0].Earlier)
	assert.Equal(t, ledger.Waiting, p.Routes[0].State)
}

// What is not wanted is not numbered, but for the dead letters of what is kept.
func TestWanted(t *testing.T) {
	l := ledger.New(ledger.Config{Wanted: func(e *tap.Event) bool { return e.Msg.Key == "yes" }})
	record := l.Recorder()
	assert.Zero(t, record(published("no", 1)))
	id := record(published("yes", 1))
	letter := published("dead", 1)
	letter.Of, letter.Queue, letter.Reason = id, "q", queue.Rejected
	assert.NotZero(t, record(letter))
	assert.Equal(t, []string{"1 yes", "2 dead"}, keys(l))
	p, _ := l.Get(1)
	assert.Equal(t, uint64(2), p.Routes[0].DeadLetter)
	p, _ = l.Get(2)
	assert.Equal(t, uint64(1), p.Of)
}

// Numbers that somebody else has given do as well.
func TestForeignNumbers(t *testing.T) {
	l := ledger.New(ledger.Config{})
	record := l.Recorder()
	e := published("k", 1)
	e.ID = 77
	assert.Equal(t, uint64(77), record(e))
	record(tap.Event{Kind: tap.EventGone, ID: 77, Queue: "q", Reason: queue.Purged})
	p, _ := l.Get(1)
	assert.Equal(t, ledger.Purged, p.Routes[0].State)
}

// Confirms find their publish, also where most publishes of the channel are not kept.
func TestConfirms(t *testing.T) {
	l := ledger.New(ledger.Config{Publications: 2})
	record := l.Recorder()
	peer := &tap.Peer{ID: 1}
	confirmed := func(from, to uint64) {
		record(tap.Event{Kind: tap.EventConfirmed, Peer: peer, Channel: 1, Seq: from, To: to, Time: time.Unix(9, 0)})
	}
	for _, seq := range []uint64{1, 1_000_000, 1_000_003} {
		e := published("k", 1)
		e.Peer, e.Channel, e.Seq = peer, 1, seq
		record(e)
		confirmed(seq, seq)
	}
	for p := range l.All() {
		assert.Equal(t, ledger.Confirmed, p.Confirm)
		assert.Equal(t, time.Unix(9, 0), p.Told)
	}
}

// A recorder from before is not listened to any more.
func TestRecorderReplaced(t *testing.T) {
	l := ledger.New(ledger.Config{})
	old := l.Recorder()
	now := l.Recorder()
	assert.Zero(t, old(published("old", 1)))
	assert.NotZero(t, now(published("new", 1)))
	l.Dismiss()
	assert.Zero(t, now(published("late", 1)))
	assert.Equal(t, []string{"1 new"}, keys(l))
}
