// rabbet conformance: flags, progress and output of the conformance suite.

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/progressbar"
	"github.com/rabbetmq/rabbet/conformance"
	"github.com/rabbetmq/rabbet/conformance/inprocess"
	"github.com/rabbetmq/rabbet/delay"
)

const conformanceSynopsis = `Judges whether an AMQP 0-9-1 broker behaves as RabbitMQ does: at --url, or Rabbet
itself, in this process. Scripts work under names of their own, side by side, and
leave nothing behind; those that restart the broker or raise alarms come at the end
and run only if they are given the means. The exit code is 0 if all that applies
holds, 1 if not, 2 for a wrong command line.

  rabbet conformance --matrix a.json b.json   puts reports of --format json side by side`

// reportFormats are the writers of reports, by --format.
var reportFormats = map[string]func(*conformance.Report, io.Writer) error{
	"text":     (*conformance.Report).WriteText,
	"json":     (*conformance.Report).WriteJSON,
	"junit":    (*conformance.Report).WriteJUnit,
	"markdown": (*conformance.Report).WriteMarkdown,
}

// judgement is what rabbet conformance is asked for.
type judgement struct {
	conformance.Options
	url, name, format, output    string
	management                   string
	timeout                      time.Duration
	list, matrix                 bool
	files                        []string
	scripts                      []conformance.Script
	restart, kill, alarmsCommand string
	ackTimeout, nodeLimit        string
}

func conformanceCommand(c console) *cobra.Command {
	cmd := &cobra.Command{Use: "conformance [flags]", Short: "Judge whether a broker behaves as RabbitMQ does", Long: conformanceSynopsis, DisableFlagsInUseLine: true}
	j := &judgement{}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVar(&j.url, "url", "", "AMQP `URL` of the broker to judge (default Rabbet in this process)")
	fs.StringVar(&j.Pattern, "run", "", "run the scripts whose name, or whose behaviour's number, matches this regular `expression`")
	fs.BoolVar(&j.list, "list", false, "list the scripts, and run none")
	fs.StringVar(&j.Profile, "profile", "", "judge it as this `version` of RabbitMQ: 3.10, 3.13, 4.2, 4.3, or in full (default what it says it is)")
	fs.StringVar(&j.format, "format", "text", "write the report as text, json, junit or markdown (`format`)")
	fs.StringVar(&j.output, "output", "", "write the report to `file`, and a summary to standard output")
	fs.StringVar(&j.name, "name", "", "what to call the broker in the report (default its product and version)")
	fs.StringVar(&j.management, "management", "", "`URL` of the broker's management API, such as http://guest:guest@127.0.0.1:15672, for scripts on policies and the like")
	fs.StringVar(&j.restart, "restart", "", "shell `command` that restarts the broker in order")
	fs.StringVar(&j.kill, "kill", "", "shell `command` that kills and restarts the broker")
	fs.StringVar(&j.alarmsCommand, "alarm", "", "shell `command` that raises or clears an alarm: two words are added, memory or disk, and on or off")
	fs.StringVar(&j.ackTimeout, "ack-timeout", "", "shell `command` that sets how long deliveries wait for their acknowledgement: milliseconds are added")
	fs.StringVar(&j.nodeLimit, "node-limit", "", "shell `command` that limits the whole broker: two words are added, such as connection_max, and a number or infinity")
	fs.IntVar(&j.Parallel, "parallel", 16, "`number` of scripts that run at the same time")
	fs.DurationVar(&j.Patience, "patience", 10*time.Second, "`duration` for which a script waits for one thing to happen")
	fs.DurationVar(&j.timeout, "timeout", 15*time.Minute, "`duration` after which the whole run is cut off")
	fs.BoolVar(&j.matrix, "matrix", false, "put the reports in the files that follow side by side, in Markdown")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		j.files = args
		if err := j.check(); err != nil {
			return err
		}
		return j.run(c)
	}
	return cmd
}

// check finds out what makes no sense, and makes the hooks.
func (j *judgement) check() (err error) {
	switch {
	case j.matrix && len(j.files) == 0:
		return usagef("--matrix needs the names of reports")
	case !j.matrix && len(j.files) > 0:
		return usagef("conformance takes flags only, not %q", j.files[0])
	case reportFormats[j.format] == nil:
		return usagef("unknown format %q: it is text, json, junit or markdown", j.format)
	case j.Parallel < 1 || j.Patience <= 0 || j.timeout <= 0:
		return usagef("--parallel, --patience and --timeout are above 0")
	case j.url == "" && j.management+j.restart+j.kill+j.alarmsCommand+j.ackTimeout+j.nodeLimit != "":
		return usagef("--management, --restart, --kill, --alarm, --ack-timeout and --node-limit are for a broker at --url")
	}
	if j.scripts, err = conformance.Matching(j.Pattern); err != nil {
		return usageError{err}
	}
	if j.Profile != "" {
		if _, err := conformance.Profile(j.Profile); err != nil {
			return usageError{err}
		}
	}
	j.Restart, j.Kill = conformance.Shell(j.restart), conformance.Shell(j.kill)
	j.Alarm = conformance.ShellAlarm(j.alarmsCommand)
	j.AckTimeout, j.NodeLimit = conformance.ShellAckTimeout(j.ackTimeout), conformance.ShellNodeLimit(j.nodeLimit)
	if j.management != "" {
		if j.Admin, err = conformance.NewHTTPAdmin(j.management); err != nil {
			return usageError{err}
		}
	}
	return nil
}

// run does what is asked for.
func (j *judgement) run(c console) error {
	switch {
	case j.list:
		return listScripts(c.stdout, j.scripts)
	case j.matrix:
		return j.writeMatrix(c)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	timer := delay.Real{}.AfterFunc(j.timeout, cancel)
	defer timer.Stop()
	report, err := j.judge(ctx, c)
	if err != nil {
		return err
	}
	report.Name = cmp.Or(j.name, report.Name)
	if err := j.write(c, report, func(w io.Writer) error { return reportFormats[j.format](report, w) }); err != nil {
		return err
	}
	n := report.Count()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("cut off after %d of %d scripts", len(report.Scripts), len(j.scripts))
	case n[conformance.Differed] > 0:
		return fmt.Errorf("%d of %d scripts differ", n[conformance.Differed], len(report.Scripts))
	case !report.Holds():
		return errors.New("no script applies, so nothing is shown")
	}
	return nil
}

// judge runs the scripts, against Rabbet in this process if there is no URL.
func (j *judgement) judge(ctx context.Context, c console) (report *conformance.Report, err error) {
	if j.url == "" {
		dir, err := os.MkdirTemp("", "rabbet-conformance")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		profile := "" // one that Rabbet lacks is a question to it as it is
		if slices.Contains(broker.Profiles(), j.Profile) {
			profile = j.Profile
		}
		b, err := inprocess.Start(inprocess.Config{Profile: profile, Dir: dir})
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, b.Close()) }()
		j.url, j.Options, j.name = b.URL(), b.Hooks(j.Options), cmp.Or(j.name, "Rabbet")
	}
	runner, err := conformance.Connect(ctx, j.url, j.Options)
	if err != nil {
		return nil, err
	}
	progress := newProgress(c, len(j.scripts))
	defer progress.Clear()
	return runner.Judge(ctx, j.scripts, progress.ended), nil
}

// write writes to the file that is asked for, or to standard output. With a file
// there is a summary as well, if there is a report.
func (j *judgement) write(c console, report *conformance.Report, write func(io.Writer) error) error {
	if j.output == "" {
		return write(c.stdout)
	}
	f, err := os.Create(j.output)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Close()); err != nil || report == nil {
		return err
	}
	return report.WriteSummary(c.stdout)
}

func (j *judgement) writeMatrix(c console) error {
	var reports []*conformance.Report
	for _, name := range j.files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		report, err := conformance.ReadReport(f)
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		reports = append(reports, report)
	}
	return j.write(c, nil, func(w io.Writer) error { return conformance.WriteMatrix(w, reports...) })
}

// listScripts prints a line for each script: its name, what it covers, and the
// versions that it is for.
func listScripts(w io.Writer, scripts []conformance.Script) error {
	for _, s := range scripts {
		line := s.Name + "  " + strings.Join(s.Covers, " ")
		if s.Since != (conformance.Version{}) {
			line += "  from " + s.Since.String()
		}
		if s.Before != (conformance.Version{}) {
			line += "  before " + s.Before.String()
		}
		if s.Alone {
			line += "  alone"
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// progress is a bar on the terminal that says how far the run is.
type progress struct {
	*progressbar.Bar
	count []int // by outcome
}

// newProgress shows progress on standard error if that is a terminal.
func newProgress(c console, total int) *progress {
	return &progress{Bar: progressbar.New(c.stderr, c.getenv("TERM"), total), count: make([]int, 4)}
}

// ended counts a script that has ended; one that differs is named at once.
func (p *progress) ended(r conformance.Result) {
	p.count[r.Outcome]++
	if r.Outcome == conformance.Differed {
		p.Say(fmt.Sprintf("differs: %s %v", r.Script.Name, r.Script.Covers))
	}
	p.Step(fmt.Sprintf("%d held, %d differed", p.count[conformance.Held], p.count[conformance.Differed]))
}
