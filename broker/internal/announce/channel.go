package announce

import (
	"log/slog"
	"sync"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/queue"
)

// A Channel publishes what the broker itself says to an exchange of its own: copies
// of messages, events, lines of the log. They come from places with locks held, under
// which nothing can be published, so they are held until one goroutine publishes them,
// which ends when all are out.
type Channel struct {
	exchange string
	log      *slog.Logger
	place    func() *topology.VHost // nil has all dropped

	mu      sync.Mutex
	held    []Message
	bytes   int
	dropped int
	running bool
	over    bool // nothing more is published
	drains  sync.WaitGroup
}

// Open says where what is sent goes.
func (s *Channel) Open(exchange string, log *slog.Logger, place func() *topology.VHost) {
	s.exchange, s.log, s.place = exchange, log, place
}

// A Message is one message of a Channel.
type Message struct {
	Key   string
	Props amqp.Properties
	Body  []byte
}

// maxHeld is how many bytes wait in a Channel. More are dropped, and the log says
// so: it must hold up nobody.
const maxHeld = 64 << 20

// overhead is about what a message takes besides its body.
const overhead = 1 << 10

// Send has a message published. It may be called under any lock.
func (s *Channel) Send(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	if s.bytes+len(m.Body)+overhead > maxHeld {
		s.dropped++
		return
	}
	s.bytes += len(m.Body) + overhead
	s.held = append(s.held, m)
	if !s.running {
		s.running = true
		s.drains.Go(s.drain)
	}
}

// Stop publishes what there is, and nothing after it.
func (s *Channel) Stop() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.drains.Wait()
}

// drain publishes what there is, in order.
func (s *Channel) drain() {
	for {
		held, dropped := s.take()
		if len(held) == 0 {
			return
		}
		vh := s.place()
		if vh == nil { // nobody can listen
			continue
		}
		if dropped > 0 {
			s.log.Warn("messages of the broker's own are dropped, since more than it holds were waiting",
				"exchange", s.exchange, "vhost", vh.Name, "messages", dropped)
		}
		s.publish(vh, held)
	}
}

func (s *Channel) publish(vh *topology.VHost, list []Message) {
	x := vh.Exchange(s.exchange)
	if x == nil {
		return
	}
	var fx queue.Effects
	p := vh.NewPublisher(topology.FromBroker, &fx)
	for i := range list {
		props := list[i].Props
		m := &queue.Message{Exchange: s.exchange, Key: list[i].Key, Props: props.Append(nil), Body: list[i].Body}
		m.Persistent = props.Flags&amqp.HasDeliveryMode != 0 && props.DeliveryMode == 2
		if to, err := p.Find(nil, x, []string{m.Key}, m.Props.Headers(), m.Props); err == nil {
			p.Pass(m, to)
		}
	}
	p.Flush()
	vh.Perform(&fx)
}

// take takes all; without any the drain is over.
func (s *Channel) take() (held []Message, dropped int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, dropped = s.held, s.dropped
	s.held, s.bytes, s.dropped = nil, 0, 0
	s.running = len(held) > 0
	return held, dropped
}
