// Benchmarks of what a broker does for every message.

package amqp

import "testing"

// typical is what clients usually send along with a message.
var typical = Properties{
	Flags: HasContentType | HasDeliveryMode | HasMessageID, ContentType: "application/json", DeliveryMode: 2, MessageID: "4711",
}

var withHeaders = Properties{
	Flags: HasContentType | HasHeaders | HasDeliveryMode | HasUserID, ContentType: "application/json", DeliveryMode: 2, UserID: "guest",
	Headers: Table{{"tenant", "acme"}, {"attempt", int32(3)}, {"trace", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}},
}

func BenchmarkAppendDeliver(b *testing.B) {
	m := &BasicDeliver{ConsumerTag: "ctag-1", DeliveryTag: 1234567, Exchange: "amq.topic", RoutingKey: "a.b.c"}
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendMethod(buf[:0], 1, m)
	}
}

// BenchmarkAppendDelivery is method, header and 100 bytes of body.
func BenchmarkAppendDelivery(b *testing.B) {
	m := &BasicDeliver{ConsumerTag: "ctag-1", DeliveryTag: 1234567, Exchange: "amq.topic", RoutingKey: "a.b.c"}
	props := typical.Append(nil)
	body := make([]byte, 100)
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendMethod(buf[:0], 1, m)
		buf = AppendHeader(buf, 1, 60, uint64(len(body)), props)
		buf = AppendBody(buf, 1, body, 131072)
	}
}

func BenchmarkDecodePublish(b *testing.B) {
	args := (&BasicPublish{Exchange: "amq.topic", RoutingKey: "a.b.c"}).Append(nil)
	var m BasicPublish
	b.ReportAllocs()
	for b.Loop() {
		if m.Decode(args) != nil {
			b.Fatal()
		}
	}
}

func BenchmarkDecodeAck(b *testing.B) {
	args := (&BasicAck{DeliveryTag: 77, Multiple: true}).Append(nil)
	var m BasicAck
	b.ReportAllocs()
	for b.Loop() {
		if m.Decode(args) != nil {
			b.Fatal()
		}
	}
}

func BenchmarkRawProperties(b *testing.B) {
	for _, c := range []struct {
		name string
		p    *Properties
	}{{"typical", &typical}, {"headers", &withHeaders}} {
		raw := RawProperties(c.p.Append(nil))
		b.Run(c.name+"/validate", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if raw.Validate() != nil {
					b.Fatal()
				}
			}
		})
		b.Run(c.name+"/delivery-mode", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				raw.DeliveryMode()
			}
		})
		b.Run(c.name+"/user-id", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				raw.UserID()
			}
		})
	}
}

func BenchmarkTable(b *testing.B) {
	buf := AppendTable(nil, withHeaders.Headers)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = AppendTable(buf[:0], withHeaders.Headers)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _, _ = DecodeTable(buf)
		}
	})
	b.Run("lookup", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			RawTable(buf[4:]).Lookup("attempt")
		}
	})
}
