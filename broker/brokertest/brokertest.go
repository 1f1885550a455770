package brokertest

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// This file is the life of a test's broker: its start, its end, and the broker
// that is behind it at the moment.

// TB is the part of testing.TB that this package needs.
type TB interface {
	Helper()
	Cleanup(func())
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Failed() bool
}

// A Broker is a broker for one test. Its methods are safe for concurrent use;
// those that can fail end the test with Fatalf, so call them on the test's
// goroutine.
type Broker struct {
	*VHost // the default one

	tb     TB
	opts   options
	manual *delay.Manual // nil if time is real
	log    recorder
	net    network
	disk   disk
	faults faults
	ledger ledger

	mu      sync.Mutex
	changed sync.Cond      // current, running or closed has changed
	current *broker.Broker // the newest; nil if none could be started
	running bool           // current takes connections
	closed  bool
	login   login
	store   *store.Store // current's; nil in memory
}

// New starts a broker that is closed when the test ends.
func New(tb TB, opts ...Option) *Broker {
	tb.Helper()
	mq := &Broker{tb: tb}
	mq.VHost = &VHost{mq: mq}
	mq.changed.L = &mq.mu
	for _, opt := range opts {
		opt(&mq.opts)
	}
	mq.manual, _ = mq.opts.config.Clock.(*delay.Manual)
	mq.net.init(mq)
	mq.ledger.init(mq.opts.ledger)
	tb.Cleanup(mq.end)
	if err := mq.start(); err != nil {
		tb.Fatalf("brokertest: %v", err)
	}
	if mq.opts.addr != "" {
		mq.listen()
	}
	return mq
}

// A login is what URLs say: the default user and where it goes.
type login struct{ user, password, vhost string }

// start makes the broker and lets connections come to it.
func (mq *Broker) start() error {
	cfg := mq.config()
	if mq.opts.durable {
		st, err := mq.disk.open(&mq.opts)
		if err != nil {
			return err
		}
		cfg.Store = st
	}
	b, err := broker.New(cfg)
	if err != nil {
		if cfg.Store != nil {
			_ = cfg.Store.Close()
		}
		return err
	}
	if mq.Broker() != nil {
		mq.ledger.restarted(b)
	}
	if !mq.take(b, &cfg) {
		shutdown(b)
		return broker.ErrClosed
	}
	return nil
}

// take makes a broker the one that connections go to, unless the test has ended
// meanwhile.
func (mq *Broker) take(b *broker.Broker, cfg *broker.Config) bool {
	mq.mu.Lock()
	defer mq.mu.Unlock()
	if mq.closed {
		return false
	}
	mq.login = login{
		cmp.Or(cfg.DefaultUser, "guest"), cmp.Or(cfg.DefaultPassword, "guest"), cmp.Or(cfg.DefaultVHost, "/"),
	}
	mq.current, mq.store, mq.running = b, cfg.Store, true
	mq.changed.Broadcast()
	return true
}

// config is what each broker that is started is started with.
func (mq *Broker) config() broker.Config {
	cfg := mq.opts.config
	if mq.manual != nil { // the clients' time goes on
		cfg.PeerClock = delay.Real{}
	}
	if cfg.Logger == nil {
		cfg.Logger = mq.log.logger()
	}
	if cfg.DiskFreeLimit == 0 { // how full the machine's disk is decides no test
		cfg.DiskFreeLimit = -1
	}
	cfg.Tap = &broker.Tap{Decide: mq.faults.decide}
	if mq.ledger.limit != 0 {
		cfg.Tap.Record = mq.ledger.recorder()
	}
	for _, edit := range mq.opts.edits {
		edit(&cfg)
	}
	return cfg
}

// Broker is the broker itself, for what this package does not offer. Restart
// and Crash put another in its place.
func (mq *Broker) Broker() *broker.Broker {
	mq.mu.Lock()
	defer mq.mu.Unlock()
	return mq.current
}

// await is the broker that a new connection goes to. It waits for one that is
// being restarted; nil if there is none to come.
func (mq *Broker) await() *broker.Broker {
	mq.mu.Lock()
	defer mq.mu.Unlock()
	for !mq.running && !mq.closed {
		mq.changed.Wait()
	}
	if mq.closed {
		return nil
	}
	return mq.current
}

// needOpen fails the test if the broker is closed.
func (mq *Broker) needOpen(caller string) {
	mq.tb.Helper()
	mq.mu.Lock()
	closed := mq.closed
	mq.mu.Unlock()
	if closed {
		mq.tb.Fatalf("brokertest: %s: the broker is closed", caller)
	}
}

// needStarted fails the test if the broker is closed or stopped: what is done to
// it then has no effect.
func (mq *Broker) needStarted(caller string) {
	mq.tb.Helper()
	mq.needOpen(caller)
	if mq.net.refuses() {
		mq.tb.Fatalf("brokertest: %s: the broker is stopped", caller)
	}
}

// closePatience is how long Close waits for clients to answer, which live in
// this process or on this machine: only one that hangs takes that long.
const closePatience = 500 * time.Millisecond

// Close ends the broker before the test does: clients are told that it shuts
// down (320, CONN-75). Closing again does nothing.
func (mq *Broker) Close() {
	mq.mu.Lock()
	was, b := mq.closed, mq.current
	mq.closed, mq.running = true, false
	mq.changed.Broadcast()
	mq.mu.Unlock()
	if was {
		return
	}
	mq.net.pause(false)
	mq.net.close()
	if b != nil {
		shutdown(b)
	}
	mq.net.serving.Wait()
	mq.disk.remove()
}

// shutdown ends a broker in order.
func shutdown(b *broker.Broker) {
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	// Clients that did not answer are no fault of the test's.
	_ = b.Shutdown(ctx)
}

// end is the test's cleanup.
func (mq *Broker) end() {
	mq.Close()
	if mq.tb.Failed() {
		mq.log.show(mq.tb)
	}
}
