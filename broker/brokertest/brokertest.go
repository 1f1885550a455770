package brokertest

import (
	"errors"

	"github.com/rabbetmq/rabbet/broker"
)

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

	server *Server
	rescue rescue
}

// New starts a broker that is closed when the test ends.
func New(tb TB, opts ...Option) *Broker {
	tb.Helper()
	s, err := NewServer(opts...)
	if err != nil {
		tb.Fatalf("brokertest: %v", err)
	}
	return s.face(tb, s.Close)
}

// For returns the broker as one test has it: what fails ends that test. When that
// test ends, the faults that it added and the consumers that it started go; all
// else stays for the next, which may begin with Reset. If the test fails, the
// broker's log is shown, what came before the test too.
func (s *Server) For(tb TB) *Broker {
	tb.Helper()
	return s.face(tb, func() {})
}

// face returns the broker as a test has it, and what is to be done last when the
// test ends.
func (s *Server) face(tb TB, last func()) *Broker {
	tb.Helper()
	mq := &Broker{VHost: &VHost{tb, s.ServerVHost}, server: s}
	tb.Cleanup(func() {
		mq.rescue.end()
		last()
		if tb.Failed() {
			s.log.show(tb)
		}
	})
	return mq
}

// check fails the test if err is one. It says what a Go test can do about it.
func check(tb TB, err error) {
	tb.Helper()
	advice := ""
	switch {
	case err == nil:
		return
	case errors.As(err, new(*UnmetError)):
		tb.Fatalf("%v", err)
	case errors.Is(err, ErrRealTime):
		advice = ". Start it with brokertest.New(t, brokertest.WithManualClock()); in a synctest bubble use time.Sleep"
	case errors.Is(err, ErrInMemory):
		advice = ". Start it with brokertest.New(t, brokertest.Durable())"
	}
	tb.Fatalf("brokertest: %v%s", err, advice)
}

// Server returns the broker with methods that return errors.
func (mq *Broker) Server() *Server { return mq.server }

// Broker returns the broker itself, for what this package does not offer. Restart
// and Crash put another in its place.
func (mq *Broker) Broker() *broker.Broker { return mq.server.Broker() }

// Close ends the broker before the test does: clients are told that it shuts
// down (320, CONN-75). Closing again does nothing.
func (mq *Broker) Close() { mq.server.Close() }
