package shovel

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/amqp/link"
)

var (
	// errDone ends a session that has moved what it was to move.
	errDone = errors.New("transfer is completed")
	// errLeft ends what still went on when the session ended.
	errLeft = errors.New("the session has ended")
)

// A connectError says that an end could not be connected to.
type connectError struct{ end string }

func (e *connectError) Error() string { return "could not connect to " + e.end }

// An endError is a failure of one end.
type endError struct {
	end string // "source" or "destination"
	err error
}

func (e *endError) Error() string { return e.end + ": " + e.err.Error() }
func (e *endError) Unwrap() error { return e.err }

const (
	sourceEnd = "source"
	targetEnd = "destination"
)

// A session is one connection to both ends, from connecting to whatever ends it. One
// goroutine reads from the source and writes publishes, the other reads confirms and
// writes acknowledgements.
//
// The source numbers its deliveries from 1, and the destination its publishes; each
// delivery is published in its turn. So the number of a publish is the tag of its delivery,
// and a confirm is passed on as it is.
type session struct {
	w        *worker
	def      *definition
	src, dst *link.Link
	moving
	confirming

	mu      sync.Mutex
	changed sync.Cond
	blocked bool // by the destination (CONN-77)
	ended   bool
}

// counters are what a worker tells of its sessions.
type counters struct {
	forwarded atomic.Uint64 // messages handed to the destination
	settled   atomic.Uint64 // messages of this session that are done with
	handed    atomic.Uint64 // messages of this session that the destination was given
}

// run connects both ends, moves messages, and returns why it ended.
func (s *session) run(ctx context.Context) error {
	s.changed.L = &s.mu
	defer s.drop()
	var shown [2]string
	var err error
	if s.src, shown[0], err = s.connect(ctx, sourceEnd, s.def.source.uris); err != nil {
		return err
	}
	if s.dst, shown[1], err = s.connect(ctx, targetEnd, s.def.target.uris); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, s.leave)
	defer stop()
	if err := s.prepareTarget(); err != nil {
		return &endError{targetEnd, err}
	}
	err = s.prepareSource()
	switch {
	case errors.Is(err, errDone):
		return err
	case err != nil:
		return &endError{sourceEnd, err}
	}
	s.begin(shown[0], shown[1])
	s.w.running(shown[0], shown[1])
	return s.move()
}

// connect tries the URIs of one end in any order.
func (s *session) connect(ctx context.Context, end string, uris []string) (*link.Link, string, error) {
	uris = slices.Clone(uris)
	rand.Shuffle(len(uris), func(i, k int) { uris[i], uris[k] = uris[k], uris[i] })
	for _, uri := range uris {
		a, err := parseURI(uri)
		if err == nil {
			var l *link.Link
			if l, err = s.w.dial.open(ctx, a, s.def.name); err == nil {
				return l, masked(uri), nil
			}
		}
		if ctx.Err() != nil {
			return nil, "", ctx.Err()
		}
		s.w.log.Error("Shovel '" + s.def.name + "' failed to connect (URI: " + masked(uri) + "): " + connectFault(err))
	}
	s.w.log.Error("Shovel '" + s.def.name + "' has no more URIs to try for connection")
	return nil, "", &connectError{end}
}

// prepareTarget declares the queue and asks for confirms.
func (s *session) prepareTarget() error {
	if q := s.def.target.queue; q != nil {
		if err := ensureQueue(s.dst, *q, s.def.target.args, s.def.target.predeclared); err != nil {
			return err
		}
	}
	if s.def.ackMode != ackConfirm {
		return nil
	}
	return s.dst.Ask(channel, &amqp.ConfirmSelect{}, &amqp.ConfirmSelectOk{})
}

// prepareSource declares what is consumed from, and consumes (SHOVEL-5). It fails with
// errDone if there is nothing to move (SHOVEL-8).
func (s *session) prepareSource() error {
	from := &s.def.source
	name := valueOf(from.queue)
	if from.queue != nil {
		if err := ensureQueue(s.src, name, from.args, from.predeclared); err != nil {
			return err
		}
	} else {
		var ok amqp.QueueDeclareOk
		if err := s.src.Ask(channel, &amqp.QueueDeclare{Exclusive: true}, &ok); err != nil {
			return err
		}
		name = ok.Queue
		bind := &amqp.QueueBind{Queue: name, Exchange: valueOf(from.exchange), RoutingKey: valueOf(from.key)}
		if err := s.src.Ask(channel, bind, &amqp.QueueBindOk{}); err != nil {
			return err
		}
	}
	noAck := s.def.ackMode == ackNone
	if !noAck {
		if err := s.src.Ask(channel, &amqp.BasicQos{PrefetchCount: from.prefetch}, &amqp.BasicQosOk{}); err != nil {
			return err
		}
	}
	s.quota = from.deleteAfter
	if s.quota == queueLength {
		var ok amqp.QueueDeclareOk
		if err := s.src.Ask(channel, &amqp.QueueDeclare{Queue: name, Passive: true}, &ok); err != nil {
			return err
		}
		s.quota = int64(ok.MessageCount)
	}
	if s.remaining = s.quota; s.quota == 0 {
		return errDone
	}
	consume := &amqp.BasicConsume{Queue: name, NoAck: noAck, Arguments: from.consumerArgs}
	return s.src.Ask(channel, consume, &amqp.BasicConsumeOk{})
}

// ensureQueue looks for a queue and declares it, durable, if it is not there and nobody
// else is to declare it. It does so on a channel of its own, which a refusal closes.
func ensureQueue(l *link.Link, name string, args amqp.Table, predeclared bool) error {
	if err := l.Ask(probe, &amqp.ChannelOpen{}, &amqp.ChannelOpenOk{}); err != nil {
		return err
	}
	err := l.Ask(probe, &amqp.QueueDeclare{Queue: name, Passive: true}, &amqp.QueueDeclareOk{})
	var refused *link.CloseError
	if errors.As(err, &refused) && refused.Code == uint16(amqp.NotFound) && !predeclared {
		if err := l.Ask(probe, &amqp.ChannelOpen{}, &amqp.ChannelOpenOk{}); err != nil {
			return err
		}
		err = l.Ask(probe, &amqp.QueueDeclare{Queue: name, Durable: true, Arguments: args}, &amqp.QueueDeclareOk{})
	}
	if err != nil {
		return err
	}
	return l.Ask(probe, &amqp.ChannelClose{ReplyCode: uint16(amqp.ReplySuccess)}, &amqp.ChannelCloseOk{})
}

// move runs both goroutines to their end. What ends first is why.
func (s *session) move() error {
	results := make(chan error, 2)
	var both sync.WaitGroup
	half := func(l *link.Link, run func() error) func() {
		return func() {
			results <- run()
			for !l.Over() { // so that what was written is known to be read
				f, err := l.Next()
				if err != nil {
					return
				}
				if f.Kind == amqp.FrameMethod {
					_ = l.Control(f) // what ends it has been said
				}
			}
		}
	}
	both.Go(half(s.src, s.pump))
	both.Go(half(s.dst, s.passConfirms))
	err := <-results
	s.leave()
	both.Wait()
	return err
}

// leave ends the session in order, from any goroutine.
func (s *session) leave() {
	s.mu.Lock()
	was := s.ended
	s.ended = true
	s.changed.Broadcast()
	s.mu.Unlock()
	if was {
		return
	}
	for _, l := range []*link.Link{s.src, s.dst} {
		s.w.dial.clock.AfterFunc(closeTimeout, func() { l.Close() })
		l.Goodbye()
	}
}

// drop closes what is open.
func (s *session) drop() {
	for _, l := range []*link.Link{s.src, s.dst} {
		if l != nil {
			l.Close()
		}
	}
}

// awaitUnblocked waits while the destination is blocked, and reports whether to go on.
func (s *session) awaitUnblocked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.blocked && !s.ended {
		s.changed.Wait()
	}
	return !s.ended
}

func (s *session) setBlocked(blocked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blocked = blocked
	s.changed.Broadcast()
	s.w.setBlocked(blocked)
}
