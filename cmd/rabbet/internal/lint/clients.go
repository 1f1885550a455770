package lint

import "fmt"

// Clients are those that are connected to a broker, as its management API lists them.
type Clients struct {
	Connections []Connection
	Channels    []Channel
	Consumers   []Consumer
	// Transient are the queues that are neither durable nor exclusive, by name.
	Transient []TransientQueue
}

// A Connection is an element of /api/connections.
type Connection struct {
	Name     string `json:"name"`
	Title    string `json:"user_provided_name"`
	User     string `json:"user"`
	VHost    string `json:"vhost"`
	FrameMax int64  `json:"frame_max"`
	Protocol string `json:"protocol"`
}

// A Channel is an element of /api/channels.
type Channel struct {
	Name           string `json:"name"`
	VHost          string `json:"vhost"`
	User           string `json:"user"`
	GlobalPrefetch int64  `json:"global_prefetch_count"`
}

// A Consumer is an element of /api/consumers.
type Consumer struct {
	Tag       string         `json:"consumer_tag"`
	Arguments map[string]any `json:"arguments"`
	Queue     struct{ Name, VHost string }
	Channel   struct {
		Name           string `json:"name"`
		ConnectionName string `json:"connection_name"`
	} `json:"channel_details"`
	// Classic says that its queue is a classic one.
	Classic bool `json:"-"`
}

// A TransientQueue is a queue that is neither durable nor exclusive.
type TransientQueue struct{ VHost, Name string }

// clients looks for what the target lacks.
func (c *checker) clients(list *Clients) {
	for _, conn := range list.Connections {
		c.connection(&conn)
	}
	for _, ch := range list.Channels {
		if ch.GlobalPrefetch > 0 && c.comes("4.3") {
			c.add(Finding{Changed, "channel", ch.VHost, ch.Name, "BASIC-48",
				fmt.Sprintf("its basic.qos with global, of %d, is taken as if global were not set: each consumer has that limit", ch.GlobalPrefetch),
				"set the prefetch of each consumer instead (user " + ch.User + ")"})
		}
	}
	transient := map[TransientQueue]bool{}
	for _, q := range list.Transient {
		transient[q] = true
	}
	for _, consumer := range list.Consumers {
		at := Finding{Kind: "consumer", VHost: consumer.Queue.VHost, Name: consumer.Tag + " on " + consumer.Channel.Name}
		if transient[TransientQueue{consumer.Queue.VHost, consumer.Queue.Name}] && c.since("4.3") {
			at.Level, at.Rule, at.Text = Refused, "QUEUE-29", fmt.Sprintf("it consumes from %q, which is neither durable nor exclusive and cannot be declared", consumer.Queue.Name)
			at.Advice = "let its program declare the queue durable or exclusive"
			c.add(at)
		}
		if _, has := consumer.Arguments["x-cancel-on-ha-failover"]; has && c.comes("4.0") {
			at.Level, at.Rule, at.Text = Note, "BASIC-32", "x-cancel-on-ha-failover has no effect: there is no mirroring"
			at.Advice = "leave the argument out"
			c.add(at)
		}
		if _, has := consumer.Arguments["x-consumer-timeout"]; has && consumer.Classic && c.since("4.3") {
			at.Level, at.Rule, at.Text = Refused, "QUEUE-51", "x-consumer-timeout is refused by a classic queue"
			at.Advice = "leave the argument out, or make the queue a quorum queue"
			c.add(at)
		}
	}
}

// connection looks at how a client has connected.
func (c *checker) connection(conn *Connection) {
	at := Finding{Level: Refused, Kind: "connection", VHost: conn.VHost, Name: conn.Name}
	if conn.Title != "" {
		at.Name += " (" + conn.Title + ")"
	}
	if conn.FrameMax > 0 && conn.FrameMax < 8192 && c.since("4.2") {
		at.Rule, at.Text = "CONN-23", fmt.Sprintf("its frame-max of %d is below 8192: it cannot connect", conn.FrameMax)
		at.Advice = fmt.Sprintf("set the client's frame-max to 131072 (user %s)", conn.User)
		c.add(at)
	}
	if (conn.Protocol == "AMQP 0-8" || conn.Protocol == "{8,0,0}") && c.since("4.0") {
		at.Rule, at.Text, at.Advice = "CONN-3", "it speaks AMQP 0-8, which is not served", "use a client of AMQP 0-9-1 (user "+conn.User+")"
		c.add(at)
	}
}
