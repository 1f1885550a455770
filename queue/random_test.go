package queue_test

// Random lives of a queue, step by step the same as the model's. A failure
// prints its seed; -queue.seed runs that one life again.

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/queue"
)

var seedFlag = flag.Uint64("queue.seed", 0, "the one seed of TestRandomLives; 0 is many")

func TestRandomLives(t *testing.T) {
	if *seedFlag != 0 {
		randomLife(t, *seedFlag)
		return
	}
	lives := 200
	if testing.Short() {
		lives = 30
	}
	for i := range lives {
		seed := uint64(i + 1)
		if i%2 == 1 { // half of them are new in every run
			seed = rand.Uint64()
		}
		if !t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { randomLife(t, seed) }) {
			return
		}
	}
}

// A life is a queue and the model of it, and who consumes from both.
type life struct {
	*bench
	m         *model
	rnd       *rand.Rand
	receivers map[string]*receiver
	models    map[string]*modelConsumer
	held      []held // what is out and unsettled
	names     int
	did       []string // the story so far
}

// A held is an item that a receiver, or a get, has.
type held struct {
	by string // "" is a get
	it queue.Item
}

func randomLife(t *testing.T, seed uint64) {
	l := newLife(t, seed)
	steps := []struct {
		weight int
		do     func()
	}{
		{30, l.publishSome}, {8, l.getOne}, {14, l.settleSome}, {4, l.rejectSome}, {12, l.requeueSome},
		{5, l.subscribeOne}, {3, l.unsubscribeOne}, {10, l.allowSome}, {1, l.purgeAll},
		{6, l.passTime}, {1, l.configureAnew},
	}
	total := 0
	for _, s := range steps {
		total += s.weight
	}
	for range 250 {
		n := l.rnd.IntN(total)
		for _, s := range steps {
			if n -= s.weight; n < 0 {
				s.do()
				break
			}
		}
		l.compare()
	}
	l.end()
}

func newLife(t *testing.T, seed uint64) *life {
	rnd := rand.New(rand.NewPCG(seed, 0))
	set := randomSettings(rnd)
	set.SingleActive = rnd.IntN(5) == 0
	cfg := queue.Config{Settings: &set}
	if rnd.IntN(3) == 0 {
		cfg.MaxPriority = uint8(1 + rnd.IntN(3))
	}
	if rnd.IntN(4) == 0 { // a plain queue
		cfg = queue.Config{}
		set = queue.Settings{MaxLength: -1, MaxBytes: -1}
	}
	b := newBench(t, cfg)
	return &life{
		bench: b, rnd: rnd, m: &model{levels: int(cfg.MaxPriority), set: set, now: b.clock.Now().UnixMicro()},
		receivers: map[string]*receiver{}, models: map[string]*modelConsumer{},
	}
}

func randomSettings(rnd *rand.Rand) queue.Settings {
	s := queue.Settings{MaxLength: -1, MaxBytes: -1, DeadLetter: rnd.IntN(2) == 0}
	if rnd.IntN(3) == 0 {
		s.MaxLength = int64(rnd.IntN(12))
	}
	if rnd.IntN(3) == 0 {
		s.MaxBytes = int64(rnd.IntN(100))
	}
	if rnd.IntN(3) == 0 {
		s.TTL = queue.Millis(int64(rnd.IntN(50)))
	}
	s.Overflow = queue.Overflow(rnd.IntN(3))
	return s
}

// note adds to the story that a failure tells.
func (l *life) note(format string, args ...any) { l.did = append(l.did, fmt.Sprintf(format, args...)) }

func (l *life) publishSome() {
	var msgs []*queue.Message
	for i := range 1 + l.rnd.IntN(6) {
		l.names++
		m := message(fmt.Sprintf("%d%s", l.names, strings.Repeat(".", l.rnd.IntN(10))))
		m.Priority = uint8(l.rnd.IntN(5))
		if l.rnd.IntN(4) == 0 {
			m.TTL = queue.Millis(int64(l.rnd.IntN(50)))
		}
		msgs = append(msgs, m)
		l.m.publish(i, m)
	}
	l.note("publish %d", len(msgs))
	require.True(l.t, l.Publish(msgs, &l.fx))
}

func (l *life) getOne() {
	noAck := l.rnd.IntN(3) == 0
	l.note("get, no-ack %t", noAck)
	body, left, ok := l.m.get(noAck)
	it, gotLeft, gotOK := l.Get(noAck, &l.fx)
	require.Equal(l.t, ok, gotOK)
	if ok {
		require.Equal(l.t, body, markOf(it))
		require.Equal(l.t, left, gotLeft)
		if !noAck {
			l.held = append(l.held, held{"", it})
		}
	}
}

// some takes a random part of what is out, in any order.
func (l *life) some() []queue.Item {
	l.rnd.Shuffle(len(l.held), func(i, j int) { l.held[i], l.held[j] = l.held[j], l.held[i] })
	n := l.rnd.IntN(len(l.held) + 1)
	var items []queue.Item
	for _, h := range l.held[:n] {
		items = append(items, h.it)
		if r := l.receivers[h.by]; r != nil { // credit, but no place in the turns yet
			r.credit++
			l.models[h.by].credit++
		}
	}
	l.held = slices.Delete(l.held, 0, n)
	return items
}

func (l *life) settleSome() {
	items := l.some()
	l.note("settle %d", len(items))
	l.m.unacked -= len(items)
	l.Settle(items, new(queue.Effects))
}

func (l *life) rejectSome() {
	items := l.some()
	l.note("reject %d", len(items))
	l.m.reject(bodiesOf(items))
	l.Reject(items, &l.fx)
}

func (l *life) requeueSome() {
	items := l.some()
	l.note("requeue %d", len(items))
	var back []modelItem
	for _, it := range items {
		back = append(back, modelItem{
			body: string(it.Msg.Body), seq: it.Seq, level: min(int(it.Msg.Priority), l.m.levels), deadline: it.Deadline,
		})
	}
	if len(back) > 0 {
		l.m.requeue(back)
	}
	l.Requeue(items, &l.fx)
}

func (l *life) subscribeOne() {
	l.names++
	name := fmt.Sprintf("c%d", l.names)
	c := &modelConsumer{
		name: name, priority: int64(l.rnd.IntN(3)), credit: l.rnd.IntN(8), noAck: l.rnd.IntN(4) == 0,
	}
	l.note("subscribe %+v", *c)
	l.models[name] = c
	credit := c.credit
	l.m.subscribe(c)
	l.receivers[name] = l.subscribe(name, credit, priority(c.priority), func(s *queue.Subscription) { s.NoAck = c.noAck })
}

// anyone is a random consumer's name, "" if there is none.
func (l *life) anyone() string {
	if len(l.m.subs) == 0 {
		return ""
	}
	return l.m.subs[l.rnd.IntN(len(l.m.subs))].name
}

func (l *life) unsubscribeOne() {
	if name := l.anyone(); name != "" {
		l.note("unsubscribe %s", name)
		l.m.unsubscribe(l.models[name])
		l.Unsubscribe(&l.receivers[name].Subscription, &l.fx)
		delete(l.receivers, name)
		delete(l.models, name)
	}
}

func (l *life) allowSome() {
	if name := l.anyone(); name != "" {
		n := l.rnd.IntN(5)
		l.note("allow %s %d", name, n)
		l.models[name].credit += n
		l.m.unpark(l.models[name])
		l.receivers[name].allow(n)
	}
}

func (l *life) purgeAll() {
	l.note("purge")
	require.Equal(l.t, l.m.purge(), l.Purge())
}

func (l *life) passTime() {
	d := int64(l.rnd.IntN(20))
	l.note("pass %d ms", d)
	l.m.now += d * 1000
	l.m.expire()
	l.clock.Advance(time.Duration(d) * time.Millisecond)
}

func (l *life) configureAnew() {
	s := randomSettings(l.rnd)
	s.SingleActive = l.m.set.SingleActive
	l.note("configure %+v", s)
	l.m.configure(s)
	l.Configure(&s, &l.fx)
}

func markOf(it queue.Item) string {
	return modelItem{body: string(it.Msg.Body), redelivered: it.Redelivered}.mark()
}

func bodiesOf(items []queue.Item) []string {
	var list []string
	for _, it := range items {
		list = append(list, string(it.Msg.Body))
	}
	return list
}

// compare checks that queue and model have done the same since the last time
// and have the same now.
func (l *life) compare() {
	l.clock.Advance(0) // a timer that is due at once fires by itself: wait for it
	var deliveries, dead, ready, want []string
	for _, d := range l.log {
		deliveries = append(deliveries, d.to+":"+markOf(d.it))
		if r := l.receivers[d.to]; r == nil || !r.NoAck {
			l.held = append(l.held, held{d.to, d.it})
		}
	}
	for _, d := range l.buried() {
		dead = append(dead, string(d.Reason)+":"+string(d.Item.Msg.Body))
	}
	for _, it := range l.Peek(0, 1<<20) {
		ready = append(ready, markOf(it))
	}
	for _, it := range l.m.ready {
		want = append(want, it.mark())
	}
	story := strings.Join(l.did, "; ")
	require.Equal(l.t, l.m.deliveries, deliveries, "deliveries: %s", story)
	require.Equal(l.t, want, ready, "ready: %s", story)
	require.Equal(l.t, l.m.dead, dead, "dead letters: %s", story)
	require.Equal(l.t, l.m.refused, l.fx.Refused, "refused: %s", story)
	require.Equal(l.t, l.m.counts(), l.Counts(), "counts: %s", story)
	require.Equal(l.t, len(l.held), l.m.unacked, story)
	bytes := int64(0)
	for _, it := range l.held {
		bytes += int64(len(it.it.Msg.Body))
	}
	require.Equal(l.t, bytes, l.Stats().UnackedBytes, story)
	l.log, l.fx.Refused = nil, nil
	l.m.deliveries, l.m.dead, l.m.refused = nil, nil, nil
}

// end deletes the queue, at times in vain.
func (l *life) end() {
	ifUnused, ifEmpty := l.rnd.IntN(2) == 0, l.rnd.IntN(2) == 0
	n, subs, err := l.Delete(ifUnused, ifEmpty)
	switch {
	case ifEmpty && len(l.m.ready) > 0:
		require.ErrorIs(l.t, err, queue.ErrNotEmpty)
		l.compare() // nothing has changed
		return
	case ifUnused && len(l.m.subs) > 0:
		require.ErrorIs(l.t, err, queue.ErrHasConsumer)
		l.compare()
		return
	}
	require.NoError(l.t, err)
	require.Equal(l.t, len(l.m.ready), n)
	require.Len(l.t, subs, len(l.m.subs))
	l.m.ready, l.m.subs = nil, nil
	l.compare()
	l.clock.Advance(time.Hour)
	l.outlive()
}

// outlive checks that a deleted queue takes everything and does
// nothing.
func (l *life) outlive() {
	require.False(l.t, l.Publish(messages(1), &l.fx))
	items := l.some()
	l.m.unacked -= len(items)
	l.Requeue(items, &l.fx)
	for _, r := range l.receivers {
		r.allow(1)
		l.Unsubscribe(&r.Subscription, &l.fx)
	}
	require.Zero(l.t, l.Purge())
	_, _, ok := l.Get(true, &l.fx)
	require.False(l.t, ok)
	_, _, err := l.Delete(false, false)
	require.ErrorIs(l.t, err, queue.ErrDeleted)
	l.compare()
}
