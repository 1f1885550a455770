// Package inprocess is Rabbet inside this process as the conformance suite
// judges it: on a port of loopback or without any network, with the hooks that
// scripts need, over the broker's own Go API.
package inprocess

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/conformance"
	"github.com/rabbetmq/rabbet/store"
)

// Broker is a running Rabbet. Its methods are safe for concurrent use.
type Broker struct {
	cfg     Config
	address string // the same after each restart
	timeout time.Duration
	limits  map[string]int // of the whole broker

	mu       sync.Mutex
	broker   *broker.Broker
	store    *store.Store // nil without a folder
	listener *listener
}

// Config says what to start. The zero value is a broker of the default profile
// that keeps everything in memory.
type Config struct {
	// Dir is the folder for what is durable, or empty. The files are written but
	// not synced: what is judged survives the broker, not the machine.
	Dir string
	// Profile is one of broker.Profiles.
	Profile string
	// Pipes has clients connect without the network, save those that go by the URL.
	// Such a broker cannot be killed.
	Pipes bool
	// Tap watches the broker, if it is not nil.
	Tap *tap.Tap
}

// Start starts a broker.
func Start(cfg Config) (*Broker, error) {
	b := &Broker{cfg: cfg}
	if err := b.start(func() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }); err != nil {
		return nil, err
	}
	return b, nil
}

// start starts a broker that listens on what listen returns.
func (b *Broker) start(listen func() (net.Listener, error)) error {
	var st *store.Store
	if b.cfg.Dir != "" {
		var err error
		if st, err = store.Open(b.cfg.Dir, store.Options{Sync: store.SyncNone}); err != nil {
			return err
		}
	}
	cfg := broker.Config{
		Profile: b.cfg.Profile, Store: st, Tap: b.cfg.Tap, ConsumerTimeout: b.timeout, EventExchange: true, LogExchange: &broker.LogExchange{},
	}
	for name, n := range b.limits {
		*limitsOf(&cfg)[name] = n
	}
	running, err := broker.New(cfg)
	if err != nil {
		if st != nil {
			err = errors.Join(err, st.Close())
		}
		return err
	}
	socket, err := listen()
	if err != nil {
		return errors.Join(err, running.Close())
	}
	l := &listener{Listener: socket}
	go running.Serve(l) // until the broker ends
	b.address = l.Addr().String()
	b.broker, b.store, b.listener = running, st, l
	return nil
}

// URL is where it listens, with its default user.
func (b *Broker) URL() string {
	u := url.URL{Scheme: "amqp", User: url.UserPassword("guest", "guest"), Host: b.address, Path: "/"}
	return u.String()
}

// Close ends the broker.
func (b *Broker) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broker.Close()
}

// Restart ends the broker, which says goodbye to its clients, and starts it anew
// at the same address.
func (b *Broker) Restart(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	again := b.listener.again()
	if err := b.broker.Close(); err != nil {
		return err
	}
	_ = b.listener.Close() // which the broker has done, if it had begun to serve
	return b.start(again)
}

// ackTimeout starts the broker anew, as only a new one has another limit.
func (b *Broker) ackTimeout(ctx context.Context, limit time.Duration) error {
	b.mu.Lock()
	b.timeout = limit
	b.mu.Unlock()
	return b.Restart(ctx)
}

// limitsOf are the limits of the whole broker by RabbitMQ's names for them.
func limitsOf(cfg *broker.Config) map[string]*int {
	return map[string]*int{
		"connection_max": &cfg.MaxConnections, "channel_max_per_node": &cfg.MaxChannels, "consumer_max_per_channel": &cfg.MaxConsumers,
		"cluster_queue_limit": &cfg.MaxQueues, "cluster_exchange_limit": &cfg.MaxExchanges,
	}
}

// nodeLimit starts the broker anew, as only a new one has another limit.
func (b *Broker) nodeLimit(ctx context.Context, limit string, n int) error {
	switch n = max(n, -1); n {
	case -1: // none, which is 0 in a Config
		n = 0
	case 0:
		n = -1
	}
	b.mu.Lock()
	b.limits = map[string]int{limit: n}
	b.mu.Unlock()
	return b.Restart(ctx)
}

// Hooks adds to the options what can be done to this broker: everything, save
// that one in memory is neither restarted nor killed.
func (b *Broker) Hooks(o conformance.Options) conformance.Options {
	o.Admin, o.Alarm, o.AckTimeout, o.NodeLimit = admin{b}, b.alarm, b.ackTimeout, b.nodeLimit
	if b.cfg.Dir != "" {
		o.Restart, o.Kill = b.Restart, b.Kill
	}
	if b.cfg.Pipes {
		o.Dial, o.Kill = func(context.Context) (net.Conn, error) { return b.current().Dial() }, nil
	}
	return o
}

// Snapshot is all that is in the broker.
func (b *Broker) Snapshot() broker.Snapshot { return b.current().Snapshot() }

func (b *Broker) current() *broker.Broker {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broker
}

var alarms = map[string]broker.Alarm{"memory": broker.MemoryAlarm, "disk": broker.DiskAlarm}

// alarm cannot raise the alarm of the disk where a broker that has one looks after
// it by itself.
func (b *Broker) alarm(_ context.Context, resource string, on bool) error {
	if resource == "disk" && b.cfg.Dir != "" {
		return fmt.Errorf("an alarm of a disk that is not full: %w by Rabbet", conformance.ErrNotOffered)
	}
	b.current().SetAlarm(alarms[resource], on)
	return nil
}
