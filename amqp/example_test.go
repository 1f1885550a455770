// Runnable examples.

package amqp_test

import (
	"encoding/binary"
	"fmt"

	"github.com/rabbetmq/rabbet/amqp"
)

// A message is a method frame, a header frame and as many body frames as its size
// needs.
func Example() {
	props := amqp.Properties{Flags: amqp.HasDeliveryMode, DeliveryMode: 2}
	body := []byte("hello")

	var b []byte
	b = amqp.AppendMethod(b, 1, &amqp.BasicPublish{Exchange: "amq.topic", RoutingKey: "a.b"})
	b = amqp.AppendHeader(b, 1, amqp.BasicPublishID.Class(), uint64(len(body)), props.Append(nil))
	b = amqp.AppendBody(b, 1, body, 131072)

	for len(b) > 0 {
		kind, size := b[0], int(binary.BigEndian.Uint32(b[3:]))
		payload := b[amqp.FrameHeaderSize:][:size]
		b = b[amqp.FrameOverhead+size:]
		fmt.Printf("type %d: %d bytes\n", kind, len(payload))
	}
	// Output:
	// type 1: 21 bytes
	// type 2: 15 bytes
	// type 3: 5 bytes
}

// The payload of a method frame is the method's id and its arguments.
func ExampleNewMethod() {
	frame := amqp.AppendMethod(nil, 1, &amqp.QueueDeclare{Queue: "tasks", Durable: true})
	payload := frame[amqp.FrameHeaderSize : len(frame)-1]

	id := amqp.MethodID(binary.BigEndian.Uint32(payload))
	m, ok := amqp.NewMethod(id)
	if !ok {
		fmt.Println("unknown", id)
		return
	}
	if err := m.Decode(payload[4:]); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %+v\n", id, m)
	// Output:
	// queue.declare &{Queue:tasks Passive:false Durable:true Exclusive:false AutoDelete:false NoWait:false Arguments:[]}
}

// Arguments of Go's own types become those of the wire.
func ExampleTableOf() {
	t, err := amqp.TableOf(map[string]any{"x-message-ttl": 60000, "x-dead-letter-exchange": "dead", "tags": []string{"a", "b"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range t {
		fmt.Printf("%s %s %s\n", f.Key, amqp.TypeName(f.Value), amqp.FormatTerm(f.Value))
	}
	// Output:
	// tags array [{longstr,<<"a">>},{longstr,<<"b">>}]
	// x-dead-letter-exchange longstr <<"dead">>
	// x-message-ttl long 60000
}

// A broker rarely needs more of a message's properties than one or two, and reads
// them where they are.
func ExampleRawProperties() {
	p := amqp.Properties{
		Flags: amqp.HasHeaders | amqp.HasExpiration, Expiration: "5000",
		Headers: amqp.Table{{Key: "tenant", Value: "acme"}},
	}
	raw := amqp.RawProperties(p.Append(nil))

	if err := raw.Validate(); err != nil {
		fmt.Println(err)
		return
	}
	expiration, ok := raw.Expiration()
	fmt.Println(string(expiration), ok)
	tenant, ok := raw.Headers().Lookup("tenant")
	fmt.Println(tenant, ok)
	// Output:
	// 5000 true
	// acme true
}

func ExampleReplyCode() {
	for _, c := range []amqp.ReplyCode{amqp.NotFound, amqp.NotAllowed} {
		fmt.Println(uint16(c), c, c.Hard())
	}
	// Output:
	// 404 NOT_FOUND false
	// 530 NOT_ALLOWED true
}
