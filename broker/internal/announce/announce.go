package announce

import (
	"log/slog"
	"strconv"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/delay"
)

// An Announcer publishes what the broker itself has to say: events, and the log.
type Announcer struct {
	wanted  *topology.Events
	clock   delay.Clock
	node    string
	started int64 // in seconds since 1970

	events, logLines Channel
}

// Config is what an Announcer needs.
type Config struct {
	Clock  delay.Clock
	Node   string
	Logger *slog.Logger
	// Events and Lines find the virtual hosts of amq.rabbitmq.event and amq.rabbitmq.log.
	Events, Lines func() *topology.VHost
}

// New makes an Announcer.
func New(cfg Config) *Announcer {
	a := &Announcer{clock: cfg.Clock, node: cfg.Node, started: cfg.Clock.Now().Unix()}
	a.events.Open(topology.EventExchange, cfg.Logger, cfg.Events)
	a.logLines.Open(topology.LogExchange, cfg.Logger, cfg.Lines)
	return a
}

// Stop publishes what there is, and nothing after it.
func (a *Announcer) Stop() {
	a.events.Stop()
	a.logLines.Stop()
}

// Of begins to send the events of an Env.
func (a *Announcer) Of(env *topology.Env) {
	a.wanted = &env.Events
	env.Events.Sink = a.sendEvent
}

// sendEvent has an event published (EVENT-1). It may be called under any lock.
func (a *Announcer) sendEvent(e topology.Event) {
	now := a.clock.Now()
	a.events.Send(Message{e.Key, amqp.Properties{
		Flags:        amqp.HasHeaders | amqp.HasDeliveryMode | amqp.HasTimestamp,
		Headers:      append(e.Headers, amqp.Field{Key: "timestamp_in_ms", Value: now.UnixMilli()}),
		DeliveryMode: 2, Timestamp: uint64(now.Unix()),
	}, nil})
}

// tell tells an event if somebody listens; headers makes its headers.
func (a *Announcer) tell(key string, headers func() amqp.Table) {
	if a.wanted.Wanted() {
		a.wanted.Tell(key, headers())
	}
}

// byUser names who has done what an event tells (EVENT-4).
func byUser(name string) amqp.Field {
	return amqp.Field{Key: "user_who_performed_action", Value: name}
}

// TellOf tells an event of something that nobody in particular has done, given its
// headers with their names first.
func (a *Announcer) TellOf(key string, namesAndValues ...any) {
	a.tell(key, func() amqp.Table {
		t := amqp.Table{}
		for i := 0; i < len(namesAndValues); i += 2 {
			t = append(t, amqp.Field{Key: namesAndValues[i].(string), Value: namesAndValues[i+1]})
		}
		return append(t, byUser(topology.InternalUser))
	})
}

// PID is how events name a connection, which is of kind 0, or a channel, of kind 1: like
// an Erlang process (EVENT-3).
func (a *Announcer) PID(number uint64, kind int) string {
	return "<" + a.node + "." + strconv.FormatInt(a.started, 10) + "." +
		strconv.FormatUint(number, 10) + "." + strconv.Itoa(kind) + ">"
}
