package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

// A party is a broker that can be killed and comes back at its address.
type party struct {
	*server
	args []string
}

// newParty starts a broker with a data folder of its own.
func newParty(t *testing.T, args ...string) *party {
	p := &party{args: append([]string{
		"serve", "--data-dir", t.TempDir(), "--port", strconv.Itoa(freePort(t)), "--management", "off", "--prometheus", "off",
	}, args...)}
	p.server = follow(t, command(t, nil, p.args...))
	return p
}

// strike kills the broker with SIGKILL and starts it again.
func (p *party) strike(t *testing.T) {
	require.NoError(t, p.cmd.Process.Kill())
	_ = p.cmd.Wait() // killed
	p.server = follow(t, command(t, nil, p.args...))
}

// SHOVEL-7, SHOVEL-12: kill -9 of the source, the destination and the broker that runs the
// shovel loses no confirmed message, and the shovel goes on.
func TestShovelSurvivesKills(t *testing.T) {
	const messages = 4000
	from, to := newParty(t), newParty(t)
	definitions := filepath.Join(t.TempDir(), "definitions.json")
	require.NoError(t, os.WriteFile(definitions, fmt.Appendf(nil, `{"vhosts":[{"name":"/"}],"parameters":[{"component":"shovel",
		"vhost":"/","name":"s","value":{"src-uri":"amqp://%s","src-queue":"q","dest-uri":"amqp://guest:guest@%s","dest-queue":"q",
		"src-prefetch-count":20,"reconnect-delay":1}}]}`, from.address, to.address), 0o600))
	publishConfirmed(t, from.address, messages)
	own := newParty(t, "--definitions", definitions)
	for i, victim := range []*party{to, from, own, to} {
		wanted := (i + 1) * 100
		awaitShovelled(t, to.address, func(n int) bool { return n >= wanted })
		victim.strike(t)
	}
	seen := map[string]bool{}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := delay.Poll(ctx, delay.Real{}, 50*time.Millisecond, func() bool {
		for _, body := range takeQueue(t, to.address) {
			seen[body] = true
		}
		return len(seen) == messages
	})
	require.NoError(t, err, "%d of %d messages", len(seen), messages)
	require.NoError(t, own.cmd.Process.Kill())
	_ = own.cmd.Wait() // killed
	assert.NotContains(t, own.stderr.String(), "guest:guest")
}

// channelAt opens a channel that the test closes.
func channelAt(t *testing.T, address string) *amqp.Channel {
	c, err := amqp.Dial("amqp://guest:guest@" + address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() }) // its broker may be gone
	ch, err := c.Channel()
	require.NoError(t, err)
	return ch
}

func publishConfirmed(t *testing.T, address string, n int) {
	ch := channelAt(t, address)
	_, err := ch.QueueDeclare("q", true, false, false, false, nil)
	require.NoError(t, err)
	require.NoError(t, ch.Confirm(false))
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, n))
	for i := range n {
		require.NoError(t, ch.PublishWithContext(context.Background(), "", "q", false, false, amqp.Publishing{
			DeliveryMode: amqp.Persistent, Body: []byte(strings.Repeat(fmt.Sprint(i, " "), 20)),
		}))
	}
	for range n {
		require.True(t, (<-confirms).Ack)
	}
}

// awaitShovelled waits for a number of ready messages in the queue of a broker.
func awaitShovelled(t *testing.T, address string, enough func(int) bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ch := channelAt(t, address)
	require.NoError(t, delay.Poll(ctx, delay.Real{}, 5*time.Millisecond, func() bool {
		state, err := ch.QueueDeclarePassive("q", true, false, false, false, nil)
		if err != nil { // not declared yet
			ch = channelAt(t, address)
			return false
		}
		return enough(state.Messages)
	}))
}

// takeQueue returns all bodies of the queue, once it gives no more.
func takeQueue(t *testing.T, address string) (bodies []string) {
	ch := channelAt(t, address)
	for {
		d, ok, err := ch.Get("q", true)
		require.NoError(t, err)
		if !ok {
			return bodies
		}
		bodies = append(bodies, string(d.Body))
	}
}
