// Reply codes against the reference's table.

package amqp

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestReplyCodes(t *testing.T) {
	for _, c := range []struct {
		code ReplyCode
		name string
		hard bool // ERR-1: the connection is closed
	}{
		{311, "CONTENT_TOO_LARGE", false}, {312, "NO_ROUTE", false}, {313, "NO_CONSUMERS", false},
		{320, "CONNECTION_FORCED", true}, {402, "INVALID_PATH", true}, {403, "ACCESS_REFUSED", false},
		{404, "NOT_FOUND", false}, {405, "RESOURCE_LOCKED", false}, {406, "PRECONDITION_FAILED", false},
		{501, "FRAME_ERROR", true}, {502, "SYNTAX_ERROR", true}, {503, "COMMAND_INVALID", true},
		{504, "CHANNEL_ERROR", true}, {505, "UNEXPECTED_FRAME", true}, {506, "RESOURCE_ERROR", true},
		{530, "NOT_ALLOWED", true}, {540, "NOT_IMPLEMENTED", true}, {541, "INTERNAL_ERROR", true},
		{200, "REPLY_SUCCESS", true}, {999, "999", true},
	} {
		assert.Equal(t, c.name, c.code.String())
		assert.Equal(t, c.hard, c.code.Hard(), c.name)
	}
}
