package ctl

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
)

var eventVerbs = []*verb{
	{name: "consume_event_stream", tools: diagnostics, usage: "[--duration|-d <seconds>] [--pattern <pattern>]", summary: "Streams internal events from a running node. Output is jq-compatible.",
		options: []string{"duration=", "d=", "pattern="}, check: checkEvents, run: consumeEvents},
}

func checkEvents(c *call) error {
	if _, err := regexp.Compile(c.opts.own["pattern"]); err != nil {
		return c.misused("Invalid pattern: "+err.Error(), []string{c.verb.name})
	}
	return checkDuration(c)
}

// consumeEvents prints events as they come. Its end is --duration's, or that of the node.
func consumeEvents(c *call) error {
	if c.node.http == nil {
		return c.node.unreachable()
	}
	ctx, cancel := c.duration()
	defer cancel()
	path := "http://node/control/events?" + url.Values{"pattern": {c.opts.own["pattern"]}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	resp, err := c.node.http.Do(req)
	if err != nil {
		return c.node.unreachable()
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return refused(resp)
	}
	_, err = io.Copy(c.Stdout, resp.Body)
	c.print("")
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
