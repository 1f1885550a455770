// Methods against the bytes that RabbitMQ's own codec makes of them, and what is
// said of arguments that are broken.

package amqp

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// arguments is the table {"k": "v"}, 8 bytes of it.
var arguments = Table{{"k", "v"}}

// golden is every method with its name, class, number and arguments as RabbitMQ 3.10
// encodes them.
var golden = []struct {
	name          string
	class, number uint16
	method        Method
	args          string
}{
	{"connection.start", 10, 10, &ConnectionStart{VersionMinor: 9, ServerProperties: arguments, Mechanisms: "PLAIN AMQPLAIN", Locales: "en_US"}, "000900000008016b5300000001760000000e504c41494e20414d51504c41494e00000005656e5f5553"},
	{"connection.start-ok", 10, 11, &ConnectionStartOk{ClientProperties: arguments, Mechanism: "PLAIN", Response: "\x00u\x00p", Locale: "en_US"}, "00000008016b53000000017605504c41494e000000040075007005656e5f5553"},
	{"connection.secure", 10, 20, &ConnectionSecure{Challenge: "c"}, "0000000163"},
	{"connection.secure-ok", 10, 21, &ConnectionSecureOk{Response: "r"}, "0000000172"},
	{"connection.tune", 10, 30, &ConnectionTune{ChannelMax: 2047, FrameMax: 131072, Heartbeat: 60}, "07ff00020000003c"},
	{"connection.tune-ok", 10, 31, &ConnectionTuneOk{ChannelMax: 100, FrameMax: 4096, Heartbeat: 7}, "0064000010000007"},
	{"connection.open", 10, 40, &ConnectionOpen{VirtualHost: "/"}, "012f0000"},
	{"connection.open-ok", 10, 41, &ConnectionOpenOk{}, "00"},
	{"connection.close", 10, 50, &ConnectionClose{ReplyCode: 320, ReplyText: "bye", ClassID: 10, MethodID: 40}, "014003627965000a0028"},
	{"connection.close-ok", 10, 51, &ConnectionCloseOk{}, ""},
	{"connection.blocked", 10, 60, &ConnectionBlocked{Reason: "low on memory"}, "0d6c6f77206f6e206d656d6f7279"},
	{"connection.unblocked", 10, 61, &ConnectionUnblocked{}, ""},
	{"connection.update-secret", 10, 70, &ConnectionUpdateSecret{NewSecret: "s3", Reason: "why"}, "00000002733303776879"},
	{"connection.update-secret-ok", 10, 71, &ConnectionUpdateSecretOk{}, ""},
	{"channel.open", 20, 10, &ChannelOpen{}, "00"},
	{"channel.open-ok", 20, 11, &ChannelOpenOk{}, "00000000"},
	{"channel.flow", 20, 20, &ChannelFlow{Active: true}, "01"},
	{"channel.flow-ok", 20, 21, &ChannelFlowOk{Active: true}, "01"},
	{"channel.close", 20, 40, &ChannelClose{ReplyCode: 404, ReplyText: "no", ClassID: 50, MethodID: 10}, "0194026e6f0032000a"},
	{"channel.close-ok", 20, 41, &ChannelCloseOk{}, ""},
	{"access.request", 30, 10, &AccessRequest{Realm: "/data", Passive: true, Write: true, Read: true}, "052f646174611a"},
	{"access.request-ok", 30, 11, &AccessRequestOk{Ticket: 1}, "0001"},
	{"exchange.declare", 40, 10, &ExchangeDeclare{Exchange: "x", Type: "topic", Durable: true, Internal: true, Arguments: arguments}, "0000017805746f7069630a00000008016b530000000176"},
	{"exchange.declare-ok", 40, 11, &ExchangeDeclareOk{}, ""},
	{"exchange.delete", 40, 20, &ExchangeDelete{Exchange: "x", IfUnused: true}, "0000017801"},
	{"exchange.delete-ok", 40, 21, &ExchangeDeleteOk{}, ""},
	{"exchange.bind", 40, 30, &ExchangeBind{Destination: "d", Source: "s", RoutingKey: "key", NoWait: true, Arguments: arguments}, "000001640173036b65790100000008016b530000000176"},
	{"exchange.bind-ok", 40, 31, &ExchangeBindOk{}, ""},
	{"exchange.unbind", 40, 40, &ExchangeUnbind{Destination: "d", Source: "s", RoutingKey: "key", Arguments: arguments}, "000001640173036b65790000000008016b530000000176"},
	{"exchange.unbind-ok", 40, 51, &ExchangeUnbindOk{}, ""},
	{"queue.declare", 50, 10, &QueueDeclare{Queue: "q", Durable: true, AutoDelete: true, NoWait: true, Arguments: arguments}, "000001711a00000008016b530000000176"},
	{"queue.declare-ok", 50, 11, &QueueDeclareOk{Queue: "q", MessageCount: 0x01020304, ConsumerCount: 5}, "01710102030400000005"},
	{"queue.bind", 50, 20, &QueueBind{Queue: "q", Exchange: "x", RoutingKey: "key", NoWait: true, Arguments: arguments}, "000001710178036b65790100000008016b530000000176"},
	{"queue.bind-ok", 50, 21, &QueueBindOk{}, ""},
	{"queue.unbind", 50, 50, &QueueUnbind{Queue: "q", Exchange: "x", RoutingKey: "key", Arguments: arguments}, "000001710178036b657900000008016b530000000176"},
	{"queue.unbind-ok", 50, 51, &QueueUnbindOk{}, ""},
	{"queue.purge", 50, 30, &QueuePurge{Queue: "q", NoWait: true}, "0000017101"},
	{"queue.purge-ok", 50, 31, &QueuePurgeOk{MessageCount: 7}, "00000007"},
	{"queue.delete", 50, 40, &QueueDelete{Queue: "q", IfEmpty: true, NoWait: true}, "0000017106"},
	{"queue.delete-ok", 50, 41, &QueueDeleteOk{MessageCount: 7}, "00000007"},
	{"basic.qos", 60, 10, &BasicQos{PrefetchCount: 100, Global: true}, "00000000006401"},
	{"basic.qos-ok", 60, 11, &BasicQosOk{}, ""},
	{"basic.consume", 60, 20, &BasicConsume{Queue: "q", ConsumerTag: "tag", NoLocal: true, Exclusive: true, Arguments: arguments}, "00000171037461670500000008016b530000000176"},
	{"basic.consume-ok", 60, 21, &BasicConsumeOk{ConsumerTag: "tag"}, "03746167"},
	{"basic.cancel", 60, 30, &BasicCancel{ConsumerTag: "tag", NoWait: true}, "0374616701"},
	{"basic.cancel-ok", 60, 31, &BasicCancelOk{ConsumerTag: "tag"}, "03746167"},
	{"basic.publish", 60, 40, &BasicPublish{Exchange: "x", RoutingKey: "key", Mandatory: true, Immediate: true}, "00000178036b657903"},
	{"basic.return", 60, 50, &BasicReturn{ReplyCode: 312, ReplyText: "NO_ROUTE", Exchange: "x", RoutingKey: "key"}, "0138084e4f5f524f5554450178036b6579"},
	{"basic.deliver", 60, 60, &BasicDeliver{ConsumerTag: "tag", DeliveryTag: 0x0102030405060708, Redelivered: true, Exchange: "x", RoutingKey: "key"}, "037461670102030405060708010178036b6579"},
	{"basic.get", 60, 70, &BasicGet{Queue: "q", NoAck: true}, "0000017101"},
	{"basic.get-ok", 60, 71, &BasicGetOk{DeliveryTag: 9, Exchange: "x", RoutingKey: "key", MessageCount: 3}, "0000000000000009000178036b657900000003"},
	{"basic.get-empty", 60, 72, &BasicGetEmpty{}, "00"},
	{"basic.ack", 60, 80, &BasicAck{DeliveryTag: 9, Multiple: true}, "000000000000000901"},
	{"basic.reject", 60, 90, &BasicReject{DeliveryTag: 9, Requeue: true}, "000000000000000901"},
	{"basic.recover-async", 60, 100, &BasicRecoverAsync{Requeue: true}, "01"},
	{"basic.recover", 60, 110, &BasicRecover{Requeue: true}, "01"},
	{"basic.recover-ok", 60, 111, &BasicRecoverOk{}, ""},
	{"basic.nack", 60, 120, &BasicNack{DeliveryTag: 9, Requeue: true}, "000000000000000902"},
	{"confirm.select", 85, 10, &ConfirmSelect{NoWait: true}, "01"},
	{"confirm.select-ok", 85, 11, &ConfirmSelectOk{}, ""},
	{"tx.select", 90, 10, &TxSelect{}, ""},
	{"tx.select-ok", 90, 11, &TxSelectOk{}, ""},
	{"tx.commit", 90, 20, &TxCommit{}, ""},
	{"tx.commit-ok", 90, 21, &TxCommitOk{}, ""},
	{"tx.rollback", 90, 30, &TxRollback{}, ""},
	{"tx.rollback-ok", 90, 31, &TxRollbackOk{}, ""},
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func TestMethodsAreWhatRabbitMQSpeaks(t *testing.T) {
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			id := g.method.ID()
			assert.Equal(t, g.name, id.String())
			assert.Equal(t, g.class, id.Class())
			assert.Equal(t, g.number, id.Method())
			assert.Equal(t, g.args, hex.EncodeToString(g.method.Append(nil)))
			decoded, ok := NewMethod(id)
			require.True(t, ok)
			require.NoError(t, decoded.Decode(unhex(t, g.args)))
			assert.Equal(t, g.method, decoded)
		})
	}
}

// Every id that is not in the table is unknown, and the other way round.
func TestKnownMethods(t *testing.T) {
	known := map[MethodID]bool{}
	for _, g := range golden {
		known[g.method.ID()] = true
	}
	require.Len(t, known, len(golden))
	for class := range uint32(128) {
		for number := range uint32(256) {
			id := MethodID(class<<16 | number)
			_, ok := NewMethod(id)
			assert.Equal(t, known[id], ok, id)
		}
	}
	assert.Equal(t, "method 60/41", MethodID(60<<16|41).String())
}

func TestMethodsWithContent(t *testing.T) {
	var with []string
	for _, g := range golden {
		if g.method.ID().HasContent() {
			with = append(with, g.name)
		}
	}
	assert.Equal(t, []string{"basic.publish", "basic.return", "basic.deliver", "basic.get-ok"}, with)
}

// CONN-45: arguments must end where they end.
func TestDecodeNeedsAllArgumentsAndNoMore(t *testing.T) {
	for _, g := range golden {
		args := unhex(t, g.args)
		for n := range args {
			m, _ := NewMethod(g.method.ID())
			assert.ErrorIs(t, m.Decode(args[:n]), ErrSyntax, "%s cut to %d bytes", g.name, n)
		}
		m, _ := NewMethod(g.method.ID())
		assert.ErrorIs(t, m.Decode(append(args, 0)), ErrSyntax, "%s and a byte more", g.name)
	}
}

// The verdicts are those of RabbitMQ's decoder: it looks at the shape of all
// arguments first, and then into one after the other.
func TestDecodeErrorsTakePrecedence(t *testing.T) {
	for _, c := range []struct {
		what string
		m    Method
		args string
		want error
	}{
		{"queue not UTF-8", &QueueDeclare{}, "\x00\x00" + "\x01\xff" + "\x00" + "\x00\x00\x00\x00", ErrUTF8},
		{"queue not UTF-8, and trailing bytes", &QueueDeclare{}, "\x00\x00" + "\x01\xff" + "\x00" + "\x00\x00\x00\x00" + "\x01", ErrSyntax},
		{"queue not UTF-8, and a bad table", &QueueDeclare{}, "\x00\x00" + "\x01\xff" + "\x00" + "\x00\x00\x00\x03\x01aU", ErrUTF8},
		{"bad tag in the table", &QueueDeclare{}, "\x00\x00" + "\x01q" + "\x00" + "\x00\x00\x00\x03\x01aU", ErrTable},
		{"bad tag in the table, and trailing bytes", &QueueDeclare{}, "\x00\x00" + "\x01q" + "\x00" + "\x00\x00\x00\x03\x01aU" + "\x01", ErrSyntax},
		{"table longer than the arguments", &QueueDeclare{}, "\x00\x00" + "\x01q" + "\x00" + "\x00\x00\x00\x09\x01aV", ErrSyntax},
		{"string longer than the table", &QueueDeclare{}, "\x00\x00" + "\x01q" + "\x00" + "\x00\x00\x00\x08\x01aS\x00\x00\x00\x09V", ErrTable},
		{"reserved string not UTF-8", &ChannelOpen{}, "\x01\xff", ErrUTF8},
		{"routing key of a message not UTF-8", &BasicPublish{}, "\x00\x00" + "\x00" + "\x01\xff" + "\x00", nil},
		{"key of the table not UTF-8", &QueueDeclare{}, "\x00\x00" + "\x01q" + "\x00" + "\x00\x00\x00\x03\x01\xffV", nil}, // CONN-47: any bytes are taken
		{"bits that mean nothing", &BasicAck{}, "\x00\x00\x00\x00\x00\x00\x00\x01\xff", nil},
	} {
		if err := c.m.Decode([]byte(c.args)); c.want == nil {
			assert.NoError(t, err, c.what)
		} else {
			assert.ErrorIs(t, err, c.want, c.what)
		}
	}
}

// A string that does not fit is cut, at a character's boundary, and the frame
// stays whole.
func TestAppendCutsLongStrings(t *testing.T) {
	for _, c := range []struct {
		text string
		want int
	}{
		{strings.Repeat("a", 255), 255},
		{strings.Repeat("a", 256), 255},
		{strings.Repeat("é", 200), 254},
		{"a" + strings.Repeat("é", 200), 255},
		{strings.Repeat("a", 253) + "€", 253},
		{strings.Repeat("a", 252) + "🐇", 252},
		{strings.Repeat("\x80", 300), 255}, // no UTF-8 at all
	} {
		b := AppendShortstr(nil, c.text)
		require.Len(t, b, 1+c.want)
		assert.Equal(t, byte(c.want), b[0])
		assert.Equal(t, c.text[:c.want], string(b[1:]))
	}
	long := strings.Repeat("k", 1000)
	var m QueueBind
	require.NoError(t, m.Decode((&QueueBind{Queue: long, Arguments: Table{{long, long}}}).Append(nil)))
	assert.Equal(t, QueueBind{Queue: long[:255], Arguments: Table{{long[:255], long}}}, m)
}

// A method that is decoded again and again for the same names allocates nothing.
func TestDecodeKeepsEqualStrings(t *testing.T) {
	args := (&BasicPublish{Exchange: "an exchange", RoutingKey: "a.key", Mandatory: true}).Append(nil)
	var m BasicPublish
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		if m.Decode(args) != nil {
			t.Fail()
		}
	}))
	assert.Equal(t, BasicPublish{Exchange: "an exchange", RoutingKey: "a.key", Mandatory: true}, m)
	require.NoError(t, m.Decode((&BasicPublish{RoutingKey: "another"}).Append(nil)))
	assert.Equal(t, BasicPublish{RoutingKey: "another"}, m)

	// Not even if the old value came from where nothing was checked.
	invalid := BasicConsume{Queue: "\xff"}
	assert.ErrorIs(t, invalid.Decode(invalid.Append(nil)), ErrUTF8)
}
