package brokertest

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rabbetmq/rabbet/broker/tap"
)

// clientMethods are what clients call.
var clientMethods = []string{
	"connection.start-ok", "connection.tune-ok", "connection.open", "connection.close", "connection.update-secret",
	"channel.open", "channel.flow", "channel.close", "access.request",
	"exchange.declare", "exchange.delete", "exchange.bind", "exchange.unbind",
	"queue.declare", "queue.bind", "queue.unbind", "queue.purge", "queue.delete",
	"basic.qos", "basic.consume", "basic.cancel", "basic.publish", "basic.get", "basic.ack", "basic.nack", "basic.reject",
	"basic.recover", "basic.recover-async",
	"confirm.select", "tx.select", "tx.commit", "tx.rollback",
}

// otherCalls are what is no method of a client's.
var otherCalls = []string{tap.CallConnect, tap.CallLogin, tap.CallDeliver, tap.CallConfirm}

// A Match says which calls a fault is for: a method, and what On's methods add.
// All of it must hold. A Match is a value: each method returns another.
type Match struct {
	pattern    string
	methods    []string // that the pattern fits
	conditions []condition
	where      []func(*tap.Call) bool

	nth                []int
	from, every, times int
	chance             float64
	seed               uint64
	chancy             bool
}

// A condition is that something of a call has a value.
type condition struct {
	what, value string
	fits        func(*tap.Call, string) bool
}

// On matches calls of a method, such as "basic.publish"; a star stands for any
// letters, as in "queue.*". A publish is called once its whole message is there.
// There are four more names, which stars do not match:
//
//	"connect"  a connection's first bytes, before it is greeted
//	"login"    a user's attempt to log in, be the password right or wrong
//	"deliver"  a delivery to a client's consumer, direct replies included
//	"confirm"  the confirm of a publish: the message is in its queues
func On(method string) Match {
	m := Match{pattern: method}
	if slices.Contains(otherCalls, method) {
		m.methods = []string{method}
		return m
	}
	for _, name := range clientMethods {
		if ok, _ := path.Match(method, name); ok {
			m.methods = append(m.methods, name)
		}
	}
	return m
}

func (m Match) with(what, value string, fits func(*tap.Call, string) bool) Match {
	m.conditions = append(slices.Clone(m.conditions), condition{what, value, fits})
	return m
}

// Exchange matches calls that name an exchange, "" being the default one; of a
// delivery and a confirm it is that of the publish.
func (m Match) Exchange(name string) Match {
	return m.with("exchange", name, func(c *tap.Call, v string) bool { return c.Exchange == v })
}

// Key matches calls with a routing key.
func (m Match) Key(key string) Match {
	return m.with("key", key, func(c *tap.Call, v string) bool { return c.Key == v })
}

// Queue matches calls that are about a queue: that name it, publishes that are
// going to reach it, acknowledgements of what it has delivered.
func (m Match) Queue(name string) Match {
	return m.with("queue", name, func(c *tap.Call, v string) bool { return slices.Contains(c.Queues(), v) })
}

// VHost matches calls in a virtual host.
func (m Match) VHost(name string) Match {
	return m.with("vhost", name, func(c *tap.Call, v string) bool { return c.Peer.VHost == v })
}

// Connection matches calls on connections of a name, which is what the client
// calls itself by connection_name, or its address.
func (m Match) Connection(name string) Match {
	return m.with("connection", name, func(c *tap.Call, v string) bool { return c.Peer.Name == v || c.Peer.Addr == v })
}

// User matches calls of a user.
func (m Match) User(name string) Match {
	return m.with("user", name, func(c *tap.Call, v string) bool { return c.Peer.User == v })
}

// Where matches calls for which a function holds. It is called while the broker
// waits, for several connections at once: it must not use the broker, nor wait
// for anything.
func (m Match) Where(fits func(*tap.Call) bool) Match {
	m.where = append(slices.Clone(m.where), fits)
	return m
}

// Nth makes only the n-th of the matching calls count, the first being 1; with
// several numbers, each of them.
func (m Match) Nth(n ...int) Match {
	m.nth = append(slices.Clone(m.nth), n...)
	return m
}

// From makes the matching calls count from the n-th on, the first being 1.
func (m Match) From(n int) Match {
	m.from = n
	return m
}

// Every makes every n-th of the matching calls count; after From, the n-th call
// from there.
func (m Match) Every(n int) Match {
	m.every = n
	return m
}

// Times ends the fault after n hits.
func (m Match) Times(n int) Match {
	m.times = n
	return m
}

// Chance makes each call that would count do so with a probability from 0 to 1.
// The same seed makes the same choices for the same sequence of calls.
func (m Match) Chance(probability float64, seed uint64) Match {
	m.chance, m.seed, m.chancy = probability, seed, true
	return m
}

// check says what is wrong with a match.
func (m Match) check() error {
	switch {
	case len(m.methods) == 0:
		return fmt.Errorf("%q is no method of a client's, nor one of %s", m.pattern, strings.Join(otherCalls, ", "))
	case slices.ContainsFunc(m.nth, func(n int) bool { return n < 1 }):
		return fmt.Errorf("%s: calls are counted from 1", m)
	case m.from < 0 || m.every < 0 || m.times < 0:
		return fmt.Errorf("%s: negative numbers make no sense", m)
	case m.chancy && !(m.chance >= 0 && m.chance <= 1):
		return fmt.Errorf("%s: a probability is from 0 to 1", m)
	}
	return nil
}

// fits reports whether a call matches, its number aside.
func (m *Match) fits(call *tap.Call) bool {
	if !slices.Contains(m.methods, call.Method) {
		return false
	}
	for i := range m.conditions {
		if c := &m.conditions[i]; !c.fits(call, c.value) {
			return false
		}
	}
	for _, fits := range m.where {
		if !fits(call) {
			return false
		}
	}
	return true
}

// String is such as "basic.publish exchange=orders nth=3".
func (m Match) String() string {
	text := []string{m.pattern}
	for _, c := range m.conditions {
		text = append(text, c.what+"="+name(c.value))
	}
	if len(m.where) > 0 {
		text = append(text, "where=func")
	}
	for _, n := range m.nth {
		text = append(text, "nth="+strconv.Itoa(n))
	}
	for _, limit := range []struct {
		what string
		n    int
	}{{"from", m.from}, {"every", m.every}, {"times", m.times}} {
		if limit.n != 0 {
			text = append(text, limit.what+"="+strconv.Itoa(limit.n))
		}
	}
	if m.chancy {
		text = append(text, fmt.Sprintf("chance=%v", m.chance))
	}
	return strings.Join(text, " ")
}

// A counter counts a fault's calls and says which of them count.
type counter struct {
	match *Match
	calls int
	rand  *rand.Rand
}

func (m Match) counter() counter {
	return counter{match: &m, rand: rand.New(rand.NewPCG(m.seed, m.seed))}
}

// due counts one call.
func (c *counter) due(mu *sync.Mutex) bool {
	mu.Lock()
	defer mu.Unlock()
	c.calls++
	m, n := c.match, c.calls
	if len(m.nth) > 0 && !slices.Contains(m.nth, n) {
		return false
	}
	if m.from > 1 {
		n -= m.from - 1
	}
	return n > 0 && (m.every <= 1 || n%m.every == 0) && (!m.chancy || c.rand.Float64() < m.chance)
}
