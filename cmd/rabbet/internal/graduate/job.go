package graduate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/broker/definitions"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/lint"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/mgmt"
	"github.com/rabbetmq/rabbet/delay"
)

// Options say what is moved, and how.
type Options struct {
	// State is the folder in which the job keeps its position; a job that is started again
	// with the same folder goes on.
	State string
	// VHosts are the virtual hosts to move; none is all.
	VHosts []string
	// Quorum makes quorum queues of classic ones that can be.
	Quorum bool
	// Users moves users and permissions too.
	Users bool
	// Skip leaves out what the target refuses, where the job fails otherwise.
	Skip bool
	// Live moves while clients are connected: see apply's help.
	Live bool
	// Keep leaves the messages where they are.
	Keep bool
	// MoveUserID puts a foreign user_id into a header where the target's user is no
	// impersonator.
	MoveUserID bool
	// MaxMessage is the target's largest message in bytes; 0 is the version's default.
	MaxMessage int64
	// Workers is how many queues are copied at once; 0 is 4.
	Workers int
	// Patience is how long to try again while a broker cannot be reached; 0 is 10 minutes.
	Patience time.Duration
	// WaitDelayed is how long to wait for delayed messages that the target cannot delay.
	WaitDelayed time.Duration
	// Progress is told how far the job is, and Say what happens; nil is nobody.
	Progress func(done, total int)
	Say      func(line string)
	Clock    delay.Clock
}

// A job moves one broker to another.
type job struct {
	Options
	clock          delay.Clock
	source, target *mgmt.Client
	facts          *Facts
	login          login
	prepare        preparer
	progress       *progress
	report         Report
}

// A Report says what a plan would do, or what has been done.
type Report struct {
	Target   string         `json:"target"`
	Findings []lint.Finding `json:"findings"`
	// Clients are those that are connected to the source.
	Clients []string `json:"clients"`
	// Created counts what a definitions document brought to the target, by section.
	Created map[string]int `json:"created"`
	// Missing is what the target took without an error and does not have.
	Missing []string `json:"missing"`
	Queues  []*Queue `json:"queues"`
	// Waiting are delayed messages that stay until they are due.
	Waiting []Waiting `json:"waiting"`
	Hazards Hazards   `json:"hazards"`
}

// Waiting is a delayed message that stays.
type Waiting struct {
	VHost, Exchange, Key, ID string
	Due                      time.Time
}

// progress counts what is done, for all workers.
type progress struct {
	mu          sync.Mutex
	done, total int
	tell        func(done, total int)
}

func (p *progress) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if p.tell != nil {
		p.tell(p.done, p.total)
	}
}

// skip takes what an earlier run has done out of the total.
func (p *progress) skip(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total = max(p.done, p.total-n)
}

// New prepares a job: it asks both brokers what they are. The AMQP addresses are host:port;
// none are those that the target's API lists.
func New(ctx context.Context, source, target *mgmt.Client, amqpURLs []string, o Options) (*Job, error) {
	j := &job{Options: o, source: source, target: target, clock: o.Clock, progress: &progress{tell: o.Progress}}
	if j.clock == nil {
		j.clock = delay.Real{}
	}
	if j.Patience == 0 {
		j.Patience = 10 * time.Minute
	}
	if j.Workers == 0 {
		j.Workers = 4
	}
	var extensions struct{ Extensions []string }
	if err := source.Get(ctx, "/api/rabbet", &extensions); err != nil || !slices.Contains(extensions.Extensions, "export") {
		return nil, errors.Join(errors.New("the source is no Rabbet of this version: only lint looks at others"), err)
	}
	var err error
	if j.facts, err = AskTarget(ctx, target); err != nil {
		return nil, err
	}
	j.report.Target = j.facts.Version
	if err := j.logIn(ctx, amqpURLs); err != nil {
		return nil, err
	}
	return &Job{j}, nil
}

// A Job moves a Rabbet to a RabbitMQ.
type Job struct{ *job }

func (j *job) say(format string, args ...any) {
	if j.Say != nil {
		j.Say(fmt.Sprintf(format, args...))
	}
}

// logIn finds out how to publish to the target, and as whom.
func (j *job) logIn(ctx context.Context, urls []string) error {
	j.login.user, j.login.password = j.target.Login()
	j.login.addresses = j.facts.Addresses
	for i, raw := range urls {
		l, err := loginOf(raw)
		if err != nil {
			return err
		}
		if i == 0 {
			j.login = l
		} else {
			j.login.addresses = append(j.login.addresses, l.addresses...)
		}
	}
	j.prepare = preparer{user: j.login.user, moveUser: j.MoveUserID, maxMessage: j.MaxMessage}
	if j.prepare.maxMessage == 0 {
		j.prepare.maxMessage = 16 << 20
		if j.facts.Target == "3.13" {
			j.prepare.maxMessage = 128 << 20
		}
	}
	j.prepare.keepUser = isImpersonator(ctx, j.target, j.login.user)
	return nil
}

// Plan looks at everything and changes nothing.
func (j *Job) Plan(ctx context.Context) (*Report, error) {
	_, err := j.look(ctx)
	return &j.report, err
}

// look finds out what is to be moved, and what is in the way.
func (j *job) look(ctx context.Context) (*definitions.Document, error) {
	have, err := OfBroker(ctx, j.source)
	if err != nil {
		return nil, err
	}
	for _, c := range have.Clients.Connections {
		j.report.Clients = append(j.report.Clients, c.Name)
	}
	doc, err := j.convert(have)
	if err != nil {
		return nil, err
	}
	if err := j.listQueues(ctx, doc); err != nil {
		return nil, err
	}
	return doc, j.inspect(ctx)
}

// listQueues lists those that are in the document, with their messages.
func (j *job) listQueues(ctx context.Context, doc *definitions.Document) error {
	var list []struct {
		Name, VHost, Type string
		Exclusive         bool
		Ready             int `json:"messages_ready"`
	}
	if err := j.source.Get(ctx, "/api/queues?columns=name,vhost,type,exclusive,messages_ready", &list); err != nil {
		return err
	}
	moved := map[[2]string]bool{}
	for _, q := range doc.Queues {
		moved[[2]string{*q.VHost, q.Name}] = true
	}
	for _, q := range list {
		if !q.Exclusive && moved[[2]string{q.VHost, q.Name}] {
			j.report.Queues = append(j.report.Queues, &Queue{VHost: q.VHost, Name: q.Name, Type: q.Type, Ready: q.Ready})
			j.progress.total += q.Ready
		}
	}
	slices.SortFunc(j.report.Queues, func(a, b *Queue) int { return b.Ready - a.Ready }) // the longest first
	return nil
}

// inspect looks at every message for what cannot be copied as it is.
func (j *job) inspect(ctx context.Context) error {
	for _, q := range j.report.Queues {
		for from := 0; ; {
			list, _, err := j.export(ctx, q.VHost, q.Name, from)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				break
			}
			now := j.clock.Now()
			for i := range list {
				h, err := j.prepare.look(&list[i], now)
				if err != nil {
					return fmt.Errorf("message %s of queue %q: %w", list[i].ID, q.Name, err)
				}
				q.Hazards.add(h)
			}
			from += len(list)
		}
		j.report.Hazards.add(q.Hazards)
	}
	return nil
}

// ErrRefused is what keeps Apply from beginning: the report says it.
var ErrRefused = errors.New("nothing was moved")

// MayBegin says what keeps the job from beginning.
func (j *job) MayBegin() error {
	n := lint.Count(j.report.Findings)
	switch {
	case n[lint.Refused]+n[lint.Needs] > 0 && !j.Skip:
		return fmt.Errorf("%w: the target refuses some of it, as lint says; --skip-refused leaves that out", ErrRefused)
	case len(j.report.Clients) > 0 && !j.Live:
		return fmt.Errorf("%w: clients are connected to the source: %s; stop them, or give --live", ErrRefused, strings.Join(j.report.Clients, ", "))
	case j.report.Hazards.UserID > 0 && !j.prepare.keepUser && !j.prepare.moveUser:
		return fmt.Errorf("%w: %d messages have the user_id of somebody else: give the user %q of the target the tag impersonator, or give --move-user-id",
			ErrRefused, j.report.Hazards.UserID, j.login.user)
	}
	return nil
}

// Apply moves everything. It goes on where an earlier run with the same folder ended.
func (j *Job) Apply(ctx context.Context) (*Report, error) {
	if err := os.MkdirAll(j.State, 0o700); err != nil {
		return nil, err
	}
	doc, err := j.look(ctx)
	if err != nil {
		return &j.report, err
	}
	if err := j.MayBegin(); err != nil {
		return &j.report, err
	}
	j.report.Hazards = Hazards{} // those of messages that are copied count from here on
	for _, q := range j.report.Queues {
		q.Hazards = Hazards{}
	}
	if err := j.create(ctx, doc); err != nil {
		return &j.report, err
	}
	err = errors.Join(j.delayed(ctx, doc), j.copyAll(ctx))
	for _, q := range j.report.Queues {
		j.report.Hazards.add(q.Hazards)
	}
	return &j.report, errors.Join(err, j.saveReport())
}

// copyAll copies the queues, several at once.
func (j *job) copyAll(ctx context.Context) error {
	work := make(chan *Queue)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for range j.Workers {
		wg.Go(func() {
			for q := range work {
				if err := j.run(ctx, q); err != nil {
					q.Trouble = err.Error()
					mu.Lock()
					failed = errors.Join(failed, fmt.Errorf("queue %q in vhost %q: %w", q.Name, q.VHost, err))
					mu.Unlock()
				}
			}
		})
	}
	for _, q := range j.report.Queues {
		if q.Type != "delayed exchange" {
			work <- q
		}
	}
	close(work)
	wg.Wait()
	return failed
}

// saveReport writes the report beside the journals.
func (j *job) saveReport() error {
	text, err := json.MarshalIndent(&j.report, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(j.State, "report.json"), append(text, '\n'), 0o600)
}

// create brings the definitions to the target, and looks whether all of it is there: an
// import of RabbitMQ passes over some of what it refuses.
func (j *job) create(ctx context.Context, doc *definitions.Document) error {
	body, err := encode(doc)
	if err != nil {
		return err
	}
	if err := j.target.Do(ctx, http.MethodPost, "/api/definitions", json.RawMessage(body), nil); err != nil {
		return fmt.Errorf("creating the topology: %w", err)
	}
	if err := j.describeVHosts(ctx, doc); err != nil {
		return err
	}
	j.report.Created = map[string]int{
		"vhosts": len(doc.VHosts), "exchanges": len(doc.Exchanges), "queues": len(doc.Queues), "bindings": len(doc.Bindings),
		"policies": len(doc.Policies), "parameters": len(doc.Parameters), "users": len(doc.Users),
	}
	var there []struct{ Name, VHost string }
	if err := j.target.Get(ctx, "/api/queues?columns=name,vhost", &there); err != nil {
		return err
	}
	has := map[[2]string]bool{}
	for _, q := range there {
		has[[2]string{q.VHost, q.Name}] = true
	}
	for _, q := range doc.Queues {
		if !has[[2]string{*q.VHost, q.Name}] {
			j.report.Missing = append(j.report.Missing, fmt.Sprintf("queue %q in vhost %q", q.Name, *q.VHost))
		}
	}
	if len(j.report.Missing) > 0 {
		return fmt.Errorf("%w: the target took the definitions and does not have %s", ErrRefused, strings.Join(j.report.Missing, ", "))
	}
	return nil
}

// describeVHosts sets what an import of definitions leaves out.
func (j *job) describeVHosts(ctx context.Context, doc *definitions.Document) error {
	for _, v := range doc.VHosts {
		if v.DefaultQueueType == "" && !v.Tracing {
			continue
		}
		body := map[string]any{"description": v.Description, "tags": strings.Join(v.Tags, ","), "tracing": v.Tracing}
		if v.DefaultQueueType != "" {
			body["default_queue_type"] = v.DefaultQueueType
		}
		if err := j.target.Do(ctx, http.MethodPut, mgmt.Path("vhosts", v.Name), body, nil); err != nil {
			return err
		}
	}
	return nil
}
