// Tests of the raw client, against a broker that says what it is told to and then
// hangs up or not: what is not as expected is seen not to be.

package scripts

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	wire "github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

// parrot is a runner whose broker says these words to each connection, and then
// ends it unless it is to stay.
func parrot(t *testing.T, words []byte, stays bool) *Runner {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	accepting := make(chan struct{})
	t.Cleanup(func() {
		listener.Close()
		<-accepting
	})
	go func() {
		defer close(accepting)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write(words)
			if !stays {
				conn.Close()
				continue
			}
			t.Cleanup(func() { conn.Close() })
		}
	}()
	addr := listener.Addr().(*net.TCPAddr)
	r := &Runner{clock: delay.Real{}, patience: 500 * time.Millisecond, limit: time.Minute, version: V(3, 13, 7), run: "test"}
	r.uri.Host, r.uri.Port = addr.IP.String(), addr.Port
	return r
}

func TestRawSeesDifferences(t *testing.T) {
	closing := wire.AppendMethod(nil, 0, &wire.ConnectionClose{ReplyCode: 504, ReplyText: "CHANNEL_ERROR - why", ClassID: 20, MethodID: 10})
	channelClosing := wire.AppendMethod(nil, 1, &wire.ChannelClose{ReplyCode: 404, ReplyText: "NOT_FOUND - what"})
	heartbeat := wire.AppendHeartbeat(nil)
	const hangsUp, stays = false, true
	for name, c := range map[string]struct {
		words   []byte
		stays   bool
		run     func(*Raw)
		failure string
	}{
		"close":             {closing, hangsUp, closesWith(504, "why", wire.ChannelOpenID), ""},
		"close after beats": {append(heartbeat, closing...), hangsUp, closesWith(504, "why", wire.ChannelOpenID), ""},
		"other code":        {closing, hangsUp, closesWith(503, "why", wire.ChannelOpenID), `"504 \"CHANNEL_ERROR - why\" by 20/10"`},
		"other text":        {closing, hangsUp, closesWith(504, "who", wire.ChannelOpenID), "CHANNEL_ERROR - why"},
		"other method":      {closing, hangsUp, closesWith(504, "why", Nobody), "by 0/0"},
		"close, then more":  {append(closing, channelClosing...), hangsUp, closesWith(504, "why", wire.ChannelOpenID), "expected the end of the connection, got channel.close"},
		"no end":            {closing, stays, closesWith(504, "why", wire.ChannelOpenID), "it stayed open"},
		"channel":           {channelClosing, hangsUp, closesWith(404, "what", Nobody), "expected connection.close on channel 0, got channel.close"},
		"nothing":           {nil, stays, closesWith(504, "why", Nobody), "waited in vain for a frame"},
		"end":               {nil, hangsUp, closesWith(504, "why", Nobody), "wait for a frame: EOF"},
		"drop":              {nil, hangsUp, (*Raw).ExpectDrop, ""},
		"drop with words":   {closing, hangsUp, (*Raw).ExpectDrop, "got connection.close"},
		"no drop":           {nil, stays, (*Raw).ExpectDrop, "it stayed open"},
		"no silence":        {nil, hangsUp, (*Raw).ExpectSilentClose, "expected 3s"},
		"heartbeat":         {heartbeat, stays, func(r *Raw) { r.NextHeartbeat(time.Second) }, ""},
		"no heartbeat":      {nil, stays, func(r *Raw) { r.NextHeartbeat(time.Millisecond) }, "waited for a heartbeat"},
		"other channel": {channelClosing, hangsUp, func(r *Raw) { Await[*wire.ChannelClose](r, 2) },
			"expected channel.close on channel 2, got channel.close on channel 1"},
		"wrong end":  {[]byte{8, 0, 0, 0, 0, 0, 0, 0}, hangsUp, func(r *Raw) { r.Next() }, "a frame ends with octet 0x0"},
		"huge frame": {[]byte{1, 0, 0, 255, 255, 255, 255, 0}, hangsUp, func(r *Raw) { r.Next() }, "a frame of 4294967295 bytes"},
		"header": {[]byte(wire.ProtocolHeader), hangsUp, func(r *Raw) {
			r.t.Equal(wire.ProtocolHeader, string(r.Next().Payload), "answer")
			r.ExpectDrop()
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			result := parrot(t, c.words, c.stays).Run(t.Context(), Script{Run: func(t *T) { c.run(t.Raw()) }})
			if c.failure == "" {
				assert.Empty(t, result.Failures)
			} else if assert.NotEmpty(t, result.Failures) {
				assert.Contains(t, result.Failures[0], c.failure)
			}
		})
	}
}
