package graduate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/export"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/mgmt"
	"github.com/rabbetmq/rabbet/delay"
)

// window is how many messages of a queue may be sent and not yet confirmed, and unnoted is
// how many confirms may be noted in memory alone: so many may be there twice after a kill.
const (
	window  = 448
	unnoted = 64
)

// page is how many messages are asked for at once.
const page = 2000

// A copier copies messages of one queue, or of one delayed exchange, to the target.
type copier struct {
	*job
	vhost, name string
	exchange    string // at the target
	journal     *journal
	conn        *conn
	flying      []flight // in order of their tags, from first on
	hazards     Hazards
	left        map[messageKey]bool // those that are not copied; true stays, false expires
	expiries    []int64             // when copied messages that the last scan saw expire, in Unix milliseconds
	stuck       time.Time           // since when nothing was confirmed, after an error
	had         int                 // what was confirmed then
}

// A flight is a message that has been sent and not yet confirmed.
type flight struct {
	tag        uint64
	sent       *sent
	message    export.Message
	properties []byte
	key        string
	done       bool
}

// throughExchange is the name of the exchange through which messages reach one queue of
// the target with the routing key that they have.
func throughExchange(vhost, queue string) string {
	return fmt.Sprintf("rabbet.graduate.%016x", xxhash.Sum64String(vhost+"\x00"+queue))
}

// stayed is how many messages are not copied and stay.
func (c *copier) stayed() (n int) {
	for _, stays := range c.left {
		if stays {
			n++
		}
	}
	return n
}

// connect opens the connection, and sends again what was under way on the one before.
func (c *copier) connect(ctx context.Context) error {
	return c.patiently(ctx, func() error {
		if c.conn != nil {
			c.conn.close()
			c.conn = nil
		}
		l := c.login
		l.vhost = c.vhost
		conn, err := dial(ctx, l, window)
		if err != nil {
			return err
		}
		c.conn = conn
		if c.exchange != "" && c.exchange == throughExchange(c.vhost, c.name) {
			if err := c.openPath(); err != nil {
				return err
			}
		}
		again := c.flying
		c.flying = nil
		for i := range again {
			f := &again[i]
			if f.done {
				continue
			}
			c.journal.send(keyOf(&f.message))
			if err := c.launch(f); err != nil {
				c.flying = append(c.flying, again[i+1:]...) // whose tags are of before, and are not looked at
				return err
			}
		}
		return c.conn.flush()
	})
}

// openPath declares the exchange that leads to the queue alone, whatever the key.
func (c *copier) openPath() error {
	declare := &amqp.ExchangeDeclare{Exchange: c.exchange, Type: "fanout", Durable: true}
	if err := c.conn.call(channel, declare, &amqp.ExchangeDeclareOk{}); err != nil {
		return err
	}
	return c.conn.call(channel, &amqp.QueueBind{Queue: c.name, Exchange: c.exchange}, &amqp.QueueBindOk{})
}

// launch publishes a message that is in the journal.
func (c *copier) launch(f *flight) error {
	if c.conn.w.Available() < len(f.properties)+len(f.message.Body)+len(f.message.Body)/512+2048 {
		if err := c.journal.flush(); err != nil { // before the socket has any of it
			return err
		}
	}
	tag, err := c.conn.publish(&amqp.BasicPublish{
		Exchange: c.exchange, RoutingKey: f.key, Mandatory: f.message.Due == 0, // what is delayed finds no queue yet
	}, f.properties, f.message.Body)
	f.tag = tag
	c.flying = append(c.flying, *f)
	return err
}

// send copies one message, and waits where the window is full.
func (c *copier) send(ctx context.Context, m export.Message) error {
	now := c.clock.Now()
	k := keyOf(&m)
	s := c.journal.known[k]
	if s != nil && s.confirmed {
		return nil
	}
	seq := c.journal.next
	if s != nil {
		seq = s.seq
	}
	prepare := c.prepare.prepare
	if m.Due != 0 {
		prepare = c.prepare.prepareDelayed
	}
	properties, h, err := prepare(&m, seq, now)
	if err != nil {
		return fmt.Errorf("message %s of %s: %w", m.ID, c.name, err)
	}
	if h.TooLarge > 0 || h.Expired > 0 {
		if _, known := c.left[k]; !known {
			c.left[k] = h.TooLarge > 0
			c.hazards.add(h)
		}
		return nil
	}
	c.hazards.add(h)
	f := flight{sent: c.journal.send(k), message: m, properties: properties, key: m.Key}
	if err := c.launch(&f); err != nil {
		if err := c.recover(ctx, err); err != nil {
			return err
		}
	}
	return c.awaitConfirms(ctx, window-1)
}

// recover connects again after an error, unless that will not go away.
func (c *copier) recover(ctx context.Context, err error) error {
	if lasting(err) || ctx.Err() != nil {
		return err
	}
	now := c.clock.Now()
	if c.stuck.IsZero() || c.journal.confirmed != c.had {
		c.stuck, c.had = now, c.journal.confirmed
		c.say("%s: %v: connecting again", c.name, err)
	} else if now.Sub(c.stuck) > c.Patience {
		return fmt.Errorf("given up after %v: %w", c.Patience, err)
	} else if err := delay.Wait(ctx, c.clock, time.Second); err != nil {
		return err
	}
	return c.connect(ctx)
}

// awaitConfirms notes the confirms that have come, and waits until no more than so many are
// missing.
func (c *copier) awaitConfirms(ctx context.Context, most int) error {
	for {
		if err := c.drain(); err != nil {
			return err
		}
		if len(c.flying) <= most {
			return nil
		}
		if err := c.await(ctx); err != nil {
			if err = c.recover(ctx, err); err != nil {
				return err
			}
		}
	}
}

// drain notes the confirms that are there already.
func (c *copier) drain() error {
	for {
		select {
		case e := <-c.conn.events:
			if err := c.note(e); err != nil {
				return err
			}
		default:
			if len(c.journal.buf) >= unnoted*recordSize {
				return c.journal.flush()
			}
			return nil
		}
	}
}

// await waits for one event.
func (c *copier) await(ctx context.Context) error {
	if err := errors.Join(c.journal.flush(), c.conn.flush()); err != nil {
		return err
	}
	late := make(chan struct{})
	timer := c.clock.AfterFunc(answerTimeout, func() { close(late) })
	defer timer.Stop()
	select {
	case e := <-c.conn.events:
		return c.note(e)
	case <-c.conn.done:
		if err := c.drain(); err != nil {
			return err
		}
		return c.conn.err
	case <-late:
		return errors.New("no confirm has come for a minute")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errNacked ends the copying of a queue that takes nothing.
var errNacked = errors.New("the target does not take a message: its queue is full, or cannot be reached")

// note notes what the target says.
func (c *copier) note(e event) error {
	if e.returned {
		return errUnrouted
	}
	if e.nacked {
		return errNacked
	}
	n := 0
	for i := range c.flying {
		f := &c.flying[i]
		if f.tag > e.tag {
			break
		}
		if !f.done && (e.multiple || f.tag == e.tag) {
			f.done = true
			c.journal.confirm(f.sent)
			c.progress.add(1)
		}
	}
	for n < len(c.flying) && c.flying[n].done {
		n++
	}
	c.flying = append(c.flying[:0], c.flying[n:]...)
	return nil
}

// A sight is what a queue had when a scan of it began, and what the scan found.
type sight struct {
	ready, unacked int
	newest         string
	seen           int // messages
	fresh          int // of them, those that were not confirmed before
}

// scan goes through all that is ready in the queue, and copies what is not at the target.
func (c *copier) scan(ctx context.Context) (at sight, err error) {
	for from := 0; ; {
		list, header, err := c.export(ctx, c.vhost, c.name, from)
		if err != nil {
			return at, err
		}
		if from == 0 {
			c.expiries = c.expiries[:0]
			at.newest = header.Get("Rabbet-Newest")
			at.ready, _ = strconv.Atoi(header.Get("Rabbet-Ready")) // It is our own header.
			at.unacked, _ = strconv.Atoi(header.Get("Rabbet-Unacked"))
		}
		if len(list) == 0 {
			return at, c.awaitConfirms(ctx, 0)
		}
		for i := range list {
			before, k := c.journal.next, keyOf(&list[i])
			if s := c.journal.known[k]; s == nil || !s.confirmed {
				if err := c.send(ctx, list[i]); err != nil {
					return at, err
				}
				if c.journal.next != before {
					at.fresh++
				}
			}
			if list[i].Expires != 0 && c.journal.known[k] != nil {
				c.expiries = append(c.expiries, list[i].Expires)
			}
		}
		at.seen += len(list)
		from += len(list)
	}
}

// export asks the source for messages of a queue.
func (j *job) export(ctx context.Context, vhost, queue string, from int) ([]export.Message, http.Header, error) {
	path := mgmt.Path("rabbet", "queues", vhost, queue, "export") + fmt.Sprintf("?from=%d&limit=%d", from, page)
	return j.messages(ctx, path)
}

func (j *job) messages(ctx context.Context, path string) (list []export.Message, header http.Header, err error) {
	err = j.patiently(ctx, func() error {
		var body []byte
		if header, body, err = j.source.Raw(ctx, http.MethodGet, path, nil); err != nil {
			return err
		}
		list = list[:0]
		for r := bytes.NewReader(body); ; {
			m, err := export.Read(r)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			list = append(list, m)
		}
	})
	return list, header, err
}

// patiently does something again until it works, or fails for good, or patience ends.
func (j *job) patiently(ctx context.Context, do func() error) error {
	end := j.clock.Now().Add(j.Patience)
	pause := 50 * time.Millisecond
	for {
		err := do()
		refusal := (*mgmt.Refusal)(nil)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil, lasting(err), errors.As(err, &refusal) && refusal.Status < 500 && refusal.Status != http.StatusConflict:
			return err
		case j.clock.Now().After(end):
			return fmt.Errorf("given up after %v: %w", j.Patience, err)
		}
		if delay.Wait(ctx, j.clock, pause) != nil {
			return err
		}
		pause = min(2*pause, 2*time.Second)
	}
}

// countReady asks the target how many messages of a queue are ready, over a connection of its
// own.
func (j *job) countReady(ctx context.Context, vhost, queue string) (n int, err error) {
	err = j.patiently(ctx, func() error {
		l := j.login
		l.vhost = vhost
		conn, err := dial(ctx, l, 1)
		if err != nil {
			return err
		}
		defer conn.close()
		ok := &amqp.QueueDeclareOk{}
		if err := conn.call(channel, &amqp.QueueDeclare{Queue: queue, Passive: true}, ok); err != nil {
			return err
		}
		n = int(ok.MessageCount)
		return nil
	})
	return n, err
}

// prepareDelayed is prepare for a message that waits in a delayed exchange: it waits for
// the rest there.
func (p *preparer) prepareDelayed(m *export.Message, seq uint64, now time.Time) ([]byte, Hazards, error) {
	raw, h, err := p.prepare(m, seq, now)
	if raw == nil || err != nil {
		return raw, h, err
	}
	var props amqp.Properties
	if err := props.Decode(raw); err != nil {
		return nil, h, err
	}
	kept := props.Headers[:0:0]
	for _, f := range props.Headers {
		if f.Key != "x-delay" && f.Key != ExchangeHeader {
			kept = append(kept, f)
		}
	}
	props.Headers = append(kept, amqp.Field{Key: "x-delay", Value: max(0, m.Due-now.UnixMilli())})
	return props.Append(nil), h, nil
}
