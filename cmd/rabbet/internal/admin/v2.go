package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
)

// Exit codes of the second version.
const (
	exitUsage       = 64
	exitData        = 65
	exitUnavailable = 69
	exitIO          = 74
)

// groups are the words that the second version may begin with and the first may not, with
// what the first calls one of them.
var groups = map[string]string{
	"queues": "queue", "streams": "stream", "exchanges": "exchange", "bindings": "binding", "vhosts": "vhost", "users": "user",
	"permissions": "permission", "policies": "policy", "operator_policies": "operator_policy", "parameters": "parameter",
	"vhost_limits": "vhost_limit", "user_limits": "user_limit", "definitions": "definitions", "health_check": "health_check",
	"nodes": "node", "connections": "connection", "channels": "channel",
}

// isSecond reports whether a command line is of the second version: it begins with a group,
// or has arguments as options where the first has KEY=VALUE, or names messages.
func isSecond(words []string, own map[string]string) bool {
	if len(words) == 0 {
		return false
	}
	if _, ok := groups[words[0]]; ok {
		return true
	}
	return len(own) > 0 || len(words) > 1 && (words[0] == "publish" && words[1] == "message" || words[0] == "get" && words[1] == "messages" ||
		(words[0] == "export" || words[0] == "import") && words[1] == "definitions")
}

// second runs a command of the second version. Success prints nothing.
func (c *call) second(words []string, own map[string]string) error {
	if len(words) < 2 {
		return errUsage
	}
	verb, kind := words[0], words[1]
	if one, ok := groups[words[0]]; ok {
		verb, kind = words[1], one
	}
	if one, ok := groups[kind]; ok {
		kind = one
	}
	c.opts.quiet = true
	switch {
	case kind == "health_check":
		return c.checkHealth(verb, own)
	case kind == "definitions":
		return c.definitions(verb, own)
	case verb == "publish":
		return c.publish(pairs(own))
	case verb == "get":
		return c.getMessages(own)
	case verb == "list" || verb == "show":
		return c.listSecond(kind, own)
	case verb == "declare":
		return c.declareSecond(kind, own)
	case verb == "delete" || verb == "clear":
		return c.deleteSecond(kind, own)
	case verb == "purge":
		return c.act("queue", "queue", "/queues/{vhost}/{name}/contents", "purged", pairs(own))
	case verb == "close":
		return c.act("connection", "connection", "/connections/{name}", "closed", pairs(own))
	}
	return errUsage
}

// pairs are options as the first version's arguments.
func pairs(own map[string]string) []string {
	var args []string
	for key, value := range own {
		args = append(args, key+"="+value)
	}
	return args
}

func (c *call) declareSecond(kind string, own map[string]string) error {
	switch kind {
	case "stream":
		kind, own["queue_type"] = "queue", "stream"
		delete(own, "durable")
	case "queue":
		if t, ok := own["type"]; ok {
			own["queue_type"] = t
			delete(own, "type")
		}
	case "exchange":
		if own["type"] == "" {
			own["type"] = "direct"
		}
	case "user":
		if _, ok := own["tags"]; !ok {
			own["tags"] = ""
		}
	}
	c.rename(kind, own)
	return c.declare(kind, pairs(own))
}

// rename gives options the names that the first version has for them.
func (c *call) rename(kind string, own map[string]string) {
	if to, ok := own["apply_to"]; ok {
		own["apply-to"] = to
		delete(own, "apply_to")
	}
	if kind == "permission" || kind == "vhost_limit" {
		if _, ok := own["vhost"]; !ok {
			own["vhost"] = c.opts.vhost
		}
	}
}

func (c *call) deleteSecond(kind string, own map[string]string) error {
	_, idempotently := own["idempotently"]
	delete(own, "idempotently")
	if kind == "stream" {
		kind = "queue"
	}
	if key := own["routing_key"]; kind == "binding" && key != "" {
		own["properties_key"] = key
	}
	c.rename(kind, own)
	err := c.remove(kind, pairs(own))
	if a := (answered{}); idempotently && errors.As(err, &a) && a.status == http.StatusNotFound {
		return nil
	}
	return err
}

// listSecond lists in a table of lines, or shows the one that --name names.
func (c *call) listSecond(kind string, own map[string]string) error {
	name := kind + "s"
	for many, one := range groups {
		if one == kind {
			name = many
		}
	}
	switch kind {
	case "stream":
		name = "queues"
	case "overview":
		name = "overview"
	}
	c.opts.style = "modern"
	if c.opts.plain {
		c.opts.style = "borderless"
	}
	s, ok := sources[name]
	if !ok {
		return errUsage
	}
	only, ok := own["name"]
	if !ok {
		return c.list(name, nil)
	}
	path := s.path + "/{name}"
	if s.vhosted {
		path = s.path + "/{vhost}/{name}"
	}
	var answer any
	if err := c.request(http.MethodGet, c.fill(path, map[string]string{"name": only}), nil, &answer); err != nil {
		return err
	}
	return c.show([]any{answer}, s.columns)
}

func (c *call) getMessages(own map[string]string) error {
	if mode, ok := own["ack_mode"]; ok {
		own["ackmode"] = mode
		delete(own, "ack_mode")
	}
	c.opts.style = "modern"
	return c.get(pairs(own))
}

// definitions exports or imports them: --file F, or --stdout and --stdin.
func (c *call) definitions(verb string, own map[string]string) error {
	path := "/definitions"
	if strings.HasSuffix(verb, "_from_vhost") || strings.HasSuffix(verb, "_into_vhost") {
		path += "/" + url.PathEscape(c.opts.vhost)
	}
	file := own["file"]
	_, stdout := own["stdout"]
	_, stdin := own["stdin"]
	switch {
	case strings.HasPrefix(verb, "export") && (file != "" || stdout):
		data, err := c.raw(http.MethodGet, path, nil)
		if err != nil {
			return err
		}
		if stdout {
			_, err := fmt.Fprintf(c.Stdout, "%s\n", data)
			return err
		}
		return os.WriteFile(file, data, 0o600)
	case strings.HasPrefix(verb, "import") && (file != "" || stdin):
		read := func() ([]byte, error) { return os.ReadFile(file) }
		if stdin {
			read = func() ([]byte, error) { return io.ReadAll(c.Stdin) }
		}
		data, err := read()
		if err != nil {
			return err
		}
		if !json.Valid(data) {
			return refusal("the definitions are no JSON")
		}
		_, err = c.raw(http.MethodPost, path, data)
		return err
	}
	return errUsage
}

// checks are the health checks with the paths that they have below /health/checks.
var checks = map[string]string{
	"local_alarms": "local-alarms", "cluster_wide_alarms": "alarms", "node_is_quorum_critical": "node-is-quorum-critical",
	"virtual_hosts": "virtual-hosts",
}

var errUnhealthy = errors.New("health check failed")

func (c *call) checkHealth(name string, own map[string]string) error {
	path, ok := checks[name]
	switch {
	case ok:
	case name == "port_listener" && own["port"] != "":
		path = "port-listener/" + url.PathEscape(own["port"])
	case name == "protocol_listener" && own["protocol"] != "":
		path = "protocol-listener/" + url.PathEscape(own["protocol"])
	default:
		return errUsage
	}
	if err := c.request(http.MethodGet, "/health/checks/"+path, nil, nil); err != nil {
		return errors.Join(errUnhealthy, err)
	}
	if !c.opts.silent {
		fmt.Fprintln(c.Stdout, "health check passed")
	}
	return nil
}

// code is the exit code of the second version for an error.
func code(err error) int {
	var a answered
	switch {
	case errors.Is(err, errUnhealthy):
		return exitUnavailable
	case errors.As(err, &a) && a.status == 0:
		return exitIO
	case errors.As(err, &a) && a.status >= http.StatusInternalServerError:
		return exitUnavailable
	case errors.Is(err, errUsage):
		return exitUsage
	}
	return exitData
}

// shorts are options with one letter that publish and get have, and no other command.
var shorts = map[string]map[string]string{
	"publish": {"-k": "--routing-key", "-e": "--exchange", "-m": "--payload", "-p": "--properties"},
	"get":     {"-q": "--queue", "-c": "--count", "-a": "--ack-mode"},
}

// spellOut replaces these letters in a command line of the second version.
func spellOut(args []string) []string {
	args = slices.Clone(args)
	for i := 0; i+1 < len(args); i++ {
		letters := shorts[args[i]]
		if letters == nil || args[i+1] != "message" && args[i+1] != "messages" {
			continue
		}
		for k := i + 2; k < len(args); k++ {
			if long, ok := letters[args[k]]; ok {
				args[k] = long
			}
		}
		return args
	}
	return args
}
