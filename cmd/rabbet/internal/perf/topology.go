// What a load needs declared, and its removal.

package perf

import (
	"errors"
	"fmt"

	"github.com/rabbetmq/rabbet/amqp"
)

// declare makes the exchange, the queues and the bindings.
func (p *plan) declare(c *wire) error {
	if p.Predeclared {
		return nil
	}
	if p.declaresExchange() {
		m := &amqp.ExchangeDeclare{Exchange: p.exchange, Type: p.ExchangeType, Durable: p.Persistent}
		if err := c.ask(m, &amqp.ExchangeDeclareOk{}); err != nil {
			return fmt.Errorf("declaring exchange %q: %w", p.exchange, err)
		}
	}
	for i, queue := range p.queues {
		m := &amqp.QueueDeclare{Queue: queue, Durable: p.Persistent, Arguments: p.QueueArgs}
		if err := c.ask(m, &amqp.QueueDeclareOk{}); err != nil {
			return fmt.Errorf("declaring queue %q: %w", queue, err)
		}
		if p.exchange == "" {
			continue
		}
		bind := &amqp.QueueBind{Queue: queue, Exchange: p.exchange, RoutingKey: p.bindKey(i)}
		if p.ExchangeType == "headers" {
			bind.Arguments = amqp.Table{{Key: "x-match", Value: "all"}, {Key: "key", Value: p.bindKey(i)}}
		}
		if err := c.ask(bind, &amqp.QueueBindOk{}); err != nil {
			return fmt.Errorf("binding queue %q: %w", queue, err)
		}
	}
	return nil
}

// remove deletes what declare made.
func (p *plan) remove(c *wire) error {
	if p.Predeclared {
		return nil
	}
	var errs []error
	for _, queue := range p.queues {
		if err := c.ask(&amqp.QueueDelete{Queue: queue}, &amqp.QueueDeleteOk{}); err != nil {
			errs = append(errs, fmt.Errorf("deleting queue %q: %w", queue, err))
		}
	}
	if p.declaresExchange() {
		if err := c.ask(&amqp.ExchangeDelete{Exchange: p.exchange}, &amqp.ExchangeDeleteOk{}); err != nil {
			errs = append(errs, fmt.Errorf("deleting exchange %q: %w", p.exchange, err))
		}
	}
	return errors.Join(errs...)
}
