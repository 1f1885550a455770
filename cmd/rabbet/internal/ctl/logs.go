package ctl

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

var logVerbs = []*verb{
	{name: "log_location", tools: diagnostics, usage: "[--all|-a]", summary: "Shows log file location(s) on target node", options: []string{"a"},
		banner: banner("Log file location(s) on node %n ..."), run: logLocation},
	{name: "log_tail", tools: diagnostics, usage: "[--number|-N <number>]", summary: "Prints the last N lines of the log on the node", options: []string{"number=", "N="},
		banner: func(c *call) string {
			return "Last " + strconv.Itoa(c.tailLength()) + " log lines on node " + c.node.name + " ..."
		}, check: checkTail, run: logTail},
	{name: "log_tail_stream", tools: diagnostics, usage: "[--duration|-d <seconds>]", summary: "Streams logs from a running node for a period of time", options: []string{"duration=", "d="},
		banner: func(c *call) string {
			return "Streaming logs from node " + c.node.name + c.forSeconds() + " ..."
		}, check: checkDuration, run: logTailStream},
}

func logLocation(c *call) error {
	d, err := c.describe()
	if err != nil {
		return err
	}
	places := d.LogFiles
	if !c.opts.all && !c.opts.has("a") && len(places) > 1 {
		places = places[:1]
	}
	if c.opts.format("") == "json" {
		c.print("%s", jsonText(map[string]any{"node_name": c.node.name, "paths": places, "result": "ok"}))
		return nil
	}
	c.print("%s", strings.Join(places, "\n"))
	return nil
}

// logFile is the file that the node logs to. What goes to a terminal or a pipe is not to
// be had again.
func (c *call) logFile() (string, error) {
	d, err := c.describe()
	if err != nil {
		return "", err
	}
	for _, place := range d.LogFiles {
		if filepath.IsAbs(place) {
			return place, nil
		}
	}
	return "", failed(exitUnavailable, "the node logs to %s, not to a file: set log.file to have its log here", strings.Join(d.LogFiles, ", "))
}

// standardTail is how many lines log_tail prints unless it is told.
const standardTail = 50

func (c *call) tailLength() int {
	n, err := strconv.Atoi(c.opts.either("number", "N"))
	if err != nil {
		return standardTail
	}
	return n
}

func checkTail(c *call) error {
	text := c.opts.either("number", "N")
	if n, err := strconv.Atoi(text); text != "" && (err != nil || n < 1) {
		return c.misused("Invalid value for the number of lines: "+text, []string{c.verb.name})
	}
	return nil
}

// either is the value of an option with two names.
func (o *options) either(long, short string) string {
	if v, ok := o.own[long]; ok {
		return v
	}
	return o.own[short]
}

// openLog opens the log file of the node.
func (c *call) openLog() (*os.File, error) {
	path, err := c.logFile()
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, failed(exitUnavailable, "%s", err)
	}
	return f, nil
}

func logTail(c *call) error {
	f, err := c.openLog()
	if err != nil {
		return err
	}
	defer f.Close()
	lines, err := lastLines(f, c.tailLength())
	if err != nil {
		return failed(exitUnavailable, "%s", err)
	}
	c.print("%s", lines)
	return nil
}

// lastLines are the last n lines of a file, read from its end.
func lastLines(f io.ReadSeeker, n int) ([]byte, error) {
	const step = 64 << 10
	at, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	var tail []byte
	for at > 0 && bytes.Count(tail, []byte{'\n'}) <= n {
		size := min(at, step)
		at -= size
		part := make([]byte, size, int(size)+len(tail))
		if _, err := f.Seek(at, io.SeekStart); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(f, part); err != nil {
			return nil, err
		}
		tail = append(part, tail...)
	}
	tail = bytes.TrimSuffix(tail, []byte{'\n'})
	for from := len(tail); ; n-- {
		from = bytes.LastIndexByte(tail[:from], '\n')
		if from < 0 {
			return tail, nil
		}
		if n == 1 {
			return tail[from+1:], nil
		}
	}
}

// forSeconds is how a banner says --duration.
func (c *call) forSeconds() string {
	if text := c.opts.either("duration", "d"); text != "" {
		return " for " + text + " seconds"
	}
	return ""
}

func checkDuration(c *call) error {
	text := c.opts.either("duration", "d")
	if n, err := strconv.Atoi(text); text != "" && (err != nil || n < 0) {
		return c.misused("Invalid value for the duration: "+text, []string{c.verb.name})
	}
	return nil
}

// duration ends with --duration; without it nothing but the end of the process does.
func (c *call) duration() (context.Context, context.CancelFunc) {
	if n, err := strconv.Atoi(c.opts.either("duration", "d")); err == nil {
		return context.WithTimeout(context.Background(), time.Duration(n)*time.Second)
	}
	return context.WithCancel(context.Background())
}

// followInterval is how often a log file is looked at.
const followInterval = 100 * time.Millisecond

func logTailStream(c *call) error {
	f, err := c.openLog()
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(0, io.SeekEnd); err != nil {
		return failed(exitUnavailable, "%s", err)
	}
	c.flush()
	ctx, cancel := c.duration()
	defer cancel()
	err = delay.Poll(ctx, delay.Real{}, followInterval, func() bool {
		_, copyErr := io.Copy(c.Stdout, f)
		return copyErr != nil // nobody reads any more
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
