package topology

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
)

// newHost makes a virtual host on a manual clock; configure sees what it is made of.
func newHost(t testing.TB, configure ...func(*Env)) *VHost {
	p, err := profile.Of("")
	require.NoError(t, err)
	env := &Env{Profile: p, Clock: delay.NewManual(time.Unix(0, 0)), Log: slog.New(slog.DiscardHandler)}
	for _, f := range configure {
		f(env)
	}
	return NewVHost("/", About{}, env)
}

// declareBound declares a queue and binds it by its own name.
func (vh *VHost) declareBound(t testing.TB, name, exchange string, args amqp.Table) *Queue {
	q, err := vh.DeclareQueue(&amqp.QueueDeclare{Queue: name, Arguments: args}, nil)
	require.NoError(t, err)
	if exchange != "" {
		require.NoError(t, vh.Bind(Binding{Source: exchange, Destination: name, Key: name}, nil))
	}
	return q
}

// publish sends a message to an exchange, and hands it over.
func (p *Publisher) publish(t testing.TB, exchange, key, body string) Route {
	to, err := p.Find(nil, p.vh.Exchange(exchange), []string{key}, nil, nil)
	require.NoError(t, err)
	p.Pass(&queue.Message{Exchange: exchange, Key: key, Props: []byte{0, 0}, Body: []byte(body)}, to)
	p.Flush()
	return to
}

// A witness writes down all that it is told.
type witness struct {
	mu  sync.Mutex
	log []string
}

func (w *witness) Listens(string) bool { return true }

func (w *witness) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

func (w *witness) Passed(vhost string, from Source, queues []*Queue, msgs []*queue.Message) {
	for _, q := range queues {
		for _, m := range msgs {
			w.note("passed %s %d %s %s", vhost, from, q.Name, m.Body)
		}
	}
}

func (w *witness) Unroutable(vhost string, from Source, m *queue.Message) {
	w.note("unroutable %s %d %s", vhost, from, m.Body)
}

func (w *witness) DeadLettered(_ string, d *queue.DeadLetter, _ *queue.Message, queues []*Queue, _ []Delay, err error) {
	w.note("dead %s %s %d %v", d.Queue, d.Reason, len(queues), err)
}

func (w *witness) Due(_, exchange string, m *queue.Message, queues []*Queue) {
	w.note("due %s %s %d", exchange, m.Body, len(queues))
}

func (w *witness) Cancelled(_, exchange string, publication uint64, why queue.Reason) {
	w.note("cancelled %s %d %s", exchange, publication, why)
}

func (w *witness) Refused(_ string, client any, name string, m *queue.Message) {
	w.note("refused %v %s %s", client, name, m.Body)
}

func (w *witness) Gone(_, name string, m *queue.Message, why queue.Reason) {
	w.note("gone %s %s %s", name, m.Body, why)
}

func (w *witness) told() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	log := w.log
	w.log = nil
	return log
}

// Messages of all sources are seen on the one way in.
func TestPublisherTellsFollowers(t *testing.T) {
	var w witness
	vh := newHost(t, func(e *Env) { e.Follower, e.Observer = &w, &w })
	vh.declareBound(t, "a", "amq.direct", amqp.Table{
		{Key: "x-max-length", Value: int32(1)}, {Key: "x-dead-letter-exchange", Value: "amq.fanout"}})
	vh.declareBound(t, "full", "", amqp.Table{{Key: "x-max-length", Value: int32(0)}, {Key: "x-overflow", Value: "reject-publish"}})
	vh.declareBound(t, "grave", "amq.fanout", nil)
	var fx queue.Effects
	p := vh.NewPublisher(FromClient, &fx)
	p.Client = "me"

	p.publish(t, "amq.direct", "nowhere", "1")
	assert.Equal(t, []string{"unroutable / 0 1"}, w.told())
	p.publish(t, "", "full", "2")
	assert.Equal(t, []string{"passed / 0 full 2", "refused me full 2"}, w.told())
	p.publish(t, "amq.direct", "a", "3")
	p.publish(t, "amq.direct", "a", "4")
	vh.Perform(&fx)
	assert.Equal(t, []string{
		"passed / 0 a 3", "passed / 0 a 4", "gone a 3 maxlen", "dead a maxlen 1 <nil>", "passed / 2 grave 3",
	}, w.told())
}

// What waits in a delayed exchange goes the same way when it is due.
func TestPublisherSendsWhatIsDue(t *testing.T) {
	var w witness
	vh := newHost(t, func(e *Env) { e.Follower, e.Observer = &w, &w })
	require.NoError(t, vh.DeclareExchange(&amqp.ExchangeDeclare{
		Exchange: "later", Type: "x-delayed-message", Arguments: amqp.Table{{Key: "x-delayed-type", Value: "direct"}},
	}, nil))
	vh.declareBound(t, "q", "later", nil)
	var fx queue.Effects
	p := vh.NewPublisher(FromGo, &fx)
	props := amqp.RawProperties((&amqp.Properties{Flags: amqp.HasHeaders, Headers: amqp.Table{{Key: "x-delay", Value: int32(10)}}}).Append(nil))
	for _, key := range []string{"q", "nowhere"} {
		to, err := p.Find(nil, vh.Exchange("later"), []string{key}, props.Headers(), nil)
		require.NoError(t, err)
		assert.False(t, to.Lasting)
		p.Pass(&queue.Message{Exchange: "later", Key: key, Props: props, Body: []byte(key)}, to)
	}
	p.Flush()
	assert.Empty(t, w.told())
	vh.env.Clock.(*delay.Manual).Advance(10 * time.Millisecond)
	assert.Equal(t, []string{"due later q 1", "due later nowhere 0", "unroutable / 3 nowhere", "passed / 3 q q"}, w.told())
}

// A client is an owner that may publish by one routing key only.
type client struct{ key string }

func (c *client) MayUse(access.Kind, string, access.Operation) error { return nil }
func (c *client) AddExclusive(*Queue)                                {}
func (c *client) DropExclusive(*Queue)                               {}
func (c *client) Actor() (user, pid string)                          { return "guest", "" }

func (c *client) MayUseTopic(exchange, key string, op access.Operation) error {
	if key != c.key {
		return fmt.Errorf("%s %s %s", op, exchange, key)
	}
	return nil
}

// PERM-11: the keys of CC and BCC count too, by the profile.
func TestPublisherAsksForPermission(t *testing.T) {
	for version, want := range map[string]string{"3.13": "", "4.2": "write amq.topic other"} {
		vh := newHost(t, func(e *Env) { e.Profile, _ = profile.Of(version) })
		p := vh.NewPublisher(FromClient, &queue.Effects{})
		p.By = &client{key: "mine"}
		_, err := p.Find(nil, vh.Exchange("amq.topic"), []string{"mine"}, nil, nil)
		assert.NoError(t, err)
		_, err = p.Find(nil, vh.Exchange("amq.topic"), []string{"mine", "other"}, nil, nil)
		if want == "" {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, want)
		}
	}
}

// Handed gives the indices of the run, which ends where the queues change.
func TestPublisherTellsWhatIsRefused(t *testing.T) {
	vh := newHost(t)
	full := amqp.Table{{Key: "x-max-length", Value: int32(1)}, {Key: "x-overflow", Value: "reject-publish"}}
	for _, name := range []string{"a", "b"} {
		vh.declareBound(t, name, "amq.fanout", full)
	}
	var fx queue.Effects
	p := vh.NewPublisher(FromClient, &fx)
	var handed [][]int
	p.Handed = func(refused []int) { handed = append(handed, slices.Sorted(slices.Values(refused))) }
	send := func(exchange, key string) {
		to, err := p.Find(nil, vh.Exchange(exchange), []string{key}, nil, nil)
		require.NoError(t, err)
		p.Pass(&queue.Message{Props: []byte{0, 0}}, to)
	}
	send("", "a")
	send("", "a")
	send("amq.fanout", "")
	send("amq.fanout", "")
	assert.Equal(t, 2, p.Flush())
	assert.Equal(t, [][]int{{1}, {0, 1, 1}}, handed)
	assert.Zero(t, p.Flush())
	send("", "a")
	p.Abandon()
	assert.Zero(t, p.Flush())
}

// DEDUP-3: what a publisher drops may be published again.
func TestAbandonedAreForgotten(t *testing.T) {
	vh := newHost(t)
	require.NoError(t, vh.DeclareExchange(&amqp.ExchangeDeclare{
		Exchange: "once", Type: "x-message-deduplication", Durable: true, Arguments: amqp.Table{{Key: "x-cache-size", Value: int32(9)}},
	}, nil))
	vh.declareBound(t, "q", "once", nil)
	var fx queue.Effects
	p := vh.NewPublisher(FromClient, &fx)
	headers := amqp.RawTable(amqp.AppendTable(nil, amqp.Table{{Key: "x-deduplication-header", Value: "a"}})[4:])
	find := func() Route {
		to, err := p.Find(nil, vh.Exchange("once"), []string{""}, headers, nil)
		require.NoError(t, err)
		return to
	}
	p.Pass(&queue.Message{Props: []byte{0, 0}}, find())
	assert.True(t, find().Repeats)
	p.Abandon()
	assert.False(t, find().Repeats)
}

// A taker takes all that it is offered.
type taker struct{ taken int }

func (r *taker) Offer(*queue.Item, *queue.Effects) bool { r.taken++; return true }
func (r *taker) QueueDeleted(*queue.Effects)            {}

// The way in without any seam in use: a route that is found each time, and one that is
// remembered.
func BenchmarkPublisher(b *testing.B) {
	for _, remembered := range []bool{false, true} {
		b.Run(fmt.Sprintf("remembered=%v", remembered), func(b *testing.B) {
			vh := newHost(b)
			q := vh.declareBound(b, "q", "amq.direct", nil)
			var lock sync.Mutex
			s := &queue.Subscription{Receiver: &taker{}, Lock: &lock, NoAck: true}
			require.NoError(b, q.Subscribe(s))
			var fx queue.Effects
			q.Unpark(s, &fx)
			p := vh.NewPublisher(FromClient, &fx)
			x, keys := vh.Exchange("amq.direct"), []string{"q"}
			m := &queue.Message{Exchange: "amq.direct", Key: "q", Props: []byte{0, 0}}
			to, err := p.Find(nil, x, keys, nil, nil)
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				if !remembered {
					to, _ = p.Find(to.Queues[:0], x, keys, nil, nil)
				}
				p.Pass(m, to)
			}
			p.Flush()
		})
	}
}
