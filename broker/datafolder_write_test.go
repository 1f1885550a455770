package broker_test

// The generator of the data folders in testdata/folders, which is run by hand, with
// the program whose format is to be kept:
//
//	go test ./broker -run WriteDataFolders -write-data-folders v2
//
// An archive that is there already is never written again: no later program can
// write what an earlier one wrote.

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

var writeDataFolders = flag.String("write-data-folders", "", "write data folders with names that begin so into testdata/folders")

// folderStart is the time at which the folders were written.
var folderStart = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func TestWriteDataFolders(t *testing.T) {
	if *writeDataFolders == "" {
		t.Skip("only by hand: -write-data-folders PREFIX")
	}
	for _, f := range []struct {
		name, profile string
		killed        bool
	}{{"3.13", "3.13", false}, {"3.13-killed", "3.13", true}, {"4.2", "4.2", false}, {"4.3", "4.3", false}} {
		dir := t.TempDir()
		st, err := store.Open(dir, store.Options{Sync: store.SyncNone})
		require.NoError(t, err)
		var id uint64 = 7000
		b, err := broker.New(broker.Config{
			Profile: f.profile, Store: st, Clock: delay.NewManual(folderStart), PeerClock: delay.Real{}, DiskFreeLimit: -1,
			Tap: &tap.Tap{Record: func(e tap.Event) uint64 {
				if e.Kind == tap.EventPublished && string(e.Msg.Body) == "numbered" {
					id++
					return id
				}
				return 0
			}},
		})
		require.NoError(t, err)
		w := folderWriter{t: t, b: b, st: st, profile: f.profile}
		w.write()
		w.commit()
		if f.killed {
			require.NoError(t, st.Abandon())
			_ = b.Close() // the store is gone already
		} else {
			require.NoError(t, b.Close())
		}
		_, _, err = store.Compact(dir)
		require.NoError(t, err)
		pack(t, dir, filepath.Join("testdata", "folders", *writeDataFolders+"-"+f.name+".gz"))
	}
}

// pack writes the files of a folder into one compressed archive, a new one: for
// each its name, its length, and its bytes.
func pack(t testing.TB, dir, archive string) {
	t.Helper()
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(z, "%q %d\n", filepath.ToSlash(name), len(data))
		_, err = z.Write(data)
		return err
	}))
	require.NoError(t, z.Close())
	out, err := os.OpenFile(archive, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	_, err = out.Write(buf.Bytes())
	require.NoError(t, err)
	require.NoError(t, out.Close())
}

// A folderWriter fills a broker with every kind of record.
type folderWriter struct {
	t       testing.TB
	b       *broker.Broker
	st      *store.Store
	profile string
	v       *broker.VHost
}

func (w *folderWriter) commit() {
	done := make(onDisk, 1)
	w.st.Notify(done)
	require.NoError(w.t, <-done)
}

func (w *folderWriter) write() {
	w.v = w.b.AddVHost("/")
	w.policies()
	w.queues()
	w.exchanges()
	w.messages()
	w.settled()
	w.delayed()
	for _, name := range []string{"second", "ünïcode \"host\""} {
		w.v = w.b.AddVHost(name)
		w.queue("only here", nil)
		w.exchange(broker.Exchange{Name: "x", Type: "topic", Durable: true})
		w.bind(broker.Binding{Source: "x", Destination: "only here", Key: "a.*.#"})
		require.NoError(w.t, w.v.SetPolicy(broker.Policy{Name: "limit", Pattern: "", Definition: map[string]any{"max-length": 2}}))
		w.publish("x", "a.b.c", props(2), "in "+name)
	}
}

func (w *folderWriter) queue(name string, args map[string]any) {
	_, err := w.v.DeclareQueue(broker.Queue{Name: name, Durable: true, Args: args})
	require.NoError(w.t, err)
}

func (w *folderWriter) exchange(x broker.Exchange) { require.NoError(w.t, w.v.DeclareExchange(x)) }
func (w *folderWriter) bind(b broker.Binding)      { require.NoError(w.t, w.v.Bind(b)) }

func (w *folderWriter) publish(exchange, key string, p amqp.Properties, body string) {
	_, err := w.v.Publish(exchange, key, broker.Message{Properties: p, Body: []byte(body)})
	require.NoError(w.t, err)
}

// props are properties with a delivery mode.
func props(mode uint8) amqp.Properties {
	return amqp.Properties{Flags: amqp.HasDeliveryMode, DeliveryMode: mode}
}

func headed(headers map[string]any) amqp.Properties {
	p := props(2)
	p.Headers, _ = amqp.TableOf(headers)
	p.Flags |= amqp.HasHeaders
	return p
}

func (w *folderWriter) policies() {
	for _, p := range []broker.Policy{
		{Name: "limits", Pattern: "^limited", ApplyTo: "queues", Priority: 3,
			Definition: map[string]any{"max-length": 2, "overflow": "drop-head", "dead-letter-exchange": "", "dead-letter-routing-key": "dead"}},
		{Name: "weaker", Pattern: ".*", ApplyTo: "classic_queues", Priority: 1, Definition: map[string]any{"message-ttl": 7200000}},
		{Name: "alternate", Pattern: "^with alternate", ApplyTo: "exchanges", Definition: map[string]any{"alternate-exchange": "amq.fanout"}},
		{Name: "quorums", Pattern: "^quorum", ApplyTo: "quorum_queues", Definition: map[string]any{"delivery-limit": 5}},
	} {
		require.NoError(w.t, w.v.SetPolicy(p))
	}
	require.NoError(w.t, w.v.SetOperatorPolicy(broker.Policy{Name: "ceiling", Pattern: "^limited by operator", ApplyTo: "queues",
		Priority: 9, Definition: map[string]any{"max-length": 1}}))
}

func (w *folderWriter) queues() {
	w.queue("dead", nil)
	w.queue("classic", nil)
	w.queue("lazy", map[string]any{"x-queue-mode": "lazy"})
	w.queue("priority", map[string]any{"x-max-priority": int32(9)})
	w.queue("quorum", map[string]any{"x-queue-type": "quorum"})
	w.queue("limited", nil)
	w.queue("limited by operator", nil)
	w.queue("expiring", map[string]any{"x-message-ttl": int32(60000), "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead",
		"x-expires": int64(86400000)})
	w.queue("rejecting", map[string]any{"x-max-length": int32(1), "x-overflow": "reject-publish"})
	w.queue("bytes", map[string]any{"x-max-length-bytes": int64(10)})
	w.queue("single", map[string]any{"x-single-active-consumer": true})
	w.queue("long", nil)
	w.queue("empty", nil)
	w.queue(strings.Repeat("n", 255), nil)
	w.queue("q \x01\n\"ü\"", nil)
	_, err := w.v.DeclareQueue(broker.Queue{Name: "auto-delete", Durable: true, AutoDelete: true})
	require.NoError(w.t, err)
	if w.profile != "4.3" { // it refuses them
		_, err = w.v.DeclareQueue(broker.Queue{Name: "transient"})
		require.NoError(w.t, err)
	}
}

func (w *folderWriter) exchanges() {
	w.exchange(broker.Exchange{Name: "direct", Durable: true})
	w.exchange(broker.Exchange{Name: "fanout", Type: "fanout", Durable: true, AutoDelete: true})
	w.exchange(broker.Exchange{Name: "topic", Type: "topic", Durable: true, Args: map[string]any{"alternate-exchange": "fanout"}})
	w.exchange(broker.Exchange{Name: "headers", Type: "headers", Durable: true})
	w.exchange(broker.Exchange{Name: "internal", Type: "fanout", Durable: true, Internal: true})
	w.exchange(broker.Exchange{Name: "with alternate", Durable: true})
	w.exchange(broker.Exchange{Name: "transient", Type: "topic"})
	args := map[string]any{"n": int64(-3), "s": "text", "t": folderStart, "list": []any{int32(1), "two", true},
		"table": map[string]any{"deep": 1.5}, "none": nil, "bytes": []byte{0, 255}, "d": amqp.Decimal{Scale: 2, Value: 314}}
	w.bind(broker.Binding{Source: "direct", Destination: "classic", Key: "k"})
	w.bind(broker.Binding{Source: "direct", Destination: "classic", Key: "k", Args: args})
	w.bind(broker.Binding{Source: "direct", Destination: "lazy", Key: ""})
	w.bind(broker.Binding{Source: "direct", Destination: "priority", Key: strings.Repeat("k", 255)})
	w.bind(broker.Binding{Source: "topic", Destination: "classic", Key: "a.*.c"})
	w.bind(broker.Binding{Source: "topic", Destination: "quorum", Key: "a.#"})
	w.bind(broker.Binding{Source: "topic", Destination: "direct", Key: "to.direct", ToExchange: true})
	w.bind(broker.Binding{Source: "direct", Destination: "internal", Key: "inner", ToExchange: true, Args: map[string]any{"why": "test"}})
	w.bind(broker.Binding{Source: "internal", Destination: "empty"})
	w.bind(broker.Binding{Source: "headers", Destination: "classic", Args: map[string]any{"x-match": "all", "a": int32(1), "b": "two"}})
	w.bind(broker.Binding{Source: "headers", Destination: "lazy", Args: map[string]any{"x-match": "any", "a": int32(1), "c": nil}})
	w.bind(broker.Binding{Source: "headers", Destination: "empty", Args: map[string]any{"x-match": "any-with-x", "x-a": "1"}})
	w.bind(broker.Binding{Source: "amq.fanout", Destination: "empty"})
	w.bind(broker.Binding{Source: "amq.topic", Destination: "q \x01\n\"ü\"", Key: "\x02.*"})
	w.bind(broker.Binding{Source: "transient", Destination: "empty", Key: "t.#"})
	w.bind(broker.Binding{Source: "transient", Destination: "fanout", Key: "f", ToExchange: true})
}

func (w *folderWriter) messages() {
	p := amqp.Properties{
		Flags: amqp.HasContentType | amqp.HasContentEncoding | amqp.HasHeaders | amqp.HasDeliveryMode | amqp.HasPriority |
			amqp.HasCorrelationID | amqp.HasReplyTo | amqp.HasMessageID | amqp.HasTimestamp | amqp.HasType | amqp.HasUserID |
			amqp.HasAppID | amqp.HasClusterID,
		ContentType: "text/plain", ContentEncoding: "utf-8", DeliveryMode: 2, Priority: 3, CorrelationID: "c", ReplyTo: "r",
		MessageID: "m", Timestamp: 1e9, Type: "t", UserID: "guest", AppID: "a", ClusterID: "cl",
		Headers: headed(map[string]any{"i": int32(1), "s": "x", "l": []any{int64(2), nil}}).Headers,
	}
	w.publish("", "classic", p, "all properties")
	w.publish("", "classic", amqp.Properties{}, "not persistent")
	w.publish("", "classic", props(2), "")
	w.publish("", "classic", props(2), "numbered")
	w.publish("direct", "k", headed(map[string]any{"BCC": []any{"inner"}, "CC": []any{"", "nowhere"}}), "copied")
	w.publish("", "classic", headed(map[string]any{"x-death": []any{map[string]any{"queue": "q", "count": int64(4), "reason": "rejected",
		"exchange": "", "routing-keys": []any{"q"}, "time": folderStart}}}), "with a past")
	w.publish("", "lazy", props(2), "lazy one")
	w.publish("", "lazy", props(1), "lazy transient")
	w.publish("", "q \x01\n\"ü\"", props(2), "odd name")
	for i := range 12 {
		p := props(2)
		p.Flags, p.Priority = p.Flags|amqp.HasPriority, uint8(i%12)
		w.publish("", "priority", p, fmt.Sprintf("priority %d", i))
		p.DeliveryMode = uint8(1 + i%2)
		w.publish("", "quorum", p, fmt.Sprintf("quorum %d", i))
	}
	for i := range 4 {
		w.publish("", "limited", props(2), fmt.Sprintf("limited %d", i))
		w.publish("", "limited by operator", props(2), fmt.Sprintf("by operator %d", i))
		w.publish("", "rejecting", props(2), fmt.Sprintf("rejecting %d", i))
		w.publish("", "bytes", props(2), fmt.Sprintf("four%d", i))
		w.publish("", "single", props(2), fmt.Sprintf("single %d", i))
		p := props(2)
		if i%2 == 1 {
			p.Flags, p.Expiration = p.Flags|amqp.HasExpiration, fmt.Sprint(10000*i)
		}
		w.publish("", "expiring", p, fmt.Sprintf("expiring %d", i))
	}
	if w.profile != "4.3" {
		w.publish("", "transient", props(2), "in a transient queue")
	}
	for i := range 1500 {
		w.publish("", "long", props(uint8(1+min(i%5, 1))), fmt.Sprintf("long %04d", i))
	}
	w.publish("", "long", props(2), strings.Repeat("large ", 50_000))
	w.commit()
}

// settled leaves marks in chunks that are on the disk: messages that are
// acknowledged, rejected, returned, and out with somebody still.
func (w *folderWriter) settled() {
	take := func(queue string, n int) (list []*broker.Delivery) {
		for range n {
			d, ok, err := w.v.Get(queue, false)
			require.NoError(w.t, err)
			require.True(w.t, ok)
			list = append(list, d)
		}
		return list
	}
	for i, d := range take("long", 300) {
		switch i % 3 {
		case 0:
			require.NoError(w.t, d.Ack())
		case 1:
			require.NoError(w.t, d.Nack(true))
		} // the rest stays out
	}
	w.commit()
	q := take("quorum", 4)
	require.NoError(w.t, q[0].Ack())
	require.NoError(w.t, q[1].Nack(true))
	require.NoError(w.t, q[2].Nack(false))
	s := take("single", 3)
	require.NoError(w.t, s[2].Nack(true))
	require.NoError(w.t, s[0].Ack())
	require.NoError(w.t, take("classic", 1)[0].Nack(true))
	e := take("expiring", 2)
	require.NoError(w.t, e[0].Nack(false)) // to the queue dead
	require.NoError(w.t, take("priority", 2)[0].Ack())
	w.commit()
}

func (w *folderWriter) delayed() {
	later := func(exchange, key string, ms int64, body string) {
		w.publish(exchange, key, headed(map[string]any{"x-delay": ms}), body)
	}
	strict := map[string]any{"x-delayed-type": "direct", "x-delayed-strict": true, "x-dead-letter-exchange": "",
		"x-dead-letter-routing-key": "dead"}
	w.exchange(broker.Exchange{Name: "strict", Type: "x-delayed-message", Durable: true, Args: strict})
	w.bind(broker.Binding{Source: "strict", Destination: "empty", Key: "k"})
	for i := range 5 {
		later("strict", "k", int64(5000-1000*i), fmt.Sprintf("strict %d", i))
	}
	later("strict", "unbound", 1500, "strict to nowhere")
	if w.profile == "4.3" { // it knows no others
		return
	}
	plain := func(kind string) map[string]any { return map[string]any{"x-delayed-type": kind} }
	w.exchange(broker.Exchange{Name: "delayed", Type: "x-delayed-message", Durable: true, Args: plain("topic")})
	w.exchange(broker.Exchange{Name: "delayed transient", Type: "x-delayed-message", Args: plain("fanout")})
	args := plain("direct")
	args["alternate-exchange"] = "amq.fanout"
	w.exchange(broker.Exchange{Name: "delayed and deleted", Type: "x-delayed-message", Durable: true, Args: args})
	w.bind(broker.Binding{Source: "delayed", Destination: "empty", Key: "d.#"})
	w.bind(broker.Binding{Source: "delayed transient", Destination: "empty"})
	for i := range 40 {
		later("delayed", "d.k", int64(1000*(i*7%40)), fmt.Sprintf("delayed %02d", i))
	}
	p := headed(map[string]any{"x-delay": int32(500)})
	p.DeliveryMode = 1
	w.publish("delayed", "d.transient", p, "delayed, not persistent")
	later("delayed", "d.far", 1000*60*60*24*49, "delayed by weeks")
	later("delayed transient", "", 2500, "of a transient exchange")
	later("delayed and deleted", "gone", 3500, "of a deleted exchange")
	list, err := w.v.ListDelayed("delayed", "", 10)
	require.NoError(w.t, err)
	gone, err := w.v.CancelDelayed("delayed", list[3].ID)
	require.NoError(w.t, err)
	require.True(w.t, gone)
	w.commit()
	require.NoError(w.t, w.v.DeleteExchange("delayed and deleted"))
}
