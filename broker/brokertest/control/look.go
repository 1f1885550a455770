package control

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// A queueState is a queue's numbers.
type queueState struct {
	Name       string `json:"name"`
	Ready      int    `json:"ready"`
	Unacked    int    `json:"unacked"`
	Messages   int    `json:"messages"` // both, and what is away
	Away       int    `json:"away,omitempty"`
	Consumers  int    `json:"consumers"`
	ReadyBytes int64  `json:"ready_bytes"`
	Exclusive  bool   `json:"exclusive,omitempty"`
}

func stateOf(name string, c brokertest.Counts) queueState {
	return queueState{
		Name: name, Ready: c.Ready, Unacked: c.Unacked, Messages: c.Ready + c.Unacked + c.Away, Away: c.Away, Consumers: c.Consumers, ReadyBytes: c.ReadyBytes,
	}
}

// queues lists all queues, also those that belong to one connection.
func queues(r *request) (any, error) {
	v, err := r.vhost()
	if err != nil {
		return nil, err
	}
	info, err := v.Info()
	if err != nil {
		return nil, err
	}
	list := []queueState{}
	for _, q := range info.Queues {
		if c, err := v.Counts(q.Name); err == nil {
			state := stateOf(q.Name, c)
			state.Exclusive = q.Exclusive
			list = append(list, state)
		}
	}
	return list, nil
}

func oneQueue(r *request) (any, error) {
	v, name, err := r.queue()
	if err != nil {
		return nil, err
	}
	c, err := v.Counts(name)
	if err != nil {
		return nil, missing("%v", err) // it has just gone
	}
	return stateOf(name, c), nil
}

func messages(r *request) (any, error) {
	v, name, err := r.queue()
	if err != nil {
		return nil, err
	}
	type unacked struct {
		message
		Connection  string `json:"connection,omitempty"`
		Peer        string `json:"peer,omitempty"`
		Channel     uint16 `json:"channel,omitempty"`
		Consumer    string `json:"consumer,omitempty"`
		DeliveryTag uint64 `json:"delivery_tag"`
	}
	out := struct {
		Ready   []message `json:"ready"`
		Unacked []unacked `json:"unacked"`
	}{[]message{}, []unacked{}}
	ready, err := v.Ready(name)
	if err != nil {
		return nil, err
	}
	held, err := v.Unacked(name)
	if err != nil {
		return nil, err
	}
	for _, m := range ready {
		out.Ready = append(out.Ready, messageOf(&m))
	}
	for _, u := range held {
		out.Unacked = append(out.Unacked, unacked{messageOf(&u.Message), u.Connection, u.Peer, u.Channel, u.Consumer, u.DeliveryTag})
	}
	return out, nil
}

// waitQueue waits until the queue is there and has the numbers that are given.
func waitQueue(r *request) (any, error) {
	v, err := r.vhost()
	if err != nil {
		return nil, err
	}
	var want struct {
		numbers
		Timeout duration
	}
	if err := r.read(&want); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), want.Timeout.orDefault())
	defer cancel()
	var last brokertest.Counts
	err = v.WaitQueue(ctx, r.params["name"], want.String(), func(c brokertest.Counts) bool {
		last = c
		return want.are(c)
	})
	if err != nil {
		return nil, err
	}
	return stateOf(r.params["name"], last), nil
}

// numbers are those that a queue is to have; nil is any.
type numbers struct{ Messages, Ready, Unacked, Consumers *int }

func (n *numbers) are(c brokertest.Counts) bool {
	is := func(want *int, have int) bool { return want == nil || *want == have }
	return is(n.Messages, c.Ready+c.Unacked+c.Away) && is(n.Ready, c.Ready) && is(n.Unacked, c.Unacked) && is(n.Consumers, c.Consumers)
}

func (n *numbers) String() string {
	var list []string
	add := func(what string, n *int) {
		if n != nil {
			list = append(list, fmt.Sprintf("%d %s", *n, what))
		}
	}
	add("messages", n.Messages)
	add("ready", n.Ready)
	add("unacked", n.Unacked)
	add("consumers", n.Consumers)
	if len(list) == 0 {
		return "any messages"
	}
	return strings.Join(list, ", ")
}

type consumer struct {
	Tag        string `json:"tag"`
	Queue      string `json:"queue"`
	Connection string `json:"connection,omitempty"`
	Peer       string `json:"peer,omitempty"`
	Channel    uint16 `json:"channel,omitempty"`
	NoAck      bool   `json:"no_ack"`
	Exclusive  bool   `json:"exclusive"`
	Prefetch   int    `json:"prefetch"`
	Unacked    int    `json:"unacked"`
	Priority   int64  `json:"priority"`
}

func consumers(r *request) (any, error) {
	v, err := r.vhost()
	if err != nil {
		return nil, err
	}
	of, err := v.Consumers(r.URL.Query().Get("queue"))
	if err != nil {
		return nil, err
	}
	list := []consumer{}
	for _, c := range of {
		list = append(list, consumer{
			c.Tag, c.Queue, c.Connection, c.Peer, c.Channel, c.NoAck, c.Exclusive, c.Prefetch, c.Unacked, c.Priority,
		})
	}
	return list, nil
}

type connection struct {
	Name     string    `json:"name"`
	Peer     string    `json:"peer"`
	User     string    `json:"user"`
	VHost    string    `json:"vhost"`
	Since    time.Time `json:"since"`
	Channels []channel `json:"channels"`
}

type channel struct {
	Number         uint16 `json:"number"`
	Unacked        int    `json:"unacked"`
	Prefetch       int    `json:"prefetch"`
	GlobalPrefetch int    `json:"global_prefetch"`
	Consumers      int    `json:"consumers"`
}

func connections(r *request) (any, error) {
	list := []connection{}
	for _, c := range r.s.Broker.Connections() {
		out := connection{c.Name, c.Peer, c.User, c.VHost, c.Since, []channel{}}
		for _, ch := range c.Channels {
			out.Channels = append(out.Channels, channel{ch.Number, ch.Unacked, ch.Prefetch, ch.GlobalPrefetch, len(ch.Consumers)})
		}
		list = append(list, out)
	}
	return list, nil
}

// publicationFilters are the parameters by which publications are chosen.
var publicationFilters = map[string]func(value string) brokertest.PublicationMatch{
	"exchange":   brokertest.ToExchange,
	"queue":      brokertest.ToQueue,
	"key":        brokertest.WithKey,
	"body":       brokertest.WithBody,
	"connection": brokertest.FromConnection,
	"state":      func(s string) brokertest.PublicationMatch { return brokertest.InState(brokertest.RouteState(s)) },
}

var publicationQuery = append(slices.Sorted(maps.Keys(publicationFilters)), "unroutable")

func publications(r *request) (any, error) {
	v, err := r.vhost()
	if err != nil {
		return nil, err
	}
	var match []brokertest.PublicationMatch
	for name, values := range r.URL.Query() {
		if filter := publicationFilters[name]; filter != nil {
			match = append(match, filter(values[0]))
		}
	}
	switch only := r.URL.Query().Get("unroutable"); only {
	case "":
	case "true":
		match = append(match, (*brokertest.Publication).Unroutable)
	default:
		return nil, bad("unroutable is true or not given, not %q", only)
	}
	published, err := v.Published(match...)
	if err != nil {
		return nil, err
	}
	list := []publication{}
	for _, p := range published {
		list = append(list, publicationOf(&p))
	}
	return list, nil
}

func dump(r *request) (any, error) { return r.s.Broker.Dump(), nil }

func topology(r *request) (any, error) {
	v, err := r.vhost()
	if err != nil {
		return nil, err
	}
	t, err := v.Topology()
	if err != nil {
		return nil, err
	}
	return topologyOf(t), nil
}

func getTime(r *request) (any, error) { return r.now(), nil }

// now is the broker's time.
func (r *request) now() any {
	return struct {
		Now time.Time `json:"now"`
	}{r.s.Broker.Now()}
}

// fits reports whether a connection is one to be killed.
func (k *killing) fits(c broker.ConnectionInfo) bool {
	is := func(want *string, have string) bool { return want == nil || *want == have }
	return is(k.Name, c.Name) && is(k.Peer, c.Peer) && is(k.User, c.User) && is(k.VHost, c.VHost)
}

// address tells where the broker listens, with its user and virtual host.
func address(r *request) (any, error) {
	url, err := r.s.Broker.URL()
	return struct {
		AMQP string `json:"amqp"`
	}{url}, err
}
