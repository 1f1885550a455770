package topology

import (
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/queue/dedup"
)

// A Source is where a message comes from.
type Source uint8

// The sources.
const (
	FromClient     Source = iota
	FromGo                // a program that embeds the broker
	FromDeadLetter        // a queue, or a strict delayed exchange
	FromDelay             // a delayed exchange, in which it was due
	FromBroker            // a copy for amq.rabbitmq.trace, an event, or a line of the log
	FromHistory           // an x-recent-history exchange, to a new binding
)

// A Publisher is the one way into a virtual host for all messages, of clients and of the
// broker itself. Find finds where a message goes, and whether it may; Pass sends it there, held back to go with
// others to the same queues; Flush hands over what is held back. A Publisher belongs to one
// goroutine. The goroutine that has it performs its Effects.
type Publisher struct {
	// Client is what observers know the sender by; nil but for clients.
	Client any
	// By is whose permissions count; nil is the broker itself.
	By Owner
	// Handed, unless nil, is called when a run has been handed to its queues, with the
	// indices of those messages that a full queue has rejected; of one that several have
	// rejected, several times.
	Handed func(refused []int)

	vh     *names
	from   Source
	fx     *queue.Effects
	router router

	queues []*Queue // of the run
	msgs   []*queue.Message
	marks  map[int][]dedup.Mark // of those messages that have any

	taken func(*Queue) // unless nil, told of each queue that has taken all of the run

	found []*Queue // scratch, for those who have none of their own
	keys  []string // the same
}

// NewPublisher makes a publisher; what queues want done is left in fx.
func (vh *names) NewPublisher(from Source, fx *queue.Effects) Publisher {
	return Publisher{vh: vh, from: from, fx: fx}
}

// A Route is where a message goes.
type Route struct {
	Exchange *Exchange // that the message is published to
	Queues   []*Queue
	// Delays are the delayed exchanges that keep the message. They are valid until the
	// publisher's next Find.
	Delays []Delay
	keeps  []*Exchange  // x-recent-history exchanges on the way
	marks  []dedup.Mark // what finding the route has noted: see TakeBack
	// Repeats says that an x-message-deduplication exchange on the way has seen the message's
	// value before. The publisher is told when the disk has what came before, for the first
	// message may still be on its way there.
	Repeats bool

	// Lasting says that the same arguments of a publish lead to the same queues as long as
	// the virtual host's Generation is this one: nothing but the topology counts, and of the
	// message whether it has headers, if HeadersCount.
	Lasting, HeadersCount bool
	Generation            uint64
}

// Find finds where a message goes that is published to x. keys holds the routing key and
// what CC and BCC add (EXCH-45), headers those to route by, which may differ from those
// among the properties. The queues are appended to dst.
func (p *Publisher) Find(
	dst []*Queue, x *Exchange, keys []string, headers amqp.RawTable, props amqp.RawProperties,
) (Route, error) {
	if p.By != nil && p.vh.profile.TopicPermitsAllKeys {
		for _, key := range keys[1:] { // PERM-11: that of the routing key comes before all other checks
			if err := x.MayPublishTopic(p.By, key); err != nil {
				return Route{}, err
			}
		}
	}
	p.vh.mu.RLock()
	defer p.vh.mu.RUnlock()
	return p.findRoute(dst, x, keys, headers, props)
}

// findRoute is Find without permissions, for those who hold the virtual host's lock, for
// reading at least.
func (p *Publisher) findRoute(
	dst []*Queue, x *Exchange, keys []string, headers amqp.RawTable, props amqp.RawProperties,
) (Route, error) {
	queues := p.router.route(dst, p.vh, x, keys, headers, props)
	if p.router.refusal != nil {
		(&Route{marks: p.router.marks}).TakeBack()
	}
	if p.router.repeats && p.vh.env.Store != nil {
		p.fx.Logged = true
	}
	return Route{
		Exchange: x, Queues: queues, Delays: p.router.delays, keeps: p.router.keeps, marks: p.router.marks, Repeats: p.router.repeats,
		// Declaring a queue does not change the generation, so a route to nowhere does
		// not last.
		Lasting: p.router.keyOnly && len(queues) > 0, HeadersCount: p.router.delayed, Generation: p.vh.Generation(),
	}, p.router.refusal
}

// Pass sends a message where its route leads. The route's slices are not kept.
func (p *Publisher) Pass(m *queue.Message, to Route) {
	if len(to.Queues) > 0 {
		p.addToRun(m, to)
	} else if f := p.vh.env.Follower; f != nil && len(to.Delays) == 0 {
		f.Unroutable(p.vh.Name, p.from, m)
	}
	StartDelays(to.Delays, m, p.fx)
	for _, x := range to.keeps {
		x.history.remember(m)
	}
}

// addToRun adds a message to the run, and begins another run where it does not fit.
func (p *Publisher) addToRun(m *queue.Message, to Route) {
	queues := to.Queues
	if len(p.msgs) > 0 && (len(p.msgs) >= maxRun || !slices.Equal(p.queues, queues)) {
		p.Flush()
	}
	if len(p.msgs) == 0 {
		p.queues = append(p.queues[:0], queues...)
	}
	if to.marks != nil {
		if p.marks == nil {
			p.marks = make(map[int][]dedup.Mark)
		}
		p.marks[len(p.msgs)] = to.marks
	}
	p.msgs = append(p.msgs, m)
}

// Probing makes Find note nothing: what it finds is only looked at.
func (p *Publisher) Probing() { p.router.probe = true }

// takeBack forgets what was noted of messages that a queue has rejected: the publisher
// will send them again.
func (p *Publisher) takeBack(refused []int) {
	for _, i := range refused {
		(&Route{marks: p.marks[i]}).TakeBack()
	}
	clear(p.marks)
}

// Flush hands the run to its queues and returns how many took it. A queue that was
// deleted since the route was found drops it (QUEUE-27).
func (p *Publisher) Flush() (took int) {
	if len(p.msgs) == 0 {
		return 0
	}
	if f := p.vh.env.Follower; f != nil {
		f.Passed(p.vh.Name, p.from, p.queues, p.msgs)
	}
	p.fx.Inside, p.fx.Confirming = p.from > FromGo, p.taken != nil
	for _, q := range p.queues {
		refused := len(p.fx.Refused)
		if q.Publish(p.msgs, p.fx) {
			took++
			if p.taken != nil && len(p.fx.Refused) == refused {
				p.taken(q)
			}
		}
		if len(p.fx.Refused) > refused {
			p.tellRefused(q, p.fx.Refused[refused:])
		}
	}
	if len(p.marks) > 0 {
		p.takeBack(p.fx.Refused)
	}
	if p.Handed != nil {
		p.Handed(p.fx.Refused)
	}
	p.fx.Refused = p.fx.Refused[:0]
	clear(p.msgs)
	p.msgs = p.msgs[:0]
	return took
}

// tellRefused tells the observer of those messages of the run that a queue has rejected.
func (p *Publisher) tellRefused(q *Queue, refused []int) {
	o := p.vh.observer()
	if o == nil {
		return
	}
	for _, i := range refused {
		o.Refused(p.vh.Name, p.Client, q.Name, p.msgs[i])
	}
}

// Abandon drops what is held back, and forgets what was noted of it.
func (p *Publisher) Abandon() {
	for _, marks := range p.marks {
		(&Route{marks: marks}).TakeBack()
	}
	clear(p.marks)
	clear(p.msgs)
	p.msgs = p.msgs[:0]
}

// TakeBack undoes what finding a route has left behind, when nothing comes of the
// message.
func (to *Route) TakeBack() {
	for _, m := range to.marks {
		m.Forget()
	}
	to.marks = nil
}
