package topology

import (
	"log/slog"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
)

// A DryRun says what declarations would be refused for in an empty virtual host.
type DryRun struct{ vh *VHost }

// NewDryRun makes a DryRun for a profile.
func NewDryRun(env *Env) DryRun {
	return DryRun{makeVHost("", &Env{Profile: env.Profile, Clock: env.Clock, Log: slog.New(slog.DiscardHandler)})}
}

// Exchange returns what an exchange would be refused for.
func (d DryRun) Exchange(m *amqp.ExchangeDeclare, vhost string) error {
	d.vh.Name = vhost
	return d.vh.DeclareExchange(m, nil)
}

// Queue returns what a queue would be refused for.
func (d DryRun) Queue(m *amqp.QueueDeclare, vhost string) error {
	return d.vh.profile.CheckQueueArguments(m, refusal.QueueText(m.Queue, vhost))
}
