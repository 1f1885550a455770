package refusal_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
)

func TestTexts(t *testing.T) {
	for _, tc := range []struct {
		err  *amqp.Error
		code amqp.ReplyCode
		text string
	}{
		{refusal.NoQueue("q", "/"), amqp.NotFound, "no queue 'q' in vhost '/'"},
		{refusal.NoExchange("x", "v"), amqp.NotFound, "no exchange 'x' in vhost 'v'"},
		{refusal.Locked("q", "/"), amqp.ResourceLocked, "cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally " +
			"declared on another connection or the exclusive property value does not match that of the original declaration."},
		{refusal.WithoutMethod(amqp.ChannelError, "channel %d", 7), amqp.ChannelError, "channel 7"},
	} {
		assert.Equal(t, tc.code, tc.err.Code)
		assert.Equal(t, tc.text, tc.err.Text)
	}
	assert.True(t, refusal.WithoutMethod(amqp.ChannelError, "").NoMethod, "ERR-2: no method is to blame")
	assert.False(t, refusal.NoQueue("q", "/").NoMethod)
}

func TestSilent(t *testing.T) {
	assert.Equal(t, &refusal.Silent{Reason: "no 1"}, refusal.Silently("no %d", 1))
	assert.Equal(t, &refusal.Silent{Reason: "no 1", Now: true}, refusal.DropNow("no %d", 1))
	assert.EqualError(t, refusal.DropNow("bad"), "bad")
}
