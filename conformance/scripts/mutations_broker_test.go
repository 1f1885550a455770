// Mutations inside the broker, by verdicts of a tap: what is done to a call or to
// what a client is sent, which no proxy could tell apart.

package scripts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/tap"
)

// brokerMutation is a verdict on a method, or on what a Tap calls so, and the
// script that catches it.
type brokerMutation struct {
	what, script, shows string
	on                  string
	verdict             tap.Verdict
}

var brokerMutations = []brokerMutation{
	{"a publish is swallowed", "publish/order", "waited in vain for a delivery", tap.CallPublish, tap.Verdict{Act: tap.ActSwallow}},
	{"a publish reaches no queue", "routing/direct", "messages of the queue", tap.CallPublish, tap.Verdict{Act: tap.ActUnroutable}},
	{"a publish is never confirmed", "confirm/unroutable", "waited in vain for a confirm", tap.CallPublish, tap.Verdict{Act: tap.ActUnconfirmed}},
	{"a publish is refused", "confirm/unroutable", "nack instead of ack", tap.CallPublish, tap.Verdict{Act: tap.ActNack}},
	{"a commit fails for a publish", "tx/publishes-wait-for-commit", "partial tx completion", tap.CallPublish, tap.Verdict{Act: tap.ActNack}},
	{"what the queues have is nacked", "confirm/unroutable", "nack instead of ack", tap.CallConfirm, tap.Verdict{Act: tap.ActNack}},
	{"a confirm is swallowed", "confirm/unroutable", "waited in vain for a confirm", tap.CallConfirm, tap.Verdict{Act: tap.ActSwallow}},
	{"a delivery is swallowed", "consume/cancel-ends-deliveries", "waited in vain for a delivery", tap.CallDeliver, tap.Verdict{Act: tap.ActSwallow}},
	{"a delivery is made twice", "consume/cancel-ends-deliveries", "delivery 2 to", tap.CallDeliver, tap.Verdict{Act: tap.ActTwice}},
	{"the body of a delivery is damaged", "consume/cancel-ends-deliveries", "delivery 1 to", tap.CallDeliver, tap.Verdict{Act: tap.ActDamageBody}},
	{"the body of a message is damaged", "routing/direct", "messages of the queue", tap.CallPublish, tap.Verdict{Act: tap.ActDamageBody}},
	{"the frame of an answer is damaged", "queue/counts", "501", "queue.declare", tap.Verdict{Act: tap.ActDamage}},
	{"a connection breaks in an answer", "queue/counts", "EOF|reset", "queue.declare", tap.Verdict{Act: tap.ActReset}},
	{"a delivery breaks its connection", "wire/consume-ok-first", "wait for a frame", tap.CallDeliver, tap.Verdict{Act: tap.ActReset}},
	{"an ack closes its channel", "ack/after-cancel", "406", "basic.ack",
		tap.Verdict{Act: tap.ActCloseChannel, Code: 406, Text: "PRECONDITION_FAILED - no"}},
	{"an ack closes its connection", "ack/after-cancel", "541|closed", "basic.ack",
		tap.Verdict{Act: tap.ActCloseConnection, Code: 541, Text: "INTERNAL_ERROR"}},
	{"an ack is swallowed", "get/needs-an-ack", "vain for 1 ready messages, there are 2", "basic.ack", tap.Verdict{Act: tap.ActSwallow}},
	{"an answer does not come", "queue/counts", "the script took longer than it may", "queue.declare", tap.Verdict{Act: tap.ActSwallow}},
	{"a connection is blocked without an alarm", "confirm/numbers-start-at-one", "waited in vain for a confirm|took longer", tap.CallPublish,
		tap.Verdict{Act: tap.ActBlock, Blocked: func(func()) {}}},
}

func TestMutationsOfTheBrokerAreCaught(t *testing.T) {
	for _, m := range brokerMutations {
		t.Run(strings.ReplaceAll(m.what, " ", "-"), func(t *testing.T) {
			t.Parallel()
			b := startBroker(t, &tap.Tap{Decide: func(c *tap.Call) tap.Verdict {
				if c.Method == m.on {
					return m.verdict
				}
				return tap.Verdict{}
			}})
			expectCaught(t, m.shows, func(o Options) Result {
				runner, err := Connect(t.Context(), "amqp://guest:guest@"+b.address+"/", o)
				require.NoError(t, err)
				return runner.Run(t.Context(), scriptNamed(t, m.script))
			})
		})
	}
}

// A login that is refused ends the run before it begins.
func TestRefusedLoginsAreCaught(t *testing.T) {
	b := startBroker(t, &tap.Tap{Decide: func(c *tap.Call) tap.Verdict {
		if c.Method == tap.CallLogin {
			return tap.Verdict{Act: tap.ActRefuse}
		}
		return tap.Verdict{}
	}})
	_, err := Connect(t.Context(), "amqp://guest:guest@"+b.address+"/", Options{})
	assert.ErrorContains(t, err, "403")
}
