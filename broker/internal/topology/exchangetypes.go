package topology

import (
	"errors"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/exchange"
	"github.com/rabbetmq/rabbet/queue"
)

// The types of exchanges: which there are, what they refuse, and what they do besides
// routing (CHASH, RANDOM, RECENT, MODULUS, LOCALRANDOM).

const (
	recentHistory = "x-recent-history"
	localRandom   = "x-local-random"
)

// checkExchangeType refuses a type that this broker does not have (EXCH-7), or that its
// configuration has switched off. What is in the store already stays.
func (vh *VHost) checkExchangeType(kind string) error {
	t, known := exchange.Find(kind)
	known = known && (t.Since == "" || vh.profile.LocalRandom)
	switch {
	case known && vh.recovering:
		return nil
	case known && vh.env.isDisabled(kind) && t.Plugin == "": // LOCALRANDOM-1: a type of 4.0 that can be switched off
		return amqp.Errorf(amqp.PreconditionFailed, "%s exchange is disabled by configuration", kind)
	case !known || vh.env.isDisabled(kind):
		return vh.errExchangeType(kind)
	}
	return nil
}

// knownWords are the names that RabbitMQ's virtual machine knows as words of some
// program, as far as somebody may take them for a type of exchange (EXCH-8).
var knownWords = strings.Fields(`
		true false undefined none error ok queue exchange binding default match stream classic quorum test foo bar any all
		message channel connection consumer name type events normal priority shared public private local global simple dead
		dlx log data job null nil header x federation random string user users event`)

// errExchangeType refuses an unknown type (EXCH-7), in other words one whose name is a word
// of RabbitMQ's own (EXCH-8).
func (vh *VHost) errExchangeType(kind string) error {
	invalid := kind == "" || slices.Contains(knownWords, kind)
	switch kind {
	case "x-jms-topic", "x-random":
		invalid = vh.profile.PluginWords
	}
	if invalid {
		return amqp.Errorf(amqp.PreconditionFailed, "invalid exchange type '%s'", kind)
	}
	return amqp.Errorf(amqp.PreconditionFailed, "unknown exchange type '%s'", kind)
}

// An ExchangeType is a type of exchanges.
type ExchangeType = exchange.Type

// ExchangeTypes returns the types that can be declared, by name.
func (env *Env) ExchangeTypes() []ExchangeType {
	all := append(exchange.Types(), ExchangeType{
		Name: delayedType, Plugin: "rabbitmq_delayed_message_exchange", Description: "Delayed Message Exchange.",
	})
	slices.SortFunc(all, func(a, b exchange.Type) int { return strings.Compare(a.Name, b.Name) })
	return slices.DeleteFunc(all, func(t exchange.Type) bool {
		return t.Since != "" && !env.Profile.LocalRandom || t.Name == delayedType && !env.Profile.DelayedPlugin || env.isDisabled(t.Name)
	})
}

// makeTable gives an exchange what it routes by, and what it remembers.
func (vh *VHost) makeTable(x *Exchange, kind string) error {
	table, err := exchange.New[destination](kind, x.Args)
	var invalid *exchange.ArgumentError
	switch {
	case errors.As(err, &invalid):
		return amqp.Errorf(amqp.PreconditionFailed, "%s", invalid.Text)
	case errors.Is(err, exchange.ErrArgumentType): // CHASH-1: the connection fails with 541
		return amqp.NewInternalError()
	case err != nil:
		return vh.errExchangeType(kind)
	}
	x.table = table
	if kind == recentHistory {
		limit, _ := exchange.HistoryLength(x.Args) // New has checked it
		x.history = &recentMessages{kept: exchange.History[*queue.Message]{Limit: limit}}
	}
	if kind == deduplication {
		if err := vh.makeCache(x); err != nil {
			return err
		}
	}
	x.ordered = kind == "x-consistent-hash" || kind == "x-modulus-hash"
	return nil
}

// replay sends what an x-recent-history exchange keeps to a destination that has just
// been bound, or through it (RECENT-2).
func (vh *VHost) replay(x *Exchange, d destination) {
	var fx queue.Effects
	p := vh.NewPublisher(FromHistory, &fx)
	for _, m := range x.history.messages() {
		to := Route{Exchange: x}
		if d.queue != nil {
			to.Queues = []*Queue{d.queue}
		} else {
			p.keys = message.AppendKeys(p.keys[:0], m)
			vh.mu.RLock()
			to, _ = p.findRoute(nil, d.exchange, p.keys, m.Props.Headers(), m.Props)
			vh.mu.RUnlock()
		}
		p.Pass(m, to)
	}
	p.Flush()
	vh.Perform(&fx)
}

// checkDestination refuses what an x-local-random exchange cannot lead to
// (LOCALRANDOM-1).
func (x *Exchange) checkDestination(key string, d destination) error {
	switch {
	case x.Kind != localRandom || key != "": // which the table refuses
		return nil
	case d.queue == nil:
		return amqp.Errorf(amqp.PreconditionFailed, "Destination not found")
	}
	if t := profile.QueueTypeOf(d.queue.Args); t != &profile.ClassicQueue {
		return amqp.Errorf(amqp.PreconditionFailed, "Queue type %s not valid for this exchange type", t.Module)
	}
	return nil
}
