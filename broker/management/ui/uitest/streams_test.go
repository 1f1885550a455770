package uitest

import (
	"context"
	"fmt"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fillStream declares a stream with so many messages.
func fillStream(r *rabbit, name string, count int) {
	ch := r.channel("events")
	require.NoError(r.t, ch.Confirm(false))
	r.queue(ch, name, amqp091.Table{"x-queue-type": "stream"})
	for i := range count {
		r.publish(ch, "", name, amqp091.Publishing{ContentType: "application/json", MessageId: fmt.Sprint("event-", i), Body: fmt.Appendf(nil, `{"event":%d}`, i)})
	}
}

// A stream is browsed by offset and by time, and searched; nothing is taken from it.
func TestStreamIsBrowsed(t *testing.T) {
	r := start(t)
	fillStream(r, "log", 120)
	p := open(t, r.url)
	p.enter()
	p.visit("#/queues/%2F/log?tab=messages&limit=20")
	p.see(`{"event":0}`)
	p.see("120 in the stream")
	assert.Equal(t, 0, js[int](p, "document.querySelectorAll('main td.pick').length"), "nothing of a stream can be chosen")
	p.press("Next")
	p.see(`{"event":20}`)
	p.press("Offset")
	p.typeInto("From offset", "100")
	p.see(`{"event":119}`)
	p.wait("[...document.querySelectorAll('main .pager button')].find((b) => b.innerText.includes('Next')).disabled")
	p.press("Back")
	p.see(`{"event":80}`)
	p.press("Last")
	p.see(`{"event":119}`)
	p.press("Time")
	p.see(`{"event":0}`)
	p.typeInto("From time", "2120-01-01T00:00:00")
	p.see("No messages from there on")
	p.press("First")
	p.typeInto("Search payload, key and properties", "event-11")
	p.press("Search")
	p.see("11 messages found among 120 looked at")
	p.do("[...document.querySelectorAll('main td.key button')].find((b) => b.innerText.includes('119')).click()")
	p.see("Message at offset 119")
	p.see("event-119")
	p.sound("stream")
	p.press("Close")

	ch := r.channel("reader")
	require.NoError(t, ch.Qos(10, 0, false))
	all, err := ch.Consume("log", "", false, false, false, false, amqp091.Table{"x-stream-offset": "first"})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	select {
	case d := <-all:
		assert.Equal(t, `{"event":0}`, string(d.Body))
	case <-ctx.Done():
		assert.Fail(t, "the first message is not delivered")
	}
}
