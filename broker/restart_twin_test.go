package broker_test

// Two brokers do the same, with queues of all arguments and policies at random. One has
// a store and is restarted or killed now and then, the other loses its clients at
// that moment and nothing else. They must not differ: not in what is where, in which
// order, with which headers, and not in what expires, is refused or dead-lettered
// later. What a restart does change (PERSIST-5, PERSIST-6) is allowed for.

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

var twinSeed = flag.Uint64("twin.seed", 0, "the one seed of TestRestartTwins; 0 takes new ones")

// A twin is one of the brokers, with its clock and its client.
type twin struct {
	broker *broker.Broker
	clock  *delay.Manual
	ch     *amqp091.Channel
	out    []amqp091.Delivery
}

// connect takes the place of a client that is gone.
func (w *twin) connect(t *testing.T) {
	w.ch, w.out = channel(t, w.broker), nil
}

// twins are both, and the program that they run.
type twins struct {
	t     *testing.T
	r     *rand.Rand
	house *house
	names []string
	args  map[string]map[string]any
	last  int
	seen  map[string]bool // by queue and message: there at a crash

	stored, plain twin
}

const twinQueues = 6

// graves are where dead letters go, of several queues: in which order is not said.
var graves = []string{"grave-a", "grave-b"}

func newTwins(t *testing.T, seed uint64) *twins {
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	w := &twins{t: t, r: rand.New(rand.NewPCG(seed, 3)), args: make(map[string]map[string]any), seen: make(map[string]bool)}
	w.stored.clock, w.plain.clock = delay.NewManual(start), delay.NewManual(start)
	w.house = newHouse(t, w.stored.clock)
	w.stored.broker = w.house.Broker
	var err error
	w.plain.broker, err = broker.New(broker.Config{Clock: w.plain.clock, PeerClock: delay.Real{}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.plain.broker.Close()) })
	w.both(func(b *twin) { b.connect(t) })
	w.both(func(b *twin) {
		for _, name := range graves {
			declareDurable(t, vhost(t, b.broker), name, nil)
		}
	})
	for i := range twinQueues {
		w.declare(fmt.Sprint("queue-", i), w.arguments(graves[i%len(graves)]))
	}
	return w
}

func (w *twins) both(do func(b *twin)) {
	do(&w.stored)
	do(&w.plain)
}

// chance is true once in n times.
func (w *twins) chance(n int) bool { return w.r.IntN(n) == 0 }

// arguments are arguments at random of a queue whose dead letters go to another.
func (w *twins) arguments(grave string) map[string]any {
	args := make(map[string]any)
	maybe := func(n int, key string, value any) {
		if w.chance(n) {
			args[key] = value
		}
	}
	if !w.chance(4) {
		args["x-dead-letter-exchange"], args["x-dead-letter-routing-key"] = "", grave
	}
	maybe(2, "x-message-ttl", 200+w.r.IntN(3000))
	maybe(4, "x-expires", 1_000_000_000)
	maybe(3, "x-max-length", 5+w.r.IntN(60))
	maybe(4, "x-max-length-bytes", 200+w.r.IntN(20_000))
	overflow := []string{"drop-head", "reject-publish", "reject-publish-dlx"}
	maybe(5, "x-unknown", []any{"of", int32(3), map[string]any{"é": nil}})
	if w.chance(3) {
		args["x-queue-type"] = "quorum"
		maybe(3, "x-overflow", overflow[w.r.IntN(2)])
		maybe(3, "x-dead-letter-strategy", "at-most-once")
		maybe(3, "x-max-in-memory-length", 5)
		return args
	}
	maybe(3, "x-overflow", overflow[w.r.IntN(3)])
	maybe(3, "x-max-priority", 1+w.r.IntN(9))
	maybe(3, "x-queue-mode", "lazy")
	maybe(3, "x-single-active-consumer", true) // a quorum queue has no basic.get then
	maybe(4, "x-queue-version", 1+w.r.IntN(2))
	return args
}

func (w *twins) declare(name string, args map[string]any) {
	w.names, w.args[name] = append(w.names, name), args
	w.both(func(b *twin) {
		v := vhost(w.t, b.broker)
		declareDurable(w.t, v, name, args)
		require.NoError(w.t, v.Bind(broker.Binding{Source: "amq.headers", Destination: name, Key: "é",
			Args: map[string]any{"x-match": "any", "to": name, "n": 5}}))
	})
}

// publish publishes to some queue, one way or another.
func (w *twins) publish() {
	w.last++
	headers := amqp.Table{{Key: "id", Value: int64(w.last)}}
	p := amqp.Properties{Flags: amqp.HasDeliveryMode | amqp.HasHeaders | amqp.HasMessageID, DeliveryMode: 2, MessageID: strconv.Itoa(w.last)}
	to := w.names[w.r.IntN(len(w.names))]
	exchange, key := "", to
	switch w.r.IntN(6) {
	case 1:
		exchange, key = "amq.headers", "any"
		headers = append(headers, amqp.Field{Key: "to", Value: to})
	case 2:
		headers = append(headers, amqp.Field{Key: "BCC", Value: amqp.Array{w.names[w.r.IntN(len(w.names))]}})
	}
	if w.chance(3) {
		p.Flags |= amqp.HasPriority
		p.Priority = uint8(w.r.IntN(12))
	}
	if w.chance(3) {
		p.Flags |= amqp.HasExpiration
		p.Expiration = strconv.Itoa(w.r.IntN(4000))
	}
	p.Headers = headers
	m := broker.Message{Properties: p, Body: make([]byte, w.r.IntN(200))}
	if w.chance(30) {
		m.Body = make([]byte, 40_000)
	}
	w.both(func(b *twin) {
		_, err := vhost(w.t, b.broker).Publish(exchange, key, m)
		require.NoError(w.t, err)
	})
}

// get takes messages out of a queue. Those of a quorum queue do not come back: what
// has come back once has another place in it after a restart.
func (w *twins) get() {
	name, n := w.names[w.r.IntN(len(w.names))], 1+w.r.IntN(20)
	reject := w.chance(2)
	w.both(func(b *twin) {
		list := get(w.t, b.ch, name, n)
		if w.args[name]["x-queue-type"] == nil {
			b.out = append(b.out, list...)
			return
		}
		for _, d := range list {
			if reject {
				require.NoError(w.t, d.Reject(false))
			} else {
				require.NoError(w.t, d.Ack(false))
			}
		}
		w.sync(b)
	})
	require.Len(w.t, w.stored.out, len(w.plain.out), name)
}

// sync waits until the broker has done what its client said.
func (w *twins) sync(b *twin) {
	_, err := b.ch.QueueDeclarePassive(w.names[0], true, false, false, false, nil)
	require.NoError(w.t, err)
}

// settle does something to some that are out.
func (w *twins) settle() {
	n := len(w.plain.out)
	if n == 0 {
		return
	}
	i, how := w.r.IntN(n), w.r.IntN(4)
	multiple := w.chance(4)
	w.both(func(b *twin) {
		d := b.out[i]
		var err error
		switch how {
		case 0, 1:
			err = d.Ack(multiple)
		default:
			err = d.Nack(multiple, how == 2)
		}
		require.NoError(w.t, err)
		if multiple {
			b.out = b.out[i+1:]
		} else {
			b.out = slices.Delete(b.out, i, i+1)
		}
		w.sync(b)
	})
}

// policy sets or removes a policy.
func (w *twins) policy() {
	name, operator := fmt.Sprint("policy-", w.r.IntN(3)), w.chance(3)
	if w.chance(3) {
		w.both(func(b *twin) {
			if v := vhost(w.t, b.broker); operator {
				v.DeleteOperatorPolicy(name)
			} else {
				v.DeletePolicy(name)
			}
		})
		return
	}
	def := make(map[string]any)
	for _, entry := range []struct {
		key      string
		value    any
		operator bool
	}{
		{"message-ttl", 500 + w.r.IntN(3000), true}, {"max-length", 3 + w.r.IntN(40), true}, {"expires", 900_000_000, true},
		{"max-length-bytes", 500 + w.r.IntN(5000), true}, {"overflow", "reject-publish", true},
		{"dead-letter-exchange", "", false}, {"dead-letter-routing-key", graves[w.r.IntN(len(graves))], false},
		{"queue-mode", "lazy", false}, {"alternate-exchange", "amq.fanout", false}, {"consumer-timeout", 1_000_000_000, false},
	} {
		if w.chance(5) && (entry.operator || !operator) {
			def[entry.key] = entry.value
		}
	}
	if len(def) == 0 {
		return
	}
	p := broker.Policy{
		Name: name, Pattern: []string{"^q", "queue-[0-2]$", "-[3-9]", "2|ü"}[w.r.IntN(4)], Definition: def, Priority: w.r.IntN(4),
		ApplyTo: []string{"", "queues", "classic_queues", "quorum_queues", "exchanges"}[w.r.IntN(5)],
	}
	w.both(func(b *twin) {
		v := vhost(w.t, b.broker)
		if operator {
			require.NoError(w.t, v.SetOperatorPolicy(p))
		} else {
			require.NoError(w.t, v.SetPolicy(p))
		}
	})
}

// again restarts the one with a store. No time passes: what is due while no broker
// runs dies later, and maybe in another order.
func (w *twins) again() {
	crash := w.chance(2)
	if crash {
		w.house.crash()
	} else {
		w.house.restart()
	}
	w.stored.broker = w.house.Broker
	require.NoError(w.t, w.plain.ch.Close())
	if crash {
		for _, name := range append(graves, w.names...) {
			for _, m := range w.peek(&w.plain, name) {
				w.seen[name+"/"+m.Properties.MessageID] = true
			}
		}
	}
	w.both(func(b *twin) { b.connect(w.t) })
	for _, name := range w.names { // declared as before (QUEUE-9)
		w.both(func(b *twin) { declareDurable(w.t, vhost(w.t, b.broker), name, w.args[name]) })
	}
}

func (w *twins) peek(b *twin, name string) []broker.Message {
	list, err := vhost(w.t, b.broker).Peek(name, 10_000)
	require.NoError(w.t, err)
	return list
}

// deathTime is when a message has died: one that was paged out dies a little later.
var deathTime = regexp.MustCompile(`{Key:time Value:\d+}`)

// contents are all messages by queue, as text.
func (w *twins) contents(b *twin) map[string][]string {
	all := make(map[string][]string)
	for _, name := range append(graves, w.names...) {
		counts, err := vhost(w.t, b.broker).Counts(name)
		require.NoError(w.t, err)
		all[name] = []string{fmt.Sprintf("%+v", counts)}
		for _, m := range w.peek(b, name) {
			id := m.Properties.MessageID
			p := m.Properties
			p.Headers = slices.DeleteFunc(slices.Clone(p.Headers), func(f amqp.Field) bool { return f.Key == "x-delivery-count" })
			redelivered := m.Redelivered || w.seen[name+"/"+id]
			text := fmt.Sprintf("%s by %q %q redelivered %t, %d bytes, %+v", id, m.Exchange, m.Key, redelivered, len(m.Body), p)
			all[name] = append(all[name], deathTime.ReplaceAllString(text, "{Key:time}"))
		}
	}
	for _, name := range graves {
		slices.Sort(all[name])
	}
	return all
}

// compare requires that both have the same, or soon will.
func (w *twins) compare(step int, what string) {
	w.t.Helper()
	limit := (delay.Real{}).Now().Add(patience)
	for {
		a, b := w.contents(&w.stored), w.contents(&w.plain)
		if maps.EqualFunc(a, b, slices.Equal) {
			return
		}
		if now := (delay.Real{}).Now(); now.After(limit) {
			for _, name := range slices.Sorted(maps.Keys(b)) {
				require.Equal(w.t, b[name], a[name], "step %d, after %s: %s, %v", step, what, name, w.args[name])
			}
		}
		delay.Throttle(time.Millisecond)
	}
}

func TestRestartTwins(t *testing.T) {
	rounds := 3
	if testing.Short() || raceDetector {
		rounds = 1
	}
	for i := range rounds {
		seed := *twinSeed
		if seed == 0 {
			seed = rand.Uint64()
		} else if i > 0 {
			break
		}
		t.Run(fmt.Sprint("-twin.seed ", seed), func(t *testing.T) {
			w := newTwins(t, seed)
			for step := range 400 {
				what := ""
				switch n := w.r.IntN(40); {
				case n < 20:
					what = "publish"
					w.publish()
				case n < 26:
					what = "get"
					w.get()
				case n < 32:
					what = "settle"
					w.settle()
				case n < 34:
					what = "policy"
					w.policy()
				case n < 36:
					what = "again"
					w.again()
				case n < 39:
					what = "time"
					passes := time.Duration(w.r.IntN(800)) * time.Millisecond
					w.both(func(b *twin) { b.clock.Advance(passes) })
				case w.chance(3):
					what = "purge"
					name := w.names[w.r.IntN(len(w.names))]
					w.both(func(b *twin) {
						_, err := vhost(t, b.broker).Purge(name)
						require.NoError(t, err)
					})
				}
				w.compare(step, what)
			}
		})
	}
}
