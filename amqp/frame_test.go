// Frames against the bytes that RabbitMQ's own codec makes of them.

package amqp

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A content header is class, weight 0, size and properties (BASIC-91); a body is
// split so that each frame stays within frame-max (CONN-41). Bytes by RabbitMQ 3.10.
func TestContentFramesAreWhatRabbitMQSpeaks(t *testing.T) {
	props := (&Properties{Flags: HasDeliveryMode, DeliveryMode: 2}).Append(nil)
	b := AppendHeader(nil, 3, BasicPublishID.Class(), 10, props)
	b = AppendBody(b, 3, []byte("0123456789"), 14)
	assert.Equal(t, "0200030000000f003c0000000000000000000a100002ce"+
		"03000300000006303132333435ce0300030000000436373839ce", hex.EncodeToString(b))
}

func TestFramesAreWhatRabbitMQSpeaks(t *testing.T) {
	assert.Equal(t, "0100030000000d003c0050000000000000000901ce",
		hex.EncodeToString(AppendMethod(nil, 3, &BasicAck{DeliveryTag: 9, Multiple: true})))
	assert.Equal(t, "08000000000000ce", hex.EncodeToString(AppendHeartbeat(nil)))
	assert.Equal(t, "03012300000002abcdce", hex.EncodeToString(AppendFrame(nil, FrameBody, 0x123, []byte{0xab, 0xcd})))
}

func TestBodiesAreSplit(t *testing.T) {
	body := make([]byte, 10000)
	for _, c := range []struct {
		size     int
		frameMax uint32
		want     []int
	}{
		{0, 4096, nil},
		{1, 4096, []int{1}},
		{4088, 4096, []int{4088}},
		{4089, 4096, []int{4088, 1}},
		{10000, 4096, []int{4088, 4088, 1824}},
		{10000, 0, []int{10000}}, // CONN-42: frame-max 0 is no limit
	} {
		b := AppendBody([]byte("before"), 7, body[:c.size], c.frameMax)[len("before"):]
		var sizes []int
		for len(b) > 0 {
			n := int(binary.BigEndian.Uint32(b[3:]))
			assert.Equal(t, []byte{FrameBody, 0, 7}, b[:3])
			assert.Equal(t, byte(FrameEnd), b[FrameHeaderSize+n])
			sizes, b = append(sizes, n), b[FrameOverhead+n:]
		}
		assert.Equal(t, c.want, sizes)
	}
}
