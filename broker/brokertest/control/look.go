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

// This file is the verbs that look, and those that wait for what they see.

// A queueState is a queue's numbers.
type queueState struct {
	Name       string `json:"name"`
	Ready      int    `json:"ready"`
	Unacked    int    `json:"unacked"`
	Messages   int    `json:"messages"` // both
	Consumers  int    `json:"consumers"`
	ReadyBytes int64  `json:"ready_bytes"`
}

func stateOf(name string, c brokertest.Counts) queueState {
	return queueState{name, c.Ready, c.Unacked, c.Ready + c.Unacked, c.Consumers, c.ReadyBytes}
}

func queues(r *request) (any, error) {
	v, err := r.vhost()
	if err != nil {
		return nil, err
	}
	list := []queueState{}
	for _, q := range v.Topology().Queues {
		if c, ok := r.counts(q.Name); ok {
			list = append(list, stateOf(q.Name, c))
		}
	}
	return list, nil
}

// counts are a queue's numbers; false if it is gone.
func (r *request) counts(name string) (brokertest.Counts, bool) {
	h, err := r.s.Broker.Broker().VHost(r.URL.Query().Get("vhost"))
	if err != nil {
		return brokertest.Counts{}, false
	}
	c, err := h.Counts(name)
	return c, err == nil
}

func oneQueue(r *request) (any, error) {
	_, name, err := r.queue()
	if err != nil {
		return nil, err
	}
	c, ok := r.counts(name)
	if !ok {
		return nil, missing("the queue has just gone")
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
	for _, m := range v.Ready(name) {
		out.Ready = append(out.Ready, messageOf(&m))
	}
	for _, u := range v.Unacked(name) {
		out.Unacked = append(out.Unacked, unacked{messageOf(&u.Message), u.Connection, u.Peer, u.Channel, u.Consumer, u.DeliveryTag})
	}
	return out, nil
}

// waitQueue waits until the numbers that are given are those of the queue, which
// need not be there yet.
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
	f := try(func() {
		v.WaitQueue(ctx, r.params["name"], func(c brokertest.Counts) bool {
			last = c
			return want.are(c)
		})
	})
	if f != nil { // it can only say that it has waited for what it was told to
		return nil, unmet(strings.Replace(f.text, "what WaitQueue waits for", want.String(), 1))
	}
	return stateOf(r.params["name"], last), nil
}

// numbers are those that a queue is to have; nil is any.
type numbers struct{ Messages, Ready, Unacked, Consumers *int }

func (n *numbers) are(c brokertest.Counts) bool {
	is := func(want *int, have int) bool { return want == nil || *want == have }
	return is(n.Messages, c.Ready+c.Unacked) && is(n.Ready, c.Ready) && is(n.Unacked, c.Unacked) && is(n.Consumers, c.Consumers)
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
	list := []consumer{}
	for _, c := range v.Consumers(r.URL.Query().Get("queue")) {
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
	list := []publication{}
	for _, p := range v.Published(match...) {
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
	return topologyOf(v.Topology()), nil
}

func getTime(r *request) (any, error) { return r.now(), nil }

// now is the broker's time.
func (r *request) now() any {
	return struct {
		Now time.Time `json:"now"`
	}{r.s.Broker.Now()}
}

// fits tells whether a connection is one to be killed.
func (k *killing) fits(c broker.ConnectionInfo) bool {
	is := func(want *string, have string) bool { return want == nil || *want == have }
	return is(k.Name, c.Name) && is(k.Peer, c.Peer) && is(k.User, c.User) && is(k.VHost, c.VHost)
}
