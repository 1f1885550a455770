package broker_test

// The whole path of a message: from one client's socket through a queue to
// another's, and its acknowledgement back. The clients here allocate nothing, so
// that what is counted is the broker's.

import (
	"context"
	"encoding/binary"
	"net"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
)

// A pathConfig is how messages go.
type pathConfig struct {
	size           int // of a body
	noAck, confirm bool
	batch          int // publishes in one write, and deliveries that one basic.ack covers
	batches        int // under way
	headers        amqp.Table
}

func (cfg pathConfig) properties() *amqp.Properties {
	if cfg.headers == nil {
		return &amqp.Properties{}
	}
	return &amqp.Properties{Flags: amqp.HasHeaders, Headers: cfg.headers}
}

// busy is many small messages under way, and one at a time is one.
var (
	busy       = pathConfig{size: 100, batch: 100, batches: 100}
	framework  = pathConfig{size: 100, batch: 100, batches: 100, headers: frameworkHeaders}
	oneAtATime = pathConfig{size: 100, batch: 1, batches: 1}
)

// frameworkHeaders are in no order, as a client with a map of headers sends them.
var frameworkHeaders = amqp.Table{
	{Key: "traceparent", Value: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, {Key: "attempt", Value: int32(1)},
	{Key: "content-version", Value: "v2"}, {Key: "tenant", Value: "customer-42"}, {Key: "message-type", Value: "OrderPlaced"},
}

// A path is a publisher and a consumer, each with a connection of its own.
type path struct {
	pathConfig
	t         testing.TB
	pub, sub  net.Conn
	publishes []byte // a batch of them
	in        []byte
	have      int // bytes of in that are received and not looked at
	ack       []byte
	seen      int
	tokens    chan struct{} // a batch that has arrived makes room for another
	failed    atomic.Bool
}

func newPath(t testing.TB, cfg pathConfig) *path {
	b := start(t, broker.Config{})
	addr := listen(t, b)
	declare(t, vhost(t, b), "q")
	pub, sub := rawTCP(t, addr), rawTCP(t, addr)
	pub.channel(1)
	if cfg.confirm {
		pub.send(1, &amqp.ConfirmSelect{})
		expect[*amqp.ConfirmSelectOk](pub)
	}
	sub.channel(1)
	sub.send(1, &amqp.BasicQos{PrefetchCount: 2000}, &amqp.BasicConsume{Queue: "q", NoAck: cfg.noAck, ConsumerTag: "c"})
	expect[*amqp.BasicQosOk](sub)
	expect[*amqp.BasicConsumeOk](sub)

	p := &path{
		pathConfig: cfg, t: t, pub: pub.nc, sub: sub.nc, in: make([]byte, 256<<10), tokens: make(chan struct{}, cfg.batches),
	}
	for range cfg.batch {
		p.publishes = appendPublishWith(p.publishes, 1, "", "q", cfg.properties(), make([]byte, cfg.size))
	}
	for range cap(p.tokens) {
		p.tokens <- struct{}{}
	}
	if !cfg.noAck {
		p.ack = amqp.AppendMethod(nil, 1, &amqp.BasicAck{Multiple: true})
	}
	if cfg.confirm {
		go func() { // ends with the connection
			buf := make([]byte, 64<<10)
			for {
				if _, err := p.pub.Read(buf); err != nil {
					return
				}
			}
		}()
	}
	return p
}

// run sends n messages, in whole batches, and returns when all have arrived.
func (p *path) run(n int) {
	batches := (n + p.batch - 1) / p.batch
	target := p.seen + batches*p.batch
	go func() {
		for range batches {
			<-p.tokens
			if _, err := p.pub.Write(p.publishes); err != nil {
				p.failed.Store(true)
				return
			}
		}
	}()
	for p.seen < target && !p.failed.Load() {
		p.read()
	}
	require.False(p.t, p.failed.Load())
}

// read handles what one read brings: deliveries are counted, and acknowledged a
// batch at a time.
func (p *path) read() {
	n, err := p.sub.Read(p.in[p.have:])
	if err != nil {
		p.failed.Store(true)
		return
	}
	p.have += n
	rest := p.in[:p.have]
	for len(rest) >= amqp.FrameOverhead {
		whole := int(binary.BigEndian.Uint32(rest[3:])) + amqp.FrameOverhead
		if len(rest) < whole {
			break
		}
		if rest[0] == amqp.FrameMethod { // basic.deliver, the only one to come
			p.seen++
			if p.seen%p.batch == 0 {
				p.acknowledge()
			}
		}
		rest = rest[whole:]
	}
	p.have = copy(p.in, rest)
}

func (p *path) acknowledge() {
	p.tokens <- struct{}{}
	if p.ack == nil {
		return
	}
	binary.BigEndian.PutUint64(p.ack[amqp.FrameHeaderSize+4:], uint64(p.seen))
	if _, err := p.sub.Write(p.ack); err != nil {
		p.failed.Store(true)
	}
}

func BenchmarkPath(b *testing.B) {
	for _, bc := range []struct {
		name string
		cfg  pathConfig
	}{
		{"100B", busy},
		{"100B-headers", framework},
		{"100B-no-ack", pathConfig{size: 100, noAck: true, batch: 100, batches: 100}},
		{"100B-confirm", pathConfig{size: 100, confirm: true, batch: 100, batches: 100}},
		{"100B-one-at-a-time", oneAtATime},
		{"4KB", pathConfig{size: 4 << 10, batch: 100, batches: 10}},
		{"64KB", pathConfig{size: 64 << 10, batch: 10, batches: 10}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			p := newPath(b, bc.cfg)
			p.run(p.batch * p.batches)
			b.ReportAllocs()
			b.SetBytes(int64(p.size))
			b.ResetTimer()
			p.run(b.N)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

// In the steady state a message costs two allocations at most from socket to
// socket, be it one of many or alone.
func TestPathAllocations(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  pathConfig
		n    int
	}{
		{"busy", busy, 100_000},
		{"busy, confirmed", pathConfig{size: 100, confirm: true, batch: 100, batches: 100}, 100_000},
		{"headers", framework, 100_000},
		{"one at a time", oneAtATime, 10_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPath(t, tc.cfg)
			p.run(tc.n / 4)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			p.run(tc.n)
			runtime.ReadMemStats(&after)
			n := float64(tc.n)
			each := float64(after.Mallocs-before.Mallocs) / n
			t.Logf("%.3f allocations and %.0f bytes a message", each, float64(after.TotalAlloc-before.TotalAlloc)/n)
			if raceDetector { // with it pools forget at random
				return
			}
			assert.LessOrEqual(t, each, 2.1) // a read that splits a batch may cost one more now and then, as does the collector
		})
	}
}

// From nothing to the first confirmed publish of the official client.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		br, err := broker.New(broker.Config{})
		require.NoError(b, err)
		_, err = br.Listen("127.0.0.1:0")
		require.NoError(b, err)
		conn, err := amqp091.Dial(br.URL())
		require.NoError(b, err)
		ch, err := conn.Channel()
		require.NoError(b, err)
		require.NoError(b, ch.Confirm(false))
		q, err := ch.QueueDeclare("q", false, false, false, false, nil)
		require.NoError(b, err)
		confirm, err := ch.PublishWithDeferredConfirm("", q.Name, false, false, amqp091.Publishing{Body: []byte("hello")})
		require.NoError(b, err)
		ok, err := confirm.WaitContext(context.Background())
		require.NoError(b, err)
		require.True(b, ok)
		b.StopTimer()
		require.NoError(b, conn.Close())
		require.NoError(b, br.Close())
		b.StartTimer()
	}
}
