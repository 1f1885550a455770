package exchange

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/rabbetmq/rabbet/amqp"
)

const many = 100_000

// shapes are ways to write 100,000 different wildcard keys, with a message key
// that one of them matches.
var shapes = []struct {
	name string
	key  func(i int) string
	hit  string
}{
	{"id-star", func(i int) string { return fmt.Sprintf("dev.%d.*", i) }, "dev.4711.temp"},
	{"star-id", func(i int) string { return fmt.Sprintf("*.%d", i) }, "temp.4711"},
	{"id-hash", func(i int) string { return fmt.Sprintf("site.%d.%d.#", i/1000, i%1000) }, "site.4.711.room.7.temp"},
	{"hash-id", func(i int) string { return fmt.Sprintf("#.%d", i) }, "site.room.7.temp.4711"},
	{"hash-id-hash", func(i int) string { return fmt.Sprintf("#.%d.#", i) }, "site.4711.room.x.temp"},
	{"mixed", func(i int) string {
		return fmt.Sprintf([]string{"a.%d.*", "*.%d.#", "#.%d", "a.#.%d.*"}[i%4], i)
	}, "a.4711.x"},
}

func dests(n int) []*int {
	d := make([]*int, n)
	for i := range d {
		d[i] = new(int)
	}
	return d
}

func filled(b *testing.B, kind string, n int, key func(i int) string, args func(i int) amqp.Table) (Table[*int], []*int) {
	x, _ := New[*int](kind, nil)
	d := dests(n)
	for i := range n {
		var k string
		if key != nil {
			k = key(i)
		}
		var a amqp.Table
		if args != nil {
			a = args(i)
		}
		if _, err := x.Bind(k, a, d[i]); err != nil {
			b.Fatal(err)
		}
	}
	runtime.GC()
	return x, d
}

func benchmarkRoute(b *testing.B, x Table[*int], m Message, want int) {
	b.Helper()
	dst := x.Route(make([]*int, 0, 64), m)
	if len(dst) != want {
		b.Fatalf("routed %d times, not %d", len(dst), want)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		dst = x.Route(dst[:0], m)
	}
}

func BenchmarkDirectRoute(b *testing.B) {
	key := func(i int) string { return fmt.Sprintf("queue-%d", i) }
	x, _ := filled(b, "direct", many, key, nil)
	benchmarkRoute(b, x, Message{Key: key(4711)}, 1)
}

func BenchmarkFanoutRoute50(b *testing.B) {
	x, _ := filled(b, "fanout", 50, nil, nil)
	benchmarkRoute(b, x, Message{}, 50)
}

// BenchmarkTopicRoute routes through 100,000 wildcard bindings; "spread" sends
// each message to another one.
func BenchmarkTopicRoute(b *testing.B) {
	for _, s := range shapes {
		x, _ := filled(b, "topic", many, s.key, nil)
		b.Run(s.name, func(b *testing.B) { benchmarkRoute(b, x, Message{Key: s.hit}, 1) })
	}
	x, _ := filled(b, "topic", many, shapes[5].key, nil)
	keys := make([]string, many)
	for i := range keys {
		keys[i] = fmt.Sprintf("a.%d.x", i*7919%many)
	}
	b.Run("spread", func(b *testing.B) {
		b.ReportAllocs()
		var dst []*int
		i := 0
		for b.Loop() {
			dst = x.Route(dst[:0], Message{Key: keys[i%many]})
			i++
		}
	})
}

func BenchmarkTopicBind(b *testing.B) {
	for _, s := range shapes {
		keys := make([]string, many)
		for i := range keys {
			keys[i] = s.key(i)
		}
		d := dests(many)
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() { // an iteration binds all 100,000
				x, _ := New[*int]("topic", nil)
				for i, k := range keys {
					if _, err := x.Bind(k, nil, d[i]); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(many)*float64(b.N)/b.Elapsed().Seconds(), "binds/s")
		})
	}
}

// BenchmarkQueueChurn is a queue that comes and goes, among 100,000 others.
func BenchmarkQueueChurn(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind, func(b *testing.B) {
			key := func(i int) string { return fmt.Sprintf("dev.%d.*", i) }
			args := func(i int) amqp.Table {
				return amqp.Table{{Key: "id", Value: int64(i)}, {Key: "x-match", Value: "all"}}
			}
			x, _ := filled(b, kind, many, key, args)
			k, a, d := key(many), args(many), new(int)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := x.Bind(k, a, d); err != nil {
					b.Fatal(err)
				}
				if x.RemoveDest(d) != 1 {
					b.Fatal("nothing removed")
				}
			}
		})
	}
}

func BenchmarkHeadersRoute(b *testing.B) {
	text := func(i int) string { return fmt.Sprintf("v%d", i) }
	message := Message{Headers: rawTable(amqp.Table{
		{Key: "type", Value: "order"}, {Key: "region", Value: "eu"}, {Key: "id", Value: int32(4711)},
	})}
	for _, bc := range []struct {
		name string
		n    int
		args func(i int) amqp.Table
		want int
	}{
		{"10-all", 10, func(i int) amqp.Table {
			return amqp.Table{{Key: "type", Value: "order"}, {Key: "region", Value: []string{"eu", "us"}[i%2]}}
		}, 5},
		{"100k-all-by-id", many, func(i int) amqp.Table {
			return amqp.Table{{Key: "id", Value: int64(i)}, {Key: "type", Value: "order"}, {Key: "x-match", Value: "all"}}
		}, 1},
		{"100k-any-by-id", many, func(i int) amqp.Table {
			return amqp.Table{{Key: "id", Value: int64(i)}, {Key: "type", Value: text(i)}, {Key: "x-match", Value: "any"}}
		}, 1},
		{"10k-all-sharing-one", 10_000, func(i int) amqp.Table { // worst: no condition tells them apart
			return amqp.Table{{Key: "type", Value: "order"}, {Key: "region", Value: []string{"us", "eu"}[min(i, 1)]}, {Key: "none", Value: nil}}
		}, 0},
	} {
		x, _ := filled(b, "headers", bc.n, text, bc.args)
		b.Run(bc.name, func(b *testing.B) { benchmarkRoute(b, x, message, bc.want) })
	}
}
