package graduate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rabbetmq/rabbet/broker/definitions"
	"github.com/rabbetmq/rabbet/broker/export"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/mgmt"
	"github.com/rabbetmq/rabbet/delay"
)

// delayed moves what waits in delayed exchanges: to the exchange of that name where the
// target delays, and otherwise it waits, as long as the options say, and lists the rest.
func (j *job) delayed(ctx context.Context, doc *definitions.Document) error {
	var list struct {
		Exchanges []struct {
			VHost, Exchange string
			Messages        int
		}
	}
	if err := j.source.Get(ctx, "/api/rabbet/delayed", &list); err != nil {
		return err
	}
	vhosts := map[string]bool{}
	for _, v := range doc.VHosts {
		vhosts[v.Name] = true
	}
	var failed error
	for _, x := range list.Exchanges {
		switch {
		case x.Messages == 0 || !vhosts[x.VHost]:
		case j.delays(ctx, x.VHost, x.Exchange):
			q := &Queue{VHost: x.VHost, Name: x.Exchange, Type: "delayed exchange", Ready: x.Messages}
			j.report.Queues = append(j.report.Queues, q)
			if err := j.moveDelayed(ctx, q); err != nil {
				q.Trouble = err.Error()
				failed = errors.Join(failed, fmt.Errorf("delayed exchange %q in vhost %q: %w", x.Exchange, x.VHost, err))
			}
		default:
			failed = errors.Join(failed, j.waitFor(ctx, x.VHost, x.Exchange))
		}
	}
	return failed
}

// delays reports whether the target has a delayed exchange of this name.
func (j *job) delays(ctx context.Context, vhost, exchange string) bool {
	var x struct{ Type string }
	err := j.target.Get(ctx, mgmt.Path("exchanges", vhost, exchange), &x)
	return err == nil && x.Type == "x-delayed-message"
}

// exportDelayed asks for delayed messages behind an ID.
func (j *job) exportDelayed(ctx context.Context, vhost, exchange, after string) ([]export.Message, error) {
	list, _, err := j.messages(ctx, mgmt.Path("rabbet", "delayed", vhost, exchange, "export")+"?limit=500&after="+after)
	return list, err
}

// moveDelayed publishes each message with what is left of its delay, and cancels it here
// once the target has it. One that was due meanwhile has gone both ways: it is listed.
func (j *job) moveDelayed(ctx context.Context, q *Queue) error {
	c := &copier{job: j, vhost: q.VHost, name: q.Name, exchange: q.Name, left: map[messageKey]bool{}}
	var err error
	if c.journal, err = openJournal(j.stateFile(q.VHost, "delayed:"+q.Name, ".journal")); err != nil {
		return err
	}
	defer func() {
		q.Copied, q.PossiblyTwice, q.Stayed, q.Hazards = c.journal.confirmed, c.journal.possiblyTwice(), c.stayed(), c.hazards
		_ = c.journal.close() // What it holds was flushed before.
		if c.conn != nil {
			c.conn.close()
		}
	}()
	if err := c.connect(ctx); err != nil {
		return err
	}
	for after := ""; ; {
		list, err := j.exportDelayed(ctx, q.VHost, q.Name, after)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			q.Emptied = c.stayed() == 0
			return nil
		}
		for i := range list {
			if err := c.send(ctx, list[i]); err != nil {
				return err
			}
		}
		if err := errors.Join(c.awaitConfirms(ctx, 0), c.journal.flush()); err != nil {
			return err
		}
		for i := range list {
			if err := c.cancel(ctx, &list[i]); err != nil {
				return err
			}
		}
		after = list[len(list)-1].ID
	}
}

// cancel takes back a delayed message that the target has.
func (c *copier) cancel(ctx context.Context, m *export.Message) error {
	s := c.journal.known[keyOf(m)]
	if s == nil || !s.confirmed || c.Keep {
		return nil
	}
	return c.patiently(ctx, func() error {
		err := c.source.Do(ctx, http.MethodDelete, mgmt.Path("rabbet", "delayed", c.vhost, c.name, m.ID), nil, nil)
		if refusal := (*mgmt.Refusal)(nil); errors.As(err, &refusal) && refusal.Status == http.StatusNotFound {
			c.journal.twice = append(c.journal.twice, s.seq)
			return nil
		}
		return err
	})
}

// waitFor waits until nothing is delayed any more, and lists what is.
func (j *job) waitFor(ctx context.Context, vhost, exchange string) error {
	end := j.clock.Now().Add(j.WaitDelayed)
	for {
		list, err := j.exportDelayed(ctx, vhost, exchange, "")
		if err != nil || len(list) == 0 {
			return err
		}
		if !j.clock.Now().Before(end) {
			return j.listWaiting(ctx, vhost, exchange, list)
		}
		if err := delay.Wait(ctx, j.clock, time.Second); err != nil {
			return err
		}
	}
}

func (j *job) listWaiting(ctx context.Context, vhost, exchange string, list []export.Message) error {
	for len(list) > 0 {
		for _, m := range list {
			j.report.Waiting = append(j.report.Waiting, Waiting{vhost, exchange, m.Key, m.ID, time.UnixMilli(m.Due).UTC()})
		}
		var err error
		if list, err = j.exportDelayed(ctx, vhost, exchange, list[len(list)-1].ID); err != nil {
			return err
		}
	}
	return nil
}
