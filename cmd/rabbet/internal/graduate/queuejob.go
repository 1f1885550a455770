package graduate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/mgmt"
	"github.com/rabbetmq/rabbet/delay"
)

// A Queue is what a report says of one queue, or of one delayed exchange.
type Queue struct {
	VHost string `json:"vhost"`
	Name  string `json:"name"`
	// Type is classic, quorum, stream, or delayed exchange.
	Type string `json:"type"`
	// Ready is what the source had when it was looked at last.
	Ready int `json:"ready"`
	// Copied is how many messages the target has confirmed, in all runs.
	Copied int `json:"copied"`
	// Before and After are the target's counts.
	Before int `json:"target_before"`
	After  int `json:"target_after"`
	// PossiblyTwice are the numbers, in the header x-rabbet-graduate-seq, of messages that a
	// kill or a lost connection may have left there twice.
	PossiblyTwice []uint64 `json:"possibly_twice"`
	// Stayed counts messages that are not copied.
	Stayed  int     `json:"stayed"`
	Hazards Hazards `json:"hazards"`
	// Emptied says that the counts agree and the source has nothing any more.
	Emptied bool `json:"emptied"`
	// Trouble is why it is not emptied.
	Trouble string `json:"trouble,omitempty"`
}

// A position is what is kept of a queue beside its journal.
type position struct {
	VHost, Name string
	Before      int
	Emptied     bool
}

// stateFile is a file of a queue in the folder of the job.
func (j *job) stateFile(vhost, name, suffix string) string {
	return filepath.Join(j.State, throughExchange(vhost, name)[len("rabbet.graduate."):]+suffix)
}

// begin opens the journal of a queue. The target's count is taken once, before the first
// message.
func (j *job) begin(ctx context.Context, q *Queue) (*copier, error) {
	c := &copier{job: j, vhost: q.VHost, name: q.Name, exchange: throughExchange(q.VHost, q.Name), left: map[messageKey]bool{}}
	path := j.stateFile(q.VHost, q.Name, ".json")
	var at position
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(text, &at); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	case errors.Is(err, os.ErrNotExist):
		at = position{VHost: q.VHost, Name: q.Name}
		if at.Before, err = j.countReady(ctx, q.VHost, q.Name); err != nil {
			return nil, err
		}
		if text, err = json.Marshal(at); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return nil, err
		}
	default:
		return nil, err
	}
	q.Before = at.Before
	c.journal, err = openJournal(j.stateFile(q.VHost, q.Name, ".journal"))
	return c, err
}

// run copies a queue, and empties it where the counts agree.
func (j *job) run(ctx context.Context, q *Queue) error {
	c, err := j.begin(ctx, q)
	if err != nil {
		return err
	}
	j.progress.skip(c.journal.confirmed)
	defer func() {
		q.Copied, q.PossiblyTwice, q.Stayed, q.Hazards = c.journal.confirmed, c.journal.possiblyTwice(), c.stayed(), c.hazards
		_ = c.journal.close() // What it holds is on disk, or was told before.
		if c.conn != nil {
			c.conn.close()
		}
	}()
	if err := c.connect(ctx); err != nil {
		return err
	}
	if err := c.copyAndEmpty(ctx, q); err != nil {
		return err
	}
	return c.closePath()
}

// closePath removes the exchange that led to the queue.
func (c *copier) closePath() error {
	err := c.conn.call(channel, &amqp.ExchangeDelete{Exchange: c.exchange}, &amqp.ExchangeDeleteOk{})
	if err == nil || lasting(err) {
		return err
	}
	if err := c.connect(context.Background()); err != nil {
		return err
	}
	return c.conn.call(channel, &amqp.ExchangeDelete{Exchange: c.exchange}, &amqp.ExchangeDeleteOk{})
}

// lastBatch is how few new messages a scan finds when a queue that is in use is closed.
const lastBatch = 1000

// openRounds is how often a queue in use is gone through before it is closed all the same:
// each round reads all of it, and takes longer than the one before while publishers are fast.
const openRounds = 10

// rounds is how often a queue is gone through again because something has happened in it.
const rounds = 100

// copyAndEmpty goes through the queue until nothing new is in it.
func (c *copier) copyAndEmpty(ctx context.Context, q *Queue) error {
	closed := false
	for round := range rounds {
		if err := c.standStill(ctx, q, closed); err != nil {
			return err
		}
		at, err := c.scan(ctx)
		if err != nil {
			return err
		}
		q.Ready = at.ready
		if c.Live && !closed && q.Type != "stream" {
			closed = at.fresh <= lastBatch || round+1 >= openRounds
			continue
		}
		if at.fresh > 0 || at.seen != at.ready {
			continue // something came, or went, meanwhile
		}
		done, err := c.finish(ctx, q, at)
		if done || err != nil {
			return err
		}
	}
	q.Trouble = "it is in use: new messages keep coming"
	return nil
}

// standStill stops deliveries of a queue in use, and publishes once its last batch begins.
func (c *copier) standStill(ctx context.Context, q *Queue, closed bool) error {
	if !c.Live || q.Type == "stream" {
		return nil
	}
	return c.patiently(ctx, func() error {
		return c.source.Do(ctx, http.MethodPut, mgmt.Path("rabbet", "queues", q.VHost, q.Name, "stand-still"),
			map[string]bool{"deliveries": false, "publishes": !closed}, nil)
	})
}

// finish compares the counts and empties the queue; it reports false if something has
// happened in it meanwhile.
func (c *copier) finish(ctx context.Context, q *Queue, at sight) (bool, error) {
	agreed, err := c.compare(ctx, q)
	switch {
	case err != nil:
		return true, err
	case !agreed:
		return true, nil
	case c.stayed() > 0:
		q.Trouble = fmt.Sprintf("messages that are not copied stay: %d", c.stayed())
		return true, nil
	case at.unacked > 0:
		q.Trouble = fmt.Sprintf("messages are out with consumers: %d", at.unacked)
		return true, nil
	case q.Type == "stream":
		q.Trouble = "a stream keeps its messages"
		return true, nil
	case c.Keep:
		q.Trouble = "it is to be kept"
		return true, nil
	}
	newest, err := strconv.ParseUint(at.newest, 10, 64)
	if err != nil {
		return true, fmt.Errorf("the source says %q for a position", at.newest)
	}
	if err := c.journal.f.Sync(); err != nil {
		return true, err
	}
	err = c.source.Do(ctx, http.MethodPost, mgmt.Path("rabbet", "queues", q.VHost, q.Name, "empty"),
		map[string]any{"ready": at.ready, "newest": newest}, nil)
	if err != nil {
		refusal := (*mgmt.Refusal)(nil)
		return false, ignoreIf(err, errors.As(err, &refusal) && refusal.Status == http.StatusConflict || !errors.As(err, &refusal))
	}
	q.Emptied = true
	return true, nil
}

// ignoreIf is the error, or nil where it does not count.
func ignoreIf(err error, ignore bool) error {
	if ignore {
		return nil
	}
	return err
}

// settleTime is how long the target's count may take to be what it will be.
const settleTime = 30 * time.Second

// compare asks the target until it has all that was copied: no fewer messages, and no more
// than those that may be there twice. A target that starts may count fewer for a while.
func (c *copier) compare(ctx context.Context, q *Queue) (agreed bool, err error) {
	end := c.clock.Now().Add(settleTime)
	for {
		if q.After, err = c.countReady(ctx, q.VHost, q.Name); err != nil {
			return false, err
		}
		least, most := c.bounds(q.Before)
		if q.After >= least && q.After <= most {
			return true, nil
		}
		if c.clock.Now().After(end) {
			q.Trouble = fmt.Sprintf("the counts do not agree: the target has %d, and should have %d to %d", q.After, least, most)
			return false, nil
		}
		if err := delay.Wait(ctx, c.clock, 100*time.Millisecond); err != nil {
			return false, err
		}
	}
}

// bounds are the least and the most that the target may count, where it had so many before.
func (c *copier) bounds(before int) (least, most int) {
	least = before + c.journal.confirmed
	most = least + len(c.journal.possiblyTwice())
	now := c.clock.Now().UnixMilli()
	for _, at := range c.expiries {
		if at <= now { // the copy may have expired as well
			least--
		}
	}
	return least, most
}
