package graduate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/export"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/lint"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/mgmt"
	"github.com/rabbetmq/rabbet/delay"
)

// lookPatience is how long the source of lint may be away.
const lookPatience = 5 * time.Second

// users counts the messages with a user_id of one place.
type users map[string]int

func (u users) add(props *amqp.Properties) {
	if props.Flags&amqp.HasUserID != 0 {
		u[props.UserID]++
	}
}

func (u users) addAll(list []export.Message) error {
	for i := range list {
		var props amqp.Properties
		if err := props.Decode(list[i].Properties); err != nil {
			return fmt.Errorf("message %s: %w", list[i].ID, err)
		}
		u.add(&props)
	}
	return nil
}

// noteUsers keeps those of a place where there are any.
func (d *Definitions) noteUsers(kind, vhost, name string, u users) {
	if len(u) > 0 {
		d.Messages = append(d.Messages, lint.Messages{Kind: kind, VHost: vhost, Name: name, Users: u})
	}
}

// ReadMessages looks at every message of a Rabbet for its user_id. Those of a RabbitMQ
// cannot be read without taking them: there it does nothing.
func (d *Definitions) ReadMessages(ctx context.Context, api *mgmt.Client) error {
	if api.Get(ctx, "/api/rabbet", nil) != nil {
		return nil
	}
	j := &job{source: api, clock: delay.Real{}, Options: Options{Patience: lookPatience}}
	var queues []struct {
		Name, VHost string
		Exclusive   bool
	}
	if err := api.Get(ctx, "/api/queues?columns=name,vhost,exclusive", &queues); err != nil {
		return err
	}
	for _, q := range queues {
		u := users{}
		for from := 0; !q.Exclusive; {
			list, _, err := j.export(ctx, q.VHost, q.Name, from)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				break
			}
			if err := u.addAll(list); err != nil {
				return err
			}
			from += len(list)
		}
		d.noteUsers("queue", q.VHost, q.Name, u)
	}
	return d.readDelayed(ctx, j)
}

func (d *Definitions) readDelayed(ctx context.Context, j *job) error {
	var delays struct {
		Exchanges []struct{ VHost, Exchange string }
	}
	if err := j.source.Get(ctx, "/api/rabbet/delayed", &delays); err != nil {
		return err
	}
	for _, x := range delays.Exchanges {
		u := users{}
		for after := ""; ; {
			list, err := j.exportDelayed(ctx, x.VHost, x.Exchange, after)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				break
			}
			if err := u.addAll(list); err != nil {
				return err
			}
			after = list[len(list)-1].ID
		}
		d.noteUsers("exchange", x.VHost, x.Exchange, u)
	}
	return nil
}

// readBroker is ReadMessages for a broker in this process.
func (d *Definitions) readBroker(b *broker.Broker) error {
	for _, name := range b.VHosts() {
		v, err := b.VHost(name)
		if err != nil {
			return err
		}
		for _, q := range v.QueueNames() {
			u := users{}
			for from := 0; ; {
				list, _, err := v.Browse(q, from, page)
				if err != nil {
					return err
				}
				if len(list) == 0 {
					break
				}
				for i := range list {
					u.add(&list[i].Properties)
				}
				from += len(list)
			}
			d.noteUsers("queue", name, q, u)
		}
		for _, x := range v.Exchanges() {
			u := users{}
			for after := ""; x.MessagesDelayed > 0; {
				list, err := v.ListDelayed(x.Name, after, page)
				if err != nil {
					return err
				}
				if len(list) == 0 {
					break
				}
				for i := range list {
					u.add(&list[i].Properties)
				}
				after = list[len(list)-1].ID
			}
			d.noteUsers("exchange", name, x.Name, u)
		}
	}
	return nil
}

// isImpersonator reports whether a user of the target may publish as somebody else.
func isImpersonator(ctx context.Context, api *mgmt.Client, user string) bool {
	var found struct{ Tags any }
	err := api.Get(ctx, mgmt.Path("users", user), &found)
	return err == nil && strings.Contains(fmt.Sprint(found.Tags), "impersonator")
}
