package shovel

import (
	"context"
	"net"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/amqp/link"
	"github.com/rabbetmq/rabbet/delay"
)

const (
	// channel is the one channel that messages go through; probe is for what may be refused.
	channel = 1
	probe   = 2
	// heartbeat is what RabbitMQ's client asks for.
	heartbeat = 10 * time.Second
	// closeTimeout bounds an orderly end.
	closeTimeout = 10 * time.Second
)

// A dialer opens connections.
type dialer struct {
	clock  delay.Clock // the peers'
	direct func(login bool) (net.Conn, error)
}

// open connects and logs in, and opens the channel.
func (d *dialer) open(ctx context.Context, a *address, name string) (*link.Link, error) {
	c := &link.Config{
		Clock: d.clock, Address: a.host, Timeout: a.timeout, User: a.user, Password: a.password, VHost: a.vhost,
		Product: "Rabbet", Name: "Shovel " + name, Heartbeat: a.heartbeat,
	}
	switch {
	case a.direct:
		c.Connect, c.Heartbeat = func() (net.Conn, error) { return d.direct(a.login) }, -1
	case a.secure:
		var err error
		if c.TLS, err = a.tlsConfig(); err != nil {
			return nil, err
		}
	}
	l, err := link.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := l.Ask(channel, &amqp.ChannelOpen{}, &amqp.ChannelOpenOk{}); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}
