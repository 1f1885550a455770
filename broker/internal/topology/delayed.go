package topology

import (
	"strconv"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/broker/internal/records"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/exchange"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/queue/delayed"
	"github.com/rabbetmq/rabbet/store"
)

func (vh *VHost) newDelayed(name string, id uint64) *delayedQueue {
	d := &delayedQueue{name: name, id: id}
	cfg := delayed.Config{
		Clock: vh.env.Clock, Store: vh.env.Store, ID: id, Decode: decodeDelayed, Dispatch: func(due []*queue.Message) func(int) { return vh.dispatch(d, due) },
		Fault: func(err error) { vh.fault(name, err) },
	}
	if o := vh.env.Observer; o != nil {
		cfg.Cancelled = func(publication uint64, why queue.Reason) { o.Cancelled(vh.Name, name, publication, why) }
		cfg.Recall = vh.env.Recall
	}
	d.Queue = delayed.New(cfg)
	return d
}

// decodeDelayed reads a message back from the store.
func decodeDelayed(r *store.Record) (*queue.Message, error) {
	m, err := queue.DecodeStored(r)
	if err == nil {
		err = message.ReadTTL(m)
	}
	return m, err
}

func (k *keeper) persistDelayed(d *delayedQueue, x *Exchange) {
	k.put(&records.Delayed{
		VHost: k.vhost, Name: records.Text(d.name), ID: d.id,
		Alternate: records.Text(x.alternate), HasAlternate: x.hasAlternate,
	})
}

// resume lets what is due go out. It comes once all queues are recovered.
func (vh *VHost) resume(d *delayedQueue) {
	vh.forgetIfEmpty(d)
	d.Resume()
}

// dispatch routes what is due by the bindings of this moment (EXCH-53) and hands it to
// its queues. What a full one refuses is lost: there is nobody to be told.
func (vh *VHost) dispatch(d *delayedQueue, due []*queue.Message) (forgotten func(left int)) {
	var fx queue.Effects
	p := vh.NewPublisher(FromDelay, &fx)
	for _, m := range due {
		p.due(d, m)
	}
	p.Flush()
	return func(left int) {
		if left == 0 {
			vh.forgetIfEmpty(d)
		}
		vh.Perform(&fx)
	}
}

// unroutable is why a strict exchange dead-letters.
const unroutable queue.Reason = "unroutable"

// due sends one message that has waited.
func (p *Publisher) due(d *delayedQueue, m *queue.Message) {
	vh := p.vh
	p.keys = message.AppendKeys(p.keys[:0], m)
	vh.mu.RLock()
	x := vh.exchanges[d.name]
	if x == nil {
		x = d.ghost
	}
	if x == nil { // strict, and just deleted
		vh.mu.RUnlock()
		return
	}
	to, _ := p.findRoute(p.found[:0], x, p.keys, m.Props.Headers(), m.Props) // the delay is over
	strict := x.strict
	vh.mu.RUnlock()
	p.found = to.Queues
	if o := vh.observer(); o != nil {
		o.Due(vh.Name, d.name, m, to.Queues)
	}
	if len(to.Queues) == 0 && strict != nil && strict.deadLetter != nil {
		p.deadLetter(&queue.DeadLetter{Settings: strict.deadLetter, Item: queue.Item{Msg: m}, Reason: unroutable})
		return
	}
	p.Pass(m, to)
}

// strictArguments are those that count in a strict exchange alone, where they are
// compared on a redeclaration.
var strictArguments = []string{"x-delayed-type", "x-dead-letter-exchange", "x-dead-letter-routing-key"}

// offersDelayed reports whether a delayed exchange of these arguments may be declared.
// Where RabbitMQ has no plugin any more the type is as unknown as it is there
// (EXCH-9), but for those who ask for what only Rabbet has and for what is in the
// store from before.
func (vh *VHost) offersDelayed(args amqp.Table) bool {
	strict, _ := args.Get("x-delayed-strict")
	return (vh.profile.DelayedPlugin || strict == true) && !vh.env.isDisabled(delayedType) || vh.recovering
}

// makeDelayed gives an exchange the routing table of its x-delayed-type and what
// waits under its name. Called with the lock held, when all else is checked.
func (vh *VHost) makeDelayed(x *Exchange) error {
	var kind string
	switch v, _ := x.Args.Get("x-delayed-type"); v := v.(type) { // EXCH-47: the type must exist
	case string:
		kind = v
	case []byte:
		kind = string(v)
	default:
		return amqp.Errorf(amqp.PreconditionFailed, "Invalid argument, 'x-delayed-type' must be an existing exchange type")
	}
	if kind == delayedType {
		return amqp.Errorf(amqp.PreconditionFailed, "Invalid argument, '%s' can't be used for 'x-delayed-type'", delayedType)
	}
	if err := vh.checkExchangeType(kind); err != nil {
		return err
	}
	strict, err := strictOf(x.Args, refusal.ExchangeText(x.Name, vh.Name))
	if err != nil {
		return err
	}
	if err := vh.makeTable(x, kind); err != nil {
		return err
	}
	x.strict = strict
	x.delayed = vh.waiting[x.Name]
	if x.delayed == nil {
		x.delayed = vh.newDelayed(x.Name, vh.env.nextID())
		vh.waiting[x.Name] = x.delayed
	}
	vh.persistDelayed(x.delayed, x)
	return nil
}

// strictOf reads x-delayed-strict and what goes with it; nil is without.
func strictOf(args amqp.Table, resource string) (*strictness, error) {
	v, there := args.Get("x-delayed-strict")
	on, isBool := v.(bool)
	if there && !isBool {
		return nil, amqp.Errorf(amqp.PreconditionFailed, "invalid type '%s' for arg 'x-delayed-strict' in %s",
			amqp.TypeName(v), resource)
	}
	if !on {
		return nil, nil
	}
	for _, name := range strictArguments[1:] {
		if v, ok := args.Get(name); ok {
			if _, isString := v.(string); !isString {
				return nil, amqp.Errorf(amqp.PreconditionFailed, "invalid type '%s' for arg '%s' in %s",
					amqp.TypeName(v), name, resource)
			}
		}
	}
	to, hasExchange := args.Get("x-dead-letter-exchange")
	key, hasKey := args.Get("x-dead-letter-routing-key")
	switch {
	case hasKey && !hasExchange:
		return nil, amqp.Errorf(amqp.PreconditionFailed,
			"invalid arg 'x-dead-letter-routing-key' for %s: routing_key_but_no_dlx_defined", resource)
	case !hasExchange:
		return &strictness{}, nil
	}
	s := &queue.Settings{DeadLetterExchange: to.(string), HasDeadLetterKey: hasKey}
	s.DeadLetterKey, _ = key.(string)
	s.DeadLetterKey = message.CutKey(s.DeadLetterKey)
	return &strictness{s}, nil
}

// checkStrict compares what a redeclaration of a delayed exchange says of
// strictness. Of one that is not strict x-delayed-type is not compared (EXCH-48).
func (x *Exchange) checkStrict(resource string, args amqp.Table) error {
	if x.delayed == nil {
		return nil
	}
	v, _ := args.Get("x-delayed-strict")
	if on, _ := v.(bool); on != (x.strict != nil) {
		return refusal.Inequivalent("x-delayed-strict", resource, strconv.FormatBool(on), strconv.FormatBool(!on))
	}
	if x.strict == nil {
		return nil
	}
	for _, name := range strictArguments {
		if err := profile.CheckArgument(name, resource, args, x.Args); err != nil {
			return err
		}
	}
	return nil
}

// removeDelayed keeps or drops what waits in an exchange that has been
// deleted: a strict one takes it along, otherwise it stays (EXCH-55). Called
// with the lock held.
func (vh *VHost) removeDelayed(x *Exchange) {
	d := x.delayed
	d.ghost = ghostOf(x.Name, x.alternate, x.hasAlternate)
	if d.Delete(x.strict != nil) {
		vh.forgetDelayed(d)
	} else {
		vh.persistDelayed(d, d.ghost)
	}
}

// ghostOf is an exchange that is no more: it has no bindings, but what is due in
// it is still offered to its alternate, as by the plugin, which routes by the
// exchange as it was.
func ghostOf(name, alternate string, hasAlternate bool) *Exchange {
	table, _ := exchange.New[destination]("fanout", nil)
	return &Exchange{Name: name, alternate: alternate, hasAlternate: hasAlternate, table: table}
}
