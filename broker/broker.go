package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/announce"
	"github.com/rabbetmq/rabbet/broker/internal/pipe"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/broker/internal/records"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/queue"
)

// The broker as a whole: what it listens on, which connections it
// has, how it ends.

// A Broker serves AMQP 0-9-1. Use New; all methods are safe for concurrent use.
type Broker struct {
	node
	clients
	Accounts
	components
	exchangeTypes
	listeners

	// guarded by the node's lock
	vhosts    map[string]*VHost
	deleting  map[string]bool        // virtual hosts that are being deleted
	deleted   sync.Cond              // one of them is
	consumers map[*Consumer]struct{} // those in Go
	closed    bool

	end     context.CancelFunc // of life
	running sync.WaitGroup     // connections
	over    chan struct{}      // closed when the broker has ended
}

// New starts a broker, with what its store holds if there is one. It fails for a
// Config that contradicts itself and for a store that cannot be read.
func New(cfg Config) (*Broker, error) {
	p, err := profile.Of(cfg.Profile)
	if err != nil {
		return nil, err
	}
	if err := cfg.complete(p); err != nil {
		return nil, err
	}
	if cfg.Store != nil {
		if err := cfg.Store.Claim(); err != nil {
			return nil, fmt.Errorf("broker: %w", err)
		}
	}
	b := &Broker{vhosts: make(map[string]*VHost), deleting: make(map[string]bool), over: make(chan struct{})}
	place := func(name string) *topology.VHost {
		if v := b.vhost(name); v != nil {
			return v.vh
		}
		return nil
	}
	b.events = announce.New(announce.Config{
		Clock: cfg.Clock, Node: cfg.ClusterName, Logger: cfg.Logger,
		Events: func() *topology.VHost { return place(cfg.EventExchangeVHost) },
		Lines:  func() *topology.VHost { return place(cfg.DefaultVHost) },
	})
	if cfg.LogExchange != nil {
		cfg.Logger = slog.New(b.events.PublishLog(cfg.Logger.Handler(), *cfg.LogExchange))
	}
	b.cfg, b.profile, b.clock, b.log = cfg, p, cfg.Clock, cfg.Logger
	b.usage, b.find, b.clients = make(map[string]*usage), b.findVHost, clients{n: &b.node, conns: make(map[*conn]struct{})}
	b.life, b.end = context.WithCancel(context.Background())
	b.acks.clock, b.acks.interval, b.acks.look = b.clock, b.ackCheckInterval()/b.markTicks(), b.checkAcks
	if cfg.ConsumerTimeout < 0 {
		b.acks.never()
	}
	b.deleted.L = &b.mu
	b.serve, b.until, b.pause, b.news = b.ServeConn, b.life, cfg.PeerClock, cfg.Logger
	b.env = &topology.Env{
		Profile: p, Clock: b.clock, Store: cfg.Store, Log: b.log, Observer: recorder{&b.node}, Recall: b.tapRecords(),
		StreamMemory: cfg.StreamMemoryLimit,
		MaxQueues:    cfg.MaxQueues, MaxExchanges: cfg.MaxExchanges,
		Memory: queue.NewBudget(cfg.TransientMemory),
	}
	b.components.rules = b.env
	b.exchangeTypes.rules = b.env
	b.events.Of(b.env)
	b.alarms.told = b.events
	if err := b.SetDisabledExchangeTypes(cfg.DisabledExchangeTypes); err != nil {
		return nil, err
	}
	if err := b.recover(); err != nil {
		return nil, err
	}
	if cfg.Authenticator != nil {
		b.auth, b.decisions.foreign = cfg.Authenticator(b.users), true
	}
	b.alarms.allClear = b.unblock
	b.alarms.start(&b.cfg)
	return b, nil
}

// recover brings back what the store holds.
func (b *Broker) recover() error {
	var set records.Set
	if b.cfg.Store != nil {
		var err error
		if set, err = records.Read(b.cfg.Store); err != nil {
			return err
		}
	}
	vhosts, err := topology.Recover(b.env, set)
	if err != nil {
		return err
	}
	for name, vh := range vhosts {
		b.vhosts[name] = b.newVHost(vh)
		declareSystem(&b.cfg, vh)
	}
	return b.loadAccounts(set)
}

// declareSystem gives a virtual host the exchanges of the broker's own that belong there,
// and takes those away that are switched off. Called with the lock held, or before the
// broker is seen.
func declareSystem(cfg *Config, vh *topology.VHost) {
	for name, on := range map[string]bool{
		topology.EventExchange: cfg.EventExchange && vh.Name == cfg.EventExchangeVHost,
		topology.LogExchange:   cfg.LogExchange != nil && vh.Name == cfg.DefaultVHost,
	} {
		if on {
			vh.DeclareSystem(name)
		} else {
			vh.RemoveSystem(name)
		}
	}
}

// vhost finds a virtual host, or nil.
func (b *Broker) vhost(name string) *VHost {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.vhosts[name]
}

// ServeConn serves one connection, of any kind, and returns when it has ended.
// It closes nc. The error is ErrClosed if the broker was closed already.
func (b *Broker) ServeConn(nc net.Conn) error { return serve(b, nc, connNetwork) }

// serve serves a connection that comes from where kind says.
func serve(b *Broker, nc net.Conn, kind connKind) error {
	c := newConn(&b.node, nc)
	c.kind = kind
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		nc.Close()
		return ErrClosed
	}
	b.conns[c] = struct{}{}
	b.running.Add(1)
	b.mu.Unlock()
	defer b.running.Done()
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetNoDelay(true)
	}
	c.serve()
	b.mu.Lock()
	delete(b.conns, c)
	b.mu.Unlock()
	return nil
}

// Dial opens a connection to the broker that never leaves the process: the
// client's end of a buffered pipe. It fails with ErrClosed.
func (b *Broker) Dial() (net.Conn, error) { return dial(b, connNetwork) }

func dial(b *Broker, kind connKind) (net.Conn, error) {
	b.mu.Lock()
	closed := b.closed
	b.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	client, server := Pipe()
	go func() {
		// What ended the connection is in the log.
		_ = serve(b, server, kind)
	}()
	return client, nil
}

// DialDirect is Dial for a part of the same program, as RabbitMQ's direct connections are:
// what it does is not the doing of a user, so it logs in as nobody, with any password, and
// may do everything. With login it logs in as any client does (SHOVEL-4).
func (b *Broker) DialDirect(login bool) (net.Conn, error) {
	kind := connTrusted
	if login {
		kind = connDirect
	}
	return dial(b, kind)
}

// pipeCapacity is the number of bytes under way in each direction of an
// in-memory connection.
const pipeCapacity = 256 << 10

// Pipe returns the two ends of an in-memory connection such as Dial makes: for
// a program that gives ServeConn an end of its own making. Besides what net.Conn
// says: Close keeps what was written before it for the peer, unless
// SetLinger(0), as of a net.TCPConn, has made it a reset; and in a
// testing/synctest bubble the ends block durably and keep the bubble's time.
func Pipe() (client, server net.Conn) { return pipe.New(pipeCapacity) }

// DialFunc is Dial in the form of amqp091-go's Config.Dial; the arguments,
// network and address, are ignored.
func (b *Broker) DialFunc(_, _ string) (net.Conn, error) { return b.Dial() }

// URL is an AMQP URL for the default user and virtual host, at the first
// address listened on. Without a listener the host is "memory", which serves
// with DialFunc.
func (b *Broker) URL() string {
	host := cmp.Or(b.listeners.first(), "memory")
	u := url.URL{
		Scheme: "amqp", User: url.UserPassword(b.cfg.DefaultUser, b.cfg.DefaultPassword), Host: host,
		Path: "/" + b.cfg.DefaultVHost, RawPath: "/" + url.PathEscape(b.cfg.DefaultVHost),
	}
	return u.String()
}

// Shutdown ends the broker gracefully: it stops listening, tells every client
// (320, CONN-75) and waits until they have closed or ctx is done. Clients that do not
// answer are dropped after Config.MuteTimeout, which is no error. Connections that are
// left when ctx is done are dropped, and the error is that of ctx.
func (b *Broker) Shutdown(ctx context.Context) error {
	gone, err := b.shutdown(ctx)
	if !gone {
		err = errors.Join(ctx.Err(), err)
	}
	return err
}

// shutdown reports whether all clients had gone by themselves. The error is the
// store's.
func (b *Broker) shutdown(ctx context.Context) (gone bool, err error) {
	if b.stopAccepting() { // somebody else ends it
		select {
		case <-b.over:
			return true, nil
		case <-ctx.Done():
			return false, nil
		}
	}
	defer close(b.over)
	b.alarms.check.end()
	b.acks.end()
	b.mu.Lock()
	for c := range b.conns {
		c.force(refusal.WithoutMethod(amqp.ConnectionForced, "broker forced connection closure with reason 'shutdown'"))
	}
	b.mu.Unlock()
	ended := make(chan struct{})
	saying, silence := context.WithCancel(ctx)
	var mute sync.WaitGroup
	mute.Go(func() { b.dropMute(saying) })
	go func() {
		b.accepting.Wait()
		b.running.Wait()
		silence()
		mute.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return true, b.retire()
	case <-ctx.Done():
	}
	b.mu.Lock()
	left := len(b.conns)
	for c := range b.conns {
		c.nc.Close()
	}
	b.mu.Unlock()
	<-ended
	return left == 0, b.retire()
}

// retire ends delayed exchanges and queues, whose timers would keep the broker in
// memory, and then the store: what is pending is committed.
func (b *Broker) retire() error {
	b.env.End()
	b.endLocals()
	b.events.Stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, v := range b.vhosts {
		v.vh.StopDelayed()
		v.firehose.Stop()
	}
	for _, v := range b.vhosts {
		v.vh.StopQueues()
	}
	if b.cfg.Store == nil {
		return nil
	}
	return b.cfg.Store.Close()
}

// stopAccepting reports whether the broker was closed before.
func (b *Broker) stopAccepting() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return true
	}
	b.closed = true
	b.end()
	b.listeners.stop()
	return false
}

// closePatience is how long Close waits for clients to answer.
const closePatience = 2 * time.Second

// Close is Shutdown with a patience of two seconds of real time. Closing again
// does nothing.
func (b *Broker) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	_, err := b.shutdown(ctx)
	return err
}
