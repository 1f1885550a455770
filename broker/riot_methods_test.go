package broker_test

// What a rioting client says: every method with arguments at random, in any order, and
// frames that are none.

import (
	"math/rand/v2"
	"reflect"

	"github.com/rabbetmq/rabbet/amqp"
)

// riotNames are few, so that clients get in each other's way. The queues whose messages
// are counted are not among them.
var (
	riotNames = []string{"", "q0", "q1", "q2", "x0", "x1", "x2", "amq.direct", "amq.fanout", "amq.topic", "amq.headers",
		"amq.rabbitmq.reply-to", "amq.default", "t0", "t1", "nobody", "\xff", "a.b.c", "#.*"}
	riotTypes = []string{"direct", "fanout", "topic", "headers", "x-random", "x-delayed-message", "x-modulus-hash", "nonsense", ""}
	riotKeys  = []string{"x-message-ttl", "x-expires", "x-max-length", "x-max-length-bytes", "x-overflow", "x-max-priority",
		"x-dead-letter-exchange", "x-dead-letter-routing-key", "x-dead-letter-strategy", "x-queue-type", "x-queue-mode",
		"x-single-active-consumer", "x-delivery-limit", "x-priority", "x-stream-offset", "x-cancel-on-ha-failover",
		"alternate-exchange", "x-delayed-type", "x-match", "x-delay", "CC", "BCC", "x-death", "colour"}
	riotWords = []any{"quorum", "classic", "stream", "lazy", "reject-publish", "drop-head", "at-least-once", "first", "next",
		"all", "any", "direct", "q0", "x0", "", int32(0), int32(1), int64(2), int32(-1), int64(1 << 40), true, false, nil, 1.5,
		amqp.Table{{Key: "a", Value: "b"}}, []any{"q1", int32(1)}}
)

// riotMethods are all that the specification has, those of the server too.
var riotMethods = func() (ids []amqp.MethodID) {
	for class := range uint32(100) {
		for method := range uint32(130) {
			if _, known := amqp.NewMethod(amqp.MethodID(class<<16 | method)); known {
				ids = append(ids, amqp.MethodID(class<<16|method))
			}
		}
	}
	return ids
}()

// riotOften are those that get somewhere.
var riotOften = []amqp.MethodID{
	amqp.QueueDeclareID, amqp.ExchangeDeclareID, amqp.QueueBindID, amqp.ExchangeBindID, amqp.BasicPublishID, amqp.BasicPublishID,
	amqp.BasicConsumeID, amqp.BasicConsumeID, amqp.BasicGetID, amqp.BasicAckID, amqp.BasicAckID, amqp.BasicNackID, amqp.BasicRejectID,
	amqp.BasicQosID, amqp.BasicCancelID, amqp.BasicRecoverID, amqp.ConfirmSelectID, amqp.TxSelectID, amqp.TxCommitID, amqp.TxRollbackID,
	amqp.QueuePurgeID, amqp.QueueDeleteID, amqp.ExchangeDeleteID, amqp.QueueUnbindID,
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// riotTable is a table of arguments or headers.
func riotTable(r *rand.Rand) (t amqp.Table) {
	if r.IntN(2) == 0 {
		return nil
	}
	for range r.IntN(4) {
		t = append(t, amqp.Field{Key: pick(r, riotKeys), Value: pick(r, riotWords)})
	}
	return t
}

// riotMethod is a method with arguments at random.
func riotMethod(r *rand.Rand) amqp.Method {
	id := pick(r, riotOften)
	if r.IntN(60) == 0 {
		id = pick(r, riotMethods)
	}
	m, _ := amqp.NewMethod(id)
	v := reflect.ValueOf(m).Elem()
	for i := range v.NumField() {
		if !v.Field(i).CanSet() {
			continue
		}
		switch f := v.Field(i); {
		case f.Type() == reflect.TypeFor[amqp.Table]():
			f.Set(reflect.ValueOf(riotTable(r)))
		case f.Kind() == reflect.String && v.Type().Field(i).Name == "Type":
			f.SetString(pick(r, riotTypes))
		case f.Kind() == reflect.String:
			f.SetString(pick(r, riotNames))
		case f.Kind() == reflect.Bool:
			f.SetBool(r.IntN(4) == 0)
		case f.CanUint():
			f.SetUint(r.Uint64N(6))
		}
	}
	return m
}

// riotContent is what follows a method with a content, mostly as it should be.
func riotContent(r *rand.Rand, p []byte, channel uint16) []byte {
	props := amqp.Properties{Flags: amqp.PropertyFlags(r.Uint32()), Headers: riotTable(r), DeliveryMode: uint8(r.IntN(3)), Priority: uint8(r.IntN(12)),
		Expiration: pick(r, []string{"", "", "", "0", "10", "-1", "soon"}), ReplyTo: pick(r, riotNames), UserID: pick(r, []string{"", "", "guest", "nobody"})}
	body := make([]byte, pick(r, []int{0, 1, 100, 5000}))
	size := uint64(len(body))
	switch r.IntN(100) {
	case 0:
		size = r.Uint64() // it never comes, or more comes than was said
	case 1:
		return p
	case 2:
		channel++
	}
	p = amqp.AppendHeader(p, channel, 60, size, props.Append(nil))
	return amqp.AppendBody(p, channel, body, uint32(pick(r, []int{0, 64, 131072})))
}

// riotNoise is a frame that is none, or is none here.
func riotNoise(r *rand.Rand, p []byte, channel uint16) []byte {
	switch payload := make([]byte, r.IntN(12)); r.IntN(6) {
	case 0:
		return append(p, payload...)
	case 1:
		return amqp.AppendFrame(p, byte(r.IntN(9)), channel, payload)
	case 2:
		return amqp.AppendHeader(p, channel, 60, 5, nil)
	case 3:
		return amqp.AppendBody(p, channel, []byte("stray"), 0)
	case 4:
		return amqp.AppendFrame(p, amqp.FrameMethod, channel, []byte{0, byte(r.IntN(100)), 0, byte(r.IntN(130)), 1, 'q'})
	}
	return amqp.AppendHeartbeat(p)
}
