// Mutations inside the broker, by verdicts of a tap: what is done to a call or to
// what a client is sent, which no proxy could tell apart.

package scripts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
)

// brokerMutation is a verdict on a method, or on what a Tap calls so, and the
// script that catches it.
type brokerMutation struct {
	what, script, shows string
	on                  string
	verdict             broker.Verdict
}

var brokerMutations = []brokerMutation{
	{"a publish is swallowed", "publish/order", "waited in vain for a delivery", broker.CallPublish, broker.Verdict{Act: broker.ActSwallow}},
	{"a publish reaches no queue", "routing/direct", "messages of the queue", broker.CallPublish, broker.Verdict{Act: broker.ActUnroutable}},
	{"a publish is never confirmed", "confirm/unroutable", "waited in vain for a confirm", broker.CallPublish, broker.Verdict{Act: broker.ActUnconfirmed}},
	{"a publish is refused", "confirm/unroutable", "nack instead of ack", broker.CallPublish, broker.Verdict{Act: broker.ActNack}},
	{"a commit fails for a publish", "tx/publishes-wait-for-commit", "partial tx completion", broker.CallPublish, broker.Verdict{Act: broker.ActNack}},
	{"what the queues have is nacked", "confirm/unroutable", "nack instead of ack", broker.CallConfirm, broker.Verdict{Act: broker.ActNack}},
	{"a confirm is swallowed", "confirm/unroutable", "waited in vain for a confirm", broker.CallConfirm, broker.Verdict{Act: broker.ActSwallow}},
	{"a delivery is swallowed", "consume/cancel-ends-deliveries", "waited in vain for a delivery", broker.CallDeliver, broker.Verdict{Act: broker.ActSwallow}},
	{"a delivery is made twice", "consume/cancel-ends-deliveries", "delivery 2 to", broker.CallDeliver, broker.Verdict{Act: broker.ActTwice}},
	{"the body of a delivery is damaged", "consume/cancel-ends-deliveries", "delivery 1 to", broker.CallDeliver, broker.Verdict{Act: broker.ActDamageBody}},
	{"the body of a message is damaged", "routing/direct", "messages of the queue", broker.CallPublish, broker.Verdict{Act: broker.ActDamageBody}},
	{"the frame of an answer is damaged", "queue/counts", "501", "queue.declare", broker.Verdict{Act: broker.ActDamage}},
	{"a connection breaks in an answer", "queue/counts", "EOF|reset", "queue.declare", broker.Verdict{Act: broker.ActReset}},
	{"a delivery breaks its connection", "wire/consume-ok-first", "wait for a frame", broker.CallDeliver, broker.Verdict{Act: broker.ActReset}},
	{"an ack closes its channel", "ack/after-cancel", "406", "basic.ack",
		broker.Verdict{Act: broker.ActCloseChannel, Code: 406, Text: "PRECONDITION_FAILED - no"}},
	{"an ack closes its connection", "ack/after-cancel", "541|closed", "basic.ack",
		broker.Verdict{Act: broker.ActCloseConnection, Code: 541, Text: "INTERNAL_ERROR"}},
	{"an ack is swallowed", "get/needs-an-ack", "vain for 1 ready messages, there are 2", "basic.ack", broker.Verdict{Act: broker.ActSwallow}},
	{"an answer does not come", "queue/counts", "the script took longer than it may", "queue.declare", broker.Verdict{Act: broker.ActSwallow}},
	{"a connection is blocked without an alarm", "confirm/numbers-start-at-one", "waited in vain for a confirm|took longer", broker.CallPublish,
		broker.Verdict{Act: broker.ActBlock, Blocked: func(func()) {}}},
}

func TestMutationsOfTheBrokerAreCaught(t *testing.T) {
	for _, m := range brokerMutations {
		t.Run(strings.ReplaceAll(m.what, " ", "-"), func(t *testing.T) {
			t.Parallel()
			b := startBroker(t, &broker.Tap{Decide: func(c *broker.Call) broker.Verdict {
				if c.Method == m.on {
					return m.verdict
				}
				return broker.Verdict{}
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
	b := startBroker(t, &broker.Tap{Decide: func(c *broker.Call) broker.Verdict {
		if c.Method == broker.CallLogin {
			return broker.Verdict{Act: broker.ActRefuse}
		}
		return broker.Verdict{}
	}})
	_, err := Connect(t.Context(), "amqp://guest:guest@"+b.address+"/", Options{})
	assert.ErrorContains(t, err, "403")
}
