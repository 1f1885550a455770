package topology

import (
	"strconv"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/broker/internal/records"
	"github.com/rabbetmq/rabbet/exchange"
	"github.com/rabbetmq/rabbet/queue"
)

// delayedType is the type of the exchanges that the plugin adds.
const delayedType = "x-delayed-message"

// strictArguments are those that count in a strict exchange alone, where they are
// compared on a redeclaration.
var strictArguments = []string{"x-delayed-type", "x-dead-letter-exchange", "x-dead-letter-routing-key"}

// A strictness is what an exchange does that was declared with x-delayed-strict:
// what it keeps counts as routed, its alternate is asked when a message is due,
// and a message that is unroutable then is dead-lettered.
type strictness struct {
	deadLetter *queue.Settings // nil if there is no dead-letter exchange
}

// offersDelayed tells whether a delayed exchange of these arguments may be declared.
// Where RabbitMQ has no plugin any more the type is as unknown as it is there
// (EXCH-9), but for those who ask for what only Rabbet has and for what is in the
// store from before.
func (vh *VHost) offersDelayed(args amqp.Table) bool {
	strict, _ := args.Get("x-delayed-strict")
	return vh.profile.DelayedPlugin || strict == true || vh.recovering
}

// makeDelayed gives an exchange the routing table of its x-delayed-type and what
// waits under its name. Called with the lock held, when all else is checked.
func (vh *VHost) makeDelayed(x *Exchange) error {
	var kind string
	switch v, _ := x.Args.Get("x-delayed-type"); v := v.(type) { // EXCH-47
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
	strict, err := strictOf(x.Args, ExchangeText(x.Name, vh.Name))
	if err != nil {
		return err
	}
	if err := vh.makeTable(x, kind); err != nil {
		return err
	}
	x.strict = strict
	x.delayed = vh.delayed[x.Name]
	if x.delayed == nil {
		x.delayed = newDelayed(vh, x.Name, vh.nextQueueID())
		vh.delayed[x.Name] = x.delayed
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
		return errInequivalent("x-delayed-strict", resource, strconv.FormatBool(on), strconv.FormatBool(!on))
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

// removeDelayed decides what becomes of what waits in an exchange that has been
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

// forgetDelayed forgets a name under which nothing waits.
func (vh *VHost) forgetDelayed(d *delayedQueue) {
	delete(vh.delayed, d.name)
	vh.unput(&records.Delayed{VHost: records.Text(vh.Name), Name: records.Text(d.name)})
}

// forgetIfEmpty ends a delayed that has outlived its exchange when the last
// message is gone.
func (vh *VHost) forgetIfEmpty(d *delayedQueue) {
	vh.mu.Lock()
	defer vh.mu.Unlock()
	if x := vh.exchanges[d.name]; (x == nil || x.delayed != d) && vh.delayed[d.name] == d && d.Delete(false) {
		vh.forgetDelayed(d)
	}
}

// ghostOf is an exchange that is no more: it has no bindings, but what is due in
// it is still offered to its alternate, as by the plugin, which routes by the
// exchange as it was.
func ghostOf(name, alternate string, hasAlternate bool) *Exchange {
	table, _ := exchange.New[destination]("fanout", nil)
	return &Exchange{Name: name, alternate: alternate, hasAlternate: hasAlternate, table: table}
}
