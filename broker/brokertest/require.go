package brokertest

import (
	"context"
	"fmt"
	"strings"
)

// This file is what a test requires of queues. Each of these waits a while for
// what clients do in their own time (WithPatience), and fails the test with what
// there is instead: the messages with their bodies, and where others are.
//
// A requirement is met as soon as it holds once. That something does not happen
// later it cannot know.

// RequireLen requires that a queue has n messages: those that are ready and
// those that are out with consumers and not acknowledged, as RabbitMQ counts
// `messages`.
func (v *VHost) RequireLen(queue string, n int) {
	v.mq.tb.Helper()
	v.require(queue, plural(n, "message"), func(c Counts) (bool, string) {
		have := c.Ready + c.Unacked
		return have == n, plural(have, "message")
	})
}

// RequireReady requires that n messages of a queue wait for a consumer.
func (v *VHost) RequireReady(queue string, n int) {
	v.mq.tb.Helper()
	v.require(queue, plural(n, "ready message"), func(c Counts) (bool, string) {
		return c.Ready == n, plural(c.Ready, "ready message")
	})
}

// RequireEmpty requires that queues have no messages, neither ready nor out;
// without names, all queues of the virtual host.
func (v *VHost) RequireEmpty(queues ...string) {
	v.mq.tb.Helper()
	v.requireAll(queues, "messages", func(c Counts) int { return c.Ready + c.Unacked })
}

// RequireNoUnacked requires that nobody holds messages of queues; without names,
// of any queue of the virtual host.
func (v *VHost) RequireNoUnacked(queues ...string) {
	v.mq.tb.Helper()
	v.requireAll(queues, "unacked messages", func(c Counts) int { return c.Unacked })
}

// WaitConsumers waits until a queue has n consumers or more, or with 0 until it
// has none.
func (v *VHost) WaitConsumers(queue string, n int) {
	v.mq.tb.Helper()
	want := fmt.Sprintf("at least %s", plural(n, "consumer"))
	if n == 0 {
		want = "no consumers"
	}
	v.require(queue, want, func(c Counts) (bool, string) {
		return c.Consumers >= n && (n > 0 || c.Consumers == 0), plural(c.Consumers, "consumer")
	})
}

// WaitQueue waits until a queue is there and cond holds for its numbers. If ctx
// has a deadline, that bounds the wait.
func (v *VHost) WaitQueue(ctx context.Context, queue string, cond func(Counts) bool) {
	v.mq.tb.Helper()
	v.waitFor(ctx, queue, "what WaitQueue waits for", func(c Counts) (bool, string) {
		return cond(c), fmt.Sprintf("%d ready, %d unacked, %s", c.Ready, c.Unacked, plural(c.Consumers, "consumer"))
	})
}

func (v *VHost) require(queue, want string, cond func(Counts) (ok bool, have string)) {
	v.mq.tb.Helper()
	v.waitFor(context.Background(), queue, want, cond)
}

// waitFor waits for a condition of one queue and fails the test without it.
func (v *VHost) waitFor(ctx context.Context, queue, want string, cond func(Counts) (ok bool, have string)) {
	v.mq.tb.Helper()
	there, have := false, ""
	err := v.mq.wait(ctx, func() bool {
		var c Counts
		if c, there = v.counts(queue); !there {
			return false
		}
		var ok bool
		ok, have = cond(c)
		return ok
	})
	switch {
	case err == nil:
	case !there:
		v.mq.tb.Fatalf("queue %q: want %s, but there is no such queue, and none came%s\n%s", queue, want, err, v.describe(""))
	default:
		v.mq.tb.Fatalf("queue %q: want %s, have %s, and that did not change%s\n%s", queue, want, have, err, v.describe(queue))
	}
}

// requireAll waits until a number is zero for all queues that are named.
func (v *VHost) requireAll(queues []string, what string, number func(Counts) int) {
	v.mq.tb.Helper()
	var guilty []string
	err := v.mq.wait(context.Background(), func() bool {
		guilty = guilty[:0]
		for _, name := range v.named(queues) {
			if c, there := v.counts(name); !there && len(queues) > 0 || number(c) > 0 {
				guilty = append(guilty, name)
			}
		}
		return len(guilty) == 0
	})
	if err == nil {
		return
	}
	var text strings.Builder
	for _, name := range guilty {
		if c, there := v.counts(name); there {
			fmt.Fprintf(&text, "queue %q: want no %s, have %d, and that did not change%s\n", name, what, number(c), err)
			text.WriteString(v.messages(name))
		} else {
			fmt.Fprintf(&text, "queue %q: want no %s, but there is no such queue, and none came%s\n", name, what, err)
		}
	}
	v.mq.tb.Fatalf("%s%s", text.String(), v.queues())
}

// named is the queues that are asked for: all if none is.
func (v *VHost) named(queues []string) []string {
	if len(queues) > 0 {
		return queues
	}
	var all []string
	for _, q := range v.info().Queues {
		all = append(all, q.Name)
	}
	return all
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
