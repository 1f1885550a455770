package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/graduate"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/mgmt"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/progressbar"
	"github.com/rabbetmq/rabbet/delay"
)

const planLong = `Says what rabbet graduate apply would do, and does nothing: what the target refuses or does
otherwise, what would be created there, how many messages each queue has, and which of them cannot
be copied as they are. It looks at every message. The exit code is 3 if apply would not begin.`

const applyLong = `Moves a Rabbet to a RabbitMQ. It creates exchanges, queues, bindings and policies over the target's
management API, then copies each queue, in order: every message is published, confirmed, and noted
in the folder --state. Started again with the same folder it goes on, whatever was killed meanwhile:
Rabbet, this command, or a node of the target. Messages carry their number in the queue in the
header x-rabbet-graduate-seq. A queue of Rabbet is emptied at the end, and only if the target's
count has grown by what was copied.

It does not begin while clients are connected to Rabbet, unless --live is given: then consumers get
nothing from a queue while it is copied, and publishes to it are rejected, which a confirm says,
from the start of its last batch on. It stays so afterwards; rabbet graduate reopen ends that.`

// A mover is rabbet graduate plan or apply.
type mover struct {
	console
	from, format string
	to, toAMQP   []string
	dry          bool
	o            graduate.Options
}

func moveCommand(c console, dry bool) *cobra.Command {
	m := &mover{console: c, dry: dry}
	cmd := &cobra.Command{Use: "apply [flags]", Short: "Move topology and messages to a RabbitMQ", Long: applyLong, Args: flagsOnly, DisableFlagsInUseLine: true,
		Example: "  rabbet graduate apply --to http://admin:secret@rabbit1:15672 --to http://admin:secret@rabbit2:15672 --quorum"}
	if dry {
		cmd.Use, cmd.Short, cmd.Long = "plan [flags]", "Say what would be moved, and what is in the way", planLong
		cmd.Example = "  rabbet graduate plan --to http://admin:secret@rabbit1:15672 --quorum"
	}
	f := cmd.Flags()
	f.StringVar(&m.from, "from", "", "`URL` of Rabbet's management API; by default the one that runs on this machine")
	f.StringArrayVar(&m.to, "to", nil, "`URL` of the target's management API; once for each node")
	f.StringArrayVar(&m.toAMQP, "to-amqp", nil, "AMQP `URL` of the target, once for each node; by default what its API says")
	f.StringArrayVar(&m.o.VHosts, "vhost", nil, "`name` of a virtual host to move; by default all")
	f.BoolVar(&m.o.Quorum, "quorum", false, "make classic queues quorum queues where they can be")
	f.BoolVar(&m.o.Users, "users", false, "move users and permissions too; users of the target that have these names are replaced")
	f.BoolVar(&m.o.Skip, "skip-refused", false, "leave out what the target refuses")
	f.BoolVar(&m.o.MoveUserID, "move-user-id", false, "put a foreign user_id into the header x-rabbet-graduate-user-id")
	f.Int64Var(&m.o.MaxMessage, "max-message-size", 0, "largest message of the target, in `bytes`; 0 is the default of its version")
	f.StringVar(&m.format, "format", "text", "`format` of the report: text, json")
	if !dry {
		f.StringVar(&m.o.State, "state", "rabbet-graduate", "`folder` for the position and the report")
		f.BoolVar(&m.o.Live, "live", false, "move while clients are connected")
		f.BoolVar(&m.o.Keep, "keep", false, "leave the messages in Rabbet too")
		f.IntVar(&m.o.Workers, "workers", 4, "`number` of queues that are copied at once")
		f.DurationVar(&m.o.Patience, "patience", 10*time.Minute, "`duration` to try again while a broker cannot be reached")
		f.DurationVar(&m.o.WaitDelayed, "wait-delayed", 0, "`duration` to wait for delayed messages where the target cannot delay; then they are listed")
		f.BoolVar(&m.dry, "dry-run", false, "do as rabbet graduate plan does")
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return m.run(cmd.Context()) }
	return cmd
}

func (m *mover) run(ctx context.Context) error {
	switch {
	case len(m.to) == 0:
		return usagef("--to is missing: it is like http://admin:secret@rabbit1:15672")
	case m.format != "text" && m.format != "json":
		return usagef("--format is text or json, not %q", m.format)
	case m.o.Workers < 0:
		return usagef("--workers is a number above 0")
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	source, err := m.api(m.from)
	if err != nil {
		return err
	}
	target, err := mgmt.New(m.to...)
	if err != nil {
		return usageError{err}
	}
	show := m.newMeter()
	m.o.Progress, m.o.Say = show.set, show.say
	job, err := graduate.New(ctx, source, target, m.toAMQP, m.o)
	if err != nil {
		return err
	}
	var report *graduate.Report
	if m.dry {
		report, err = job.Plan(ctx)
		if err == nil && job.MayBegin() != nil {
			fmt.Fprintln(m.stderr, job.MayBegin())
			err = exitError{3}
		}
	} else {
		report, err = job.Apply(ctx)
	}
	show.end()
	return errors.Join(m.write(report), err)
}

// api is the broker of a URL, or the one on this machine.
func (c console) api(url string) (*mgmt.Client, error) {
	if url == "" {
		return c.socket()
	}
	api, err := mgmt.New(url)
	if err != nil {
		return nil, usageError{err}
	}
	return api, nil
}

func (m *mover) write(report *graduate.Report) error {
	if report == nil {
		return nil
	}
	if m.format == "text" {
		err := report.Write(m.stdout)
		if !m.dry && err == nil {
			_, err = fmt.Fprintf(m.stdout, "report: %s\n", filepath.Join(m.o.State, "report.json"))
		}
		return err
	}
	e := json.NewEncoder(m.stdout)
	e.SetIndent("", "  ")
	return e.Encode(report)
}

// A meter shows how far long work is: as a bar on a terminal, otherwise as a line now and
// then.
type meter struct {
	console
	mu    sync.Mutex
	bar   *progressbar.Bar
	began time.Time
	told  time.Time
}

// tellEvery is the time between lines where there is no terminal.
const tellEvery = 10 * time.Second

func (c console) newMeter() *meter {
	now := delay.Real{}.Now()
	return &meter{console: c, bar: progressbar.New(c.stderr, c.getenv("TERM"), 1), began: now, told: now}
}

func (m *meter) set(done, total int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := delay.Real{}.Now()
	rate := float64(done) / max(now.Sub(m.began).Seconds(), 0.001)
	text := fmt.Sprintf("%.0f/s", rate)
	if rate > 0 && done < total {
		text += ", " + (time.Duration(float64(total-done)/rate) * time.Second).String() + " left"
	}
	if m.bar.Shown() {
		m.bar.Set(done, total, text)
	} else if now.Sub(m.told) >= tellEvery {
		m.told = now
		fmt.Fprintf(m.stderr, "copied %d of %d, %s\n", done, total, text)
	}
}

func (m *meter) say(line string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bar.Shown() {
		m.bar.Say(line)
		return
	}
	fmt.Fprintln(m.stderr, line)
}

func (m *meter) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bar.Clear()
}
