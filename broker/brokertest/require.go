package brokertest

import (
	"context"
	"fmt"
	"strings"

	"github.com/rabbetmq/rabbet/broker"
)

// RequireLen requires that a queue has n messages: those that are ready, those that are
// out with consumers and not acknowledged, and those of a quorum queue that wait to be
// dead-lettered or to come back, as RabbitMQ counts `messages`.
func (v *VHost) RequireLen(queue string, n int) {
	v.tb.Helper()
	v.require(queue, plural(n, "message"), func(c Counts) (bool, string) {
		have := c.Ready + c.Unacked + c.Away
		return have == n, plural(have, "message")
	})
}

// RequireReady requires that n messages of a queue wait for a consumer.
func (v *VHost) RequireReady(queue string, n int) {
	v.tb.Helper()
	v.require(queue, plural(n, "ready message"), func(c Counts) (bool, string) {
		return c.Ready == n, plural(c.Ready, "ready message")
	})
}

// RequireEmpty requires that queues have no messages, counted as RequireLen does;
// without names, all queues of the virtual host.
func (v *VHost) RequireEmpty(queues ...string) {
	v.tb.Helper()
	v.requireAll(queues, "messages", func(c Counts) int { return c.Ready + c.Unacked + c.Away })
}

// RequireNoUnacked requires that nobody holds messages of queues; without names,
// of any queue of the virtual host.
func (v *VHost) RequireNoUnacked(queues ...string) {
	v.tb.Helper()
	v.requireAll(queues, "unacked messages", func(c Counts) int { return c.Unacked })
}

// RequireDelayed requires that n messages wait in a delayed exchange.
func (v *VHost) RequireDelayed(exchange string, n int) {
	v.tb.Helper()
	ctx, cancel := v.patience(context.Background())
	defer cancel()
	check(v.tb, v.core.WaitDelayed(ctx, exchange, n))
}

// WaitDelayed waits until n messages wait in a delayed exchange, as WaitQueue does.
func (v *ServerVHost) WaitDelayed(ctx context.Context, exchange string, n int) error {
	have := 0
	var missing error
	err := v.s.wait(ctx, func() bool {
		var h *broker.VHost
		if h, missing = v.host(); missing != nil {
			return false
		}
		var info broker.DelayedInfo
		info, missing = h.Delayed(exchange)
		have = info.Count
		return missing == nil && have == n
	})
	switch {
	case err == nil:
		return nil
	case missing != nil:
		return unmet("exchange %q: want %s, but that did not come%s: %v", exchange, plural(n, "delayed message"), err, missing)
	}
	return unmet("exchange %q: want %s, have %d, and that did not change%s\n%s", exchange, plural(n, "delayed message"), have, err,
		v.delayedTable(exchange))
}

// WaitConsumers waits until a queue has n consumers or more, or with 0 until it
// has none.
func (v *VHost) WaitConsumers(queue string, n int) {
	v.tb.Helper()
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
	v.tb.Helper()
	ctx, cancel := v.patience(ctx)
	defer cancel()
	check(v.tb, v.core.WaitQueue(ctx, queue, "what WaitQueue waits for", cond))
}

// WaitQueue waits until a queue is there and cond holds for its numbers, for as
// long as ctx lasts, or the patience of WithPatience if that has no deadline. It
// fails with an *UnmetError, which quotes want as what was waited for.
func (v *ServerVHost) WaitQueue(ctx context.Context, queue, want string, cond func(Counts) bool) error {
	return v.waitFor(ctx, queue, want, func(c Counts) (bool, string) {
		return cond(c), fmt.Sprintf("%d ready, %d unacked, %s", c.Ready, c.Unacked, plural(c.Consumers, "consumer"))
	})
}

func (v *VHost) require(queue, want string, cond func(Counts) (ok bool, have string)) {
	v.tb.Helper()
	ctx, cancel := v.patience(context.Background())
	defer cancel()
	check(v.tb, v.core.waitFor(ctx, queue, want, cond))
}

// waitFor waits for a condition of one queue.
func (v *ServerVHost) waitFor(ctx context.Context, queue, want string, cond func(Counts) (ok bool, have string)) error {
	there, have := false, ""
	err := v.s.wait(ctx, func() bool {
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
		return nil
	case !there:
		return unmet("queue %q: want %s, but there is no such queue, and none came%s\n%s", queue, want, err, v.describe(""))
	}
	return unmet("queue %q: want %s, have %s, and that did not change%s\n%s", queue, want, have, err, v.describe(queue))
}

// requireAll waits until a number is zero for all queues that are named.
func (v *VHost) requireAll(queues []string, what string, number func(Counts) int) {
	v.tb.Helper()
	ctx, cancel := v.patience(context.Background())
	defer cancel()
	check(v.tb, v.core.waitForAll(ctx, queues, what, number))
}

func (v *ServerVHost) waitForAll(ctx context.Context, queues []string, what string, number func(Counts) int) error {
	var guilty []string
	err := v.s.wait(ctx, func() bool {
		guilty = guilty[:0]
		for _, name := range v.named(queues) {
			if c, there := v.counts(name); !there && len(queues) > 0 || number(c) > 0 {
				guilty = append(guilty, name)
			}
		}
		return len(guilty) == 0
	})
	if err == nil {
		return nil
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
	return unmet("%s%s", text.String(), v.queues())
}

// named returns the queues that are asked for: all if none is.
func (v *ServerVHost) named(queues []string) []string {
	if len(queues) > 0 {
		return queues
	}
	info, _ := v.Info() // one that has gone has none
	var all []string
	for _, q := range info.Queues {
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
