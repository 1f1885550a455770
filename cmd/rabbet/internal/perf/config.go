// Package perf loads an AMQP 0-9-1 broker, any broker, and measures it.
//
// It speaks bare frames: publishes are encoded once and written many at a time,
// and deliveries are parsed just far enough to count them, acknowledge them and
// read the time stamp in their body. So the load costs little, and it is the
// broker that is measured. Run drives one load; Idle and Queues probe how a
// broker holds many connections and many queues.
package perf

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/rabbetmq/rabbet/amqp"
)

// stampSize is the length of the time stamp at the start of each body: the
// nanoseconds since 1970, big-endian. A smaller body carries none, and its
// latency is not measured.
const stampSize = 8

// Config describes one load. Defaults gives a useful one.
type Config struct {
	// URL is the broker: amqp://user:password@host:port/vhost, or amqps.
	URL string

	// Producers and Consumers each have a connection and a channel of their
	// own. Producer i publishes for queue i, consumer i consumes from queue i,
	// both modulo Queues.
	Producers, Consumers, Queues int
	// Queue names the queues: with %d in it the number, from 1, goes there;
	// else several queues get a dash and their number appended. Empty is a
	// name of this run's own.
	Queue string
	// QueueArgs are the arguments of queue.declare.
	QueueArgs amqp.Table

	// ExchangeType is direct, fanout, topic, headers or another type that the
	// broker has. Empty is the default exchange, which needs no bindings.
	ExchangeType string
	// Exchange is the exchange's name; empty is a name of this run's own.
	Exchange string
	// RoutingKey is the key of all publishes and, unless BindingKey says
	// otherwise, of all bindings, so that each message reaches every queue.
	// Empty: each producer uses the name of its queue. A headers exchange
	// matches on a header "key" of that value.
	RoutingKey string
	// BindingKey binds every queue, instead of the routing key.
	BindingKey string
	// Predeclared uses exchange, queues and bindings that exist, and leaves
	// them in place.
	Predeclared bool

	// Size is the length of each body in bytes. From 8 on, the body starts
	// with a time stamp and latency is measured.
	Size int
	// Rate is the number of messages a second that each producer publishes;
	// 0 is as many as it can.
	Rate float64
	// Confirm is the number of publishes that each producer may have
	// unconfirmed; 0 does without confirms.
	Confirm int
	// Persistent publishes with delivery mode 2 and declares the queues and
	// the exchange durable.
	Persistent bool
	// Mandatory asks for messages without a queue to be returned; they are
	// counted.
	Mandatory bool

	// Prefetch is the limit of unacknowledged messages per consumer; 0 is none.
	Prefetch int
	// AckEvery acknowledges once per so many messages, all of them at once.
	AckEvery int
	// AutoAck consumes without acknowledgements.
	AutoAck bool

	// Time is how long to measure; 0 is until Messages are through.
	Time time.Duration
	// Warmup is how long to load the broker before measuring starts.
	Warmup time.Duration
	// Messages is how many each producer publishes; 0 is no limit. The run
	// then ends when the consumers have received what reaches them. Without a
	// producer it is how many the consumers receive, of those that are there.
	Messages int

	// Headers gives each message what frameworks add: so many headers, a content type and a
	// message id.
	Headers int
	// Official runs RabbitMQ's own Go client on both sides, which writes each publish and
	// each acknowledgement by itself, in place of bare frames.
	Official bool

	// PID is the process whose CPU time and memory are measured along with
	// the run; 0 is none. It takes /proc.
	PID int
}

// Defaults is one producer and one consumer of one queue, bodies of 100 bytes,
// acknowledged by 100 with a prefetch of 1,000, for ten seconds.
func Defaults() Config {
	return Config{
		URL:       "amqp://guest:guest@127.0.0.1:5672/",
		Producers: 1,
		Consumers: 1,
		Queues:    1,
		Size:      100,
		Prefetch:  1000,
		AckEvery:  100,
		Time:      10 * time.Second,
	}
}

// Check reports what makes c impossible to run.
func (c *Config) Check() error {
	switch {
	case c.Producers < 0 || c.Consumers < 0 || c.Producers+c.Consumers == 0:
		return errors.New("there must be a producer or a consumer")
	case c.Queues < 1:
		return errors.New("there must be a queue")
	case c.Size < 0:
		return errors.New("the size of a message cannot be negative")
	case c.Rate < 0:
		return errors.New("the rate cannot be negative")
	case c.Confirm < 0:
		return errors.New("the confirm window cannot be negative")
	case c.Prefetch < 0 || c.Prefetch > 65535:
		return errors.New("the prefetch must be from 0 to 65535")
	case !c.AutoAck && c.AckEvery < 1:
		return errors.New("acknowledgements must be for one message or more")
	case !c.AutoAck && c.Prefetch > 0 && c.AckEvery > c.Prefetch:
		return fmt.Errorf("acknowledging every %d messages never happens with a prefetch of %d", c.AckEvery, c.Prefetch)
	case c.Time < 0 || c.Warmup < 0:
		return errors.New("times cannot be negative")
	case c.Headers < 0:
		return errors.New("the number of headers cannot be negative")
	case c.Messages < 0:
		return errors.New("the number of messages cannot be negative")
	case c.Time == 0 && c.Messages == 0:
		return errors.New("the run needs an end: a time or a number of messages")
	case c.Messages > 0 && c.Warmup > 0:
		return errors.New("a run of counted messages has no warm-up")
	case c.Predeclared && c.Queue == "" && c.Consumers > 0:
		return errors.New("predeclared queues need a name")
	}
	_, err := parseURL(c.URL)
	return err
}

// ParseArgs reads arguments written as key=value,key=value. A value that looks
// like an integer or a boolean is one, all others are strings.
func ParseArgs(s string) (amqp.Table, error) {
	var t amqp.Table
	if s == "" {
		return nil, nil
	}
	for pair := range strings.SplitSeq(s, ",") {
		key, text, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("argument %q is not of the form key=value", pair)
		}
		var value any = text
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			value = n
		} else if text == "true" || text == "false" {
			value = text == "true"
		}
		t = append(t, amqp.Field{Key: key, Value: value})
	}
	return t, nil
}

// plan is a Config with every name resolved.
type plan struct {
	Config
	exchange string
	queues   []string
}

func newPlan(c Config, runName string) *plan {
	p := &plan{Config: c, exchange: c.Exchange}
	if p.exchange == "" && c.ExchangeType != "" {
		p.exchange = runName
	}
	base := c.Queue
	if base == "" {
		base = runName
	}
	for i := range c.Queues {
		name := base
		switch {
		case strings.Contains(base, "%d"):
			name = strings.Replace(base, "%d", fmt.Sprint(i+1), 1)
		case c.Queues > 1:
			name = fmt.Sprintf("%s-%d", base, i+1)
		}
		p.queues = append(p.queues, name)
	}
	return p
}

// declaresExchange reports whether the run makes an exchange of its own: the
// default exchange and amq.* are there.
func (p *plan) declaresExchange() bool {
	return p.ExchangeType != "" && !p.Predeclared && !strings.HasPrefix(p.exchange, "amq.")
}

// publishKey is the routing key of producer i.
func (p *plan) publishKey(i int) string {
	if p.RoutingKey != "" {
		return p.RoutingKey
	}
	return p.queues[i%len(p.queues)]
}

// bindKey is the key that binds queue i.
func (p *plan) bindKey(i int) string {
	switch {
	case p.BindingKey != "":
		return p.BindingKey
	case p.RoutingKey != "":
		return p.RoutingKey
	case p.ExchangeType == "fanout":
		return ""
	}
	return p.queues[i]
}

// copies is how many of the consumed queues a message of producer i reaches,
// as far as the load itself can tell; ok is false where it cannot.
func (p *plan) copies(i int) (n int, ok bool) {
	consumed := min(p.Consumers, len(p.queues))
	switch {
	case p.Predeclared || p.BindingKey != "":
		return 0, false
	case p.ExchangeType == "fanout":
		return consumed, true
	case p.ExchangeType == "" && p.RoutingKey != "":
		for q := range consumed {
			if p.queues[q] == p.RoutingKey {
				return 1, true
			}
		}
		return 0, true
	case p.RoutingKey != "":
		return consumed, true
	case i%len(p.queues) < consumed:
		return 1, true
	}
	return 0, true
}

// address is a broker's URL taken apart.
type address struct {
	host, user, password, vhost string
	tls                         bool
}

// parseURL reads an AMQP URL as RabbitMQ's own client does.
func parseURL(raw string) (address, error) {
	u, err := amqp091.ParseURI(raw)
	if err != nil {
		return address{}, fmt.Errorf("bad URL: %w", err)
	}
	return address{
		host: net.JoinHostPort(u.Host, strconv.Itoa(u.Port)), user: u.Username, password: u.Password, vhost: u.Vhost, tls: u.Scheme == "amqps",
	}, nil
}
