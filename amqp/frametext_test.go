// Descriptions of frames, against what Erlang/OTP 25 makes of RabbitMQ's format.

package amqp

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFrameErrorText(t *testing.T) {
	for _, c := range []struct {
		kind    uint8
		payload string
		fault   string
		numbers []uint32
		want    string
	}{
		{8, "", "", nil, "type 8, all octets = <<>>"},
		{4, "ab", "unknown_frame", nil, `type 4, all octets = <<"ab">>: unknown_frame`},
		{1, "\x00\x14\x00\x0a\x00", "invalid_frame_end_marker", []uint32{0}, "type 1, all octets = <<0,20,0,10,0>>: {invalid_frame_end_marker,0}"},
		{3, "", "frame_too_large", []uint32{4294967295, 131064}, "type 3, all octets = <<>>: {frame_too_large,4294967295,131064}"},
		{3, "0123456789abcdef", "unknown_frame", nil, `type 3, all octets = <<"0123456789abcdef">>: unknown_frame`},
		{3, "0123456789abcdefg", "unknown_frame", nil, `type 3, first 16 octets = <<"0123456789abcdef">>: unknown_frame`},
		{1, strings.Repeat("\x8c", 9), "invalid_frame_end_marker", []uint32{206},
			"type 1, all octets = <<140,140,140,140,140,140,140,140,140>>: {invalid_frame_end_marker,\n" +
				strings.Repeat(" ", 63) + "206}"},
		{1, strings.Repeat("\x8c", 13), "unknown_frame", nil,
			"type 1, all octets = <<140,140,140,140,140,140,140,140,140,140,140,140,140>>: unknown_frame"},
		{1, strings.Repeat("\x8c", 17), "invalid_frame_end_marker", []uint32{206},
			"type 1, first 16 octets = <<140,140,140,140,140,140,140,140,140,140,140,140,\n" +
				strings.Repeat(" ", 28) + "140,140,140,140>>: {invalid_frame_end_marker,206}"},
	} {
		assert.Equal(t, c.want, FrameErrorText(c.kind, []byte(c.payload), c.fault, c.numbers...))
	}
}
