package broker_test

// Many clients at once, some of whom break off, while Go looks on and changes
// the topology. Nothing that was confirmed is lost, and nothing is left over.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/queue"
)

func TestManyClients(t *testing.T) {
	const publishers, each, consumers = 3, 1500, 4
	b := start(t, broker.Config{})
	v := vhost(t, b)
	declare(t, v, "work")
	require.NoError(t, v.Bind(broker.Binding{Source: "amq.topic", Destination: "work", Key: "work.#"}))
	s := &stress{t: t, b: b, want: publishers * each, acked: map[string]int{}, done: make(chan struct{})}
	var all sync.WaitGroup
	for i := range publishers {
		all.Go(func() { s.publish(i, each) })
	}
	for i := range consumers {
		all.Go(func() { s.consume(rand.New(rand.NewPCG(uint64(i), 1))) })
	}
	all.Go(func() { s.meddle(v) })
	all.Wait()
	assert.Len(t, s.acked, s.want)
	eventually(t, "the connections have ended", func() bool { return len(b.Snapshot().Connections) == 0 })
	n, err := v.Counts("work")
	require.NoError(t, err)
	// An acknowledgement that came with the end of its connection is not known
	// to have been read: its message may have been delivered once more.
	assert.Equal(t, queue.Counts{Ready: n.Ready, ReadyBytes: n.ReadyBytes}, n)
	for _, body := range bodies(t, v, "work") {
		assert.Contains(t, s.acked, body)
	}
}

type stress struct {
	t     testing.TB
	b     *broker.Broker
	want  int
	mu    sync.Mutex
	acked map[string]int
	end   sync.Once
	done  chan struct{} // closed once every message has been acknowledged
}

// check ends the calling goroutine, and all others, after an error.
func (s *stress) check(err error) {
	if !assert.NoError(s.t, err) {
		s.stop()
		runtime.Goexit()
	}
}

func (s *stress) stop() { s.end.Do(func() { close(s.done) }) }

func (s *stress) over() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// dial opens a connection that the caller can cut.
func (s *stress) dial() (*amqp091.Connection, net.Conn) {
	var socket net.Conn
	conn, err := amqp091.DialConfig("amqp://guest:guest@memory/", amqp091.Config{Dial: func(string, string) (net.Conn, error) {
		var err error
		socket, err = s.b.Dial()
		return socket, err
	}})
	s.check(err)
	return conn, socket
}

// publish publishes numbered messages and has them all confirmed.
func (s *stress) publish(id, n int) {
	conn, _ := s.dial()
	defer conn.Close()
	ch, err := conn.Channel()
	s.check(err)
	s.check(ch.Confirm(false))
	var last []*amqp091.DeferredConfirmation
	for i := range n {
		c, err := ch.PublishWithDeferredConfirm("amq.topic", "work.x", true, false,
			amqp091.Publishing{Body: fmt.Appendf(nil, "%d.%d", id, i)})
		s.check(err)
		if last = append(last, c); len(last) == 100 || i == n-1 {
			for _, c := range last {
				ok, err := c.WaitContext(context.Background())
				s.check(err)
				assert.True(s.t, ok)
			}
			last = nil
		}
	}
}

// consume consumes over one connection after the other.
func (s *stress) consume(rnd *rand.Rand) {
	for !s.over() {
		conn, socket := s.dial()
		ch, err := conn.Channel()
		s.check(err)
		s.check(ch.Qos(1+rnd.IntN(50), 0, rnd.IntN(2) == 0))
		deliveries, err := ch.Consume("work", "", false, false, false, false, nil)
		s.check(err)
		s.settle(ch, deliveries, rnd, 1+rnd.IntN(400))
		switch rnd.IntN(3) {
		case 0:
			s.check(ch.Close())
		case 1:
			s.check(socket.Close())
		}
		_ = conn.Close() // cut already, perhaps
		for range deliveries {
		}
	}
}

// settle handles some deliveries: most are acknowledged, alone or with all
// before them, the others returned.
func (s *stress) settle(ch *amqp091.Channel, deliveries <-chan amqp091.Delivery, rnd *rand.Rand, n int) {
	var open []string
	for range n {
		var d amqp091.Delivery
		select {
		case d = <-deliveries:
		case <-s.done:
			return
		}
		open = append(open, string(d.Body))
		switch rnd.IntN(8) {
		case 0:
			s.check(d.Nack(true, true))
			open = nil
		case 1:
			s.check(d.Reject(true))
			open = open[:len(open)-1]
		case 2:
			s.check(ch.Ack(d.DeliveryTag, true))
			s.note(open...)
			open = nil
		default:
			s.check(d.Ack(false))
			s.note(string(d.Body))
			open = open[:len(open)-1]
		}
	}
}

func (s *stress) note(bodies ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, body := range bodies {
		s.acked[body]++
	}
	if len(s.acked) == s.want {
		s.stop()
	}
}

// meddle looks at everything, and makes and removes what concerns nobody.
func (s *stress) meddle(v *broker.VHost) {
	for i := 0; !s.over(); i++ {
		s.b.Snapshot()
		_, err := v.Peek("work", 5)
		s.check(err)
		name, x := fmt.Sprint("q", i%7), fmt.Sprint("x", i%3)
		_, err = v.DeclareQueue(broker.Queue{Name: name})
		s.check(err)
		s.check(v.DeclareExchange(broker.Exchange{Name: x, Type: "fanout", AutoDelete: true}))
		s.check(v.Bind(broker.Binding{Source: x, Destination: name}))
		s.check(v.Bind(broker.Binding{Source: "amq.topic", Destination: x, Key: "#", ToExchange: true}))
		_, err = v.Publish(x, "", broker.Message{Body: []byte("noise")})
		s.check(err)
		if i%2 == 0 {
			_, err = v.DeleteQueue(name)
			s.check(err)
		} else {
			s.check(v.DeleteExchange(x))
		}
	}
}
