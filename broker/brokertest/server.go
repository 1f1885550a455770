package brokertest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/ledger"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// A Server is a broker without a test: its methods return errors where those of a
// Broker fail the test. TestMain starts one for a whole package, and For gives it
// to each test:
//
//	var shared *brokertest.Server
//
//	func TestMain(m *testing.M) {
//		shared, _ = brokertest.NewServer() // listens once somebody asks for the URL
//		code := m.Run()
//		shared.Close()
//		os.Exit(code)
//	}
//
//	func TestSomething(t *testing.T) {
//		mq := shared.For(t)
//		mq.Reset()
//	}
//
// Its methods are safe for concurrent use. What a method does is documented at the
// Broker's of the same name.
type Server struct {
	*ServerVHost // the default one

	opts   options
	manual *delay.Manual // nil if time is real
	log    recorder
	net    network
	disk   disk
	faults faults
	ledger *ledger.Ledger // nil if there is none

	mu      sync.Mutex
	changed sync.Cond      // current, running or closed has changed
	current *broker.Broker // the newest; nil if none could be started
	running bool           // current takes connections
	closed  bool
	// restarted says that what was in an earlier broker may be missed.
	restarted bool
	login     login
	store     *store.Store // current's; nil in memory
}

// The reasons why a Server cannot do what it is asked for. A Server that is closed
// returns broker.ErrClosed.
var (
	// ErrStopped is returned between Stop and Start.
	ErrStopped = errors.New("the broker is stopped")
	// ErrStarted is returned by Start for a broker that runs.
	ErrStarted = errors.New("the broker has not been stopped")
	// ErrRealTime is returned by Advance and SetTime without WithManualClock.
	ErrRealTime = errors.New("this broker's time is real")
	// ErrInMemory is returned by FailNextSync without Durable or WithDataDir.
	ErrInMemory = errors.New("this broker keeps everything in memory")
	// ErrNoLedger is returned by what asks for publications if WithLedger(0) was given.
	ErrNoLedger = errors.New("there is no ledger of publications: WithLedger(0)")
)

// An UnmetError says that a condition did not come to hold in time, and shows what
// there is instead.
type UnmetError struct{ text string }

func (e *UnmetError) Error() string { return e.text }

func unmet(format string, args ...any) error { return &UnmetError{fmt.Sprintf(format, args...)} }

// NewServer starts a broker, which is the caller's to close.
func NewServer(opts ...Option) (*Server, error) {
	s := &Server{}
	s.ServerVHost = &ServerVHost{s: s}
	s.changed.L = &s.mu
	for _, opt := range opts {
		opt(&s.opts)
	}
	s.manual, _ = s.opts.config.Clock.(*delay.Manual)
	s.net.init(s)
	s.ledger = newLedger(s.opts.ledger)
	err := s.start()
	if err == nil && s.opts.addr != "" {
		_, err = s.listen()
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// A login is what URLs say: the default user and where it goes.
type login struct{ user, password, vhost string }

// start makes the broker and lets connections come to it.
func (s *Server) start() error {
	cfg := s.config()
	if s.opts.durable {
		st, err := s.disk.open(&s.opts)
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
	if s.Broker() != nil && s.ledger != nil {
		s.ledger.Restarted(b)
	}
	if !s.take(b, &cfg) {
		shutdown(b)
		return broker.ErrClosed
	}
	return nil
}

// take makes a broker the one that connections go to, and reports whether the
// server is still open.
func (s *Server) take(b *broker.Broker, cfg *broker.Config) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.login = login{
		cmp.Or(cfg.DefaultUser, "guest"), cmp.Or(cfg.DefaultPassword, "guest"), cmp.Or(cfg.DefaultVHost, "/"),
	}
	s.current, s.store, s.running = b, cfg.Store, true
	s.changed.Broadcast()
	return true
}

// config is what each broker that is started is started with.
func (s *Server) config() broker.Config {
	cfg := s.opts.config
	if s.manual != nil { // the clients' time goes on
		cfg.PeerClock = delay.Real{}
	}
	if cfg.Logger == nil {
		cfg.Logger = s.log.logger()
	}
	if cfg.DiskFreeLimit == 0 { // how full the machine's disk is decides no test
		cfg.DiskFreeLimit = -1
	}
	cfg.Tap = &tap.Tap{Decide: s.faults.decide}
	if s.ledger != nil {
		cfg.Tap.Record = s.ledger.Recorder()
	}
	for _, edit := range s.opts.edits {
		edit(&cfg)
	}
	return cfg
}

// Broker returns the broker itself, for what this package does not offer. Restart
// and Crash put another in its place.
func (s *Server) Broker() *broker.Broker {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// await returns the broker that a new connection goes to. It waits for one that is
// being restarted; nil if there is none to come.
func (s *Server) await() *broker.Broker {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.running && !s.closed {
		s.changed.Wait()
	}
	if s.closed {
		return nil
	}
	return s.current
}

// needOpen returns an error if the broker is closed.
func (s *Server) needOpen(caller string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("%s: %w", caller, errClosed)
	}
	return nil
}

// errClosed is broker.ErrClosed in words that follow a caller's name.
var errClosed error = closedError{}

type closedError struct{}

func (closedError) Error() string        { return "the broker is closed" }
func (closedError) Is(target error) bool { return target == broker.ErrClosed }

// needStarted returns an error if the broker is closed or stopped: what is done to
// it then has no effect.
func (s *Server) needStarted(caller string) error {
	if err := s.needOpen(caller); err != nil {
		return err
	}
	if s.net.refuses() {
		return fmt.Errorf("%s: %w", caller, ErrStopped)
	}
	return nil
}

// closePatience is how long Close waits for clients to answer, which live in
// this process or on this machine: only one that hangs takes that long.
const closePatience = 500 * time.Millisecond

// Close ends the broker. Closing again does nothing.
func (s *Server) Close() {
	s.mu.Lock()
	was, b := s.closed, s.current
	s.closed, s.running = true, false
	s.changed.Broadcast()
	s.mu.Unlock()
	if was {
		return
	}
	s.net.pause(false)
	s.net.close()
	if b != nil {
		shutdown(b)
	}
	s.net.serving.Wait()
	s.disk.remove()
}

// shutdown ends a broker in order.
func shutdown(b *broker.Broker) {
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	// Clients that did not answer are no fault of the test's.
	_ = b.Shutdown(ctx)
}
