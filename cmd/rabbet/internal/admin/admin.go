// Package admin is rabbitmqadmin: a client of the management API. Arguments are KEY=VALUE as
// in its first version, or options as in the second, of which it has the core.
package admin

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/tool"
)

const usage = `Usage: rabbitmqadmin [options] subcommand

  list connections|channels|consumers|exchanges|queues|bindings|users|vhosts|permissions|nodes|
       parameters|policies|operator_policies|vhost_limits [COLUMN...]
  show overview [COLUMN...]
  declare exchange|queue|binding|vhost|user|permission|parameter|policy|operator_policy|vhost_limit KEY=VALUE...
  delete  exchange|queue|binding|vhost|user|permission|parameter|policy|operator_policy|vhost_limit KEY=VALUE...
  close connection name=...
  purge queue name=...
  publish routing_key=... [exchange=...] [payload=...] [properties=...] [payload_encoding=...]
  get queue=... [count=...] [ackmode=...] [payload_file=...] [encoding=...]
  export FILE, import FILE

Or as the second version has it: queues|streams|exchanges|bindings|vhosts|users|permissions|policies|operator_policies|parameters|
  vhost_limits list|declare|delete|show|purge --name ..., publish message, get messages --queue ..., definitions export|import --file ...,
  health_check local_alarms|cluster_wide_alarms|node_is_quorum_critical|port_listener|protocol_listener

Options, anywhere: -H/--host, -P/--port, -V/--vhost, -u/--username, -p/--password, -U/--base-uri, --path-prefix,
  -s/--ssl, -k/--ssl-insecure, -q/--quiet, -f/--format table|tsv|long|kvp|bash|raw_json|pretty_json,
  -S/--sort COLUMN, -R/--sort-reverse
`

// A call is one run.
type call struct {
	tool.Process
	opts options
}

// errUsage is a command line that makes no sense; what is wrong has been printed.
var errUsage = errors.New("usage")

// Run is rabbitmqadmin. The exit code is 1 for whatever goes wrong.
func Run(p tool.Process, args []string) int {
	c := &call{Process: p}
	words, own, err := c.opts.parse(args)
	v2 := isSecond(words, own)
	switch {
	case err != nil:
	case v2 && !c.opts.help:
		err = c.second(words, own)
	default:
		err = c.do(words)
	}
	switch {
	case err == nil:
		return 0
	case v2:
		if errors.Is(err, errUsage) {
			fmt.Fprint(p.Stderr, usage)
		} else {
			fmt.Fprintf(p.Stderr, "%v\n", err)
		}
		return code(err)
	}
	if errors.Is(err, errUsage) {
		fmt.Fprint(p.Stderr, usage)
	} else {
		fmt.Fprintf(p.Stderr, "*** %v\n", err)
	}
	return 1
}

func (c *call) do(words []string) error {
	if c.opts.help || len(words) > 0 && words[0] == "help" {
		fmt.Fprint(c.Stdout, usage)
		return nil
	}
	if len(words) == 0 {
		return errUsage
	}
	verb, rest := words[0], words[1:]
	switch verb {
	case "publish":
		return c.publish(rest)
	case "get":
		return c.get(rest)
	case "export", "import":
		if len(rest) != 1 {
			return errUsage
		}
		if verb == "export" {
			return c.export(rest[0])
		}
		return c.load(rest[0])
	}
	if len(rest) == 0 {
		return errUsage
	}
	switch verb {
	case "list", "show":
		return c.list(rest[0], rest[1:])
	case "declare":
		return c.declare(rest[0], rest[1:])
	case "delete":
		return c.remove(rest[0], rest[1:])
	case "close":
		return c.act(rest[0], "connection", "/connections/{name}", "closed", rest[1:])
	case "purge":
		return c.act(rest[0], "queue", "/queues/{vhost}/{name}/contents", "purged", rest[1:])
	}
	return errUsage
}

// say prints what -q leaves out.
func (c *call) say(format string, args ...any) {
	if !c.opts.quiet {
		fmt.Fprintf(c.Stdout, format+"\n", args...)
	}
}

// act deletes what a path names.
func (c *call) act(kind, only, path, done string, args []string) error {
	values, err := keyed(args)
	if kind != only || err != nil || values["name"] == "" {
		return errUsage
	}
	if err := c.request(http.MethodDelete, c.fill(path, values), nil, nil); err != nil {
		return err
	}
	c.say("%s %s", kind, done)
	return nil
}

// keyed reads KEY=VALUE arguments.
func keyed(args []string) (map[string]string, error) {
	values := map[string]string{}
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, refusal(fmt.Sprintf("Argument %q not in the name=value format.", arg))
		}
		values[key] = value
	}
	return values, nil
}

// fill puts values into a path of the API. The virtual host is that of the arguments, or of
// the options.
func (c *call) fill(path string, values map[string]string) string {
	for {
		before, rest, found := strings.Cut(path, "{")
		if !found {
			return path
		}
		name, after, _ := strings.Cut(rest, "}")
		value := values[name]
		switch {
		case name == "vhost" && value == "":
			value = c.opts.vhost
		case name == "kind":
			if value = values["destination_type"]; value != "" {
				value = value[:1]
			}
		case name == "exchange" && value == "":
			value = "amq.default"
		}
		path = before + url.PathEscape(value) + after
	}
}

func (c *call) publish(args []string) error {
	values, err := keyed(args)
	if err != nil {
		return err
	}
	if _, ok := values["routing_key"]; !ok {
		return errors.New("mandatory argument routing_key is required")
	}
	payload, ok := values["payload"]
	if !ok {
		data, err := io.ReadAll(c.Stdin)
		if err != nil {
			return err
		}
		payload = string(data)
	}
	encoding := values["payload_encoding"]
	if encoding == "" {
		encoding = "string"
	}
	properties, err := document(values["properties"], "{}")
	if err != nil {
		return err
	}
	var answer struct{ Routed bool }
	err = c.request(http.MethodPost, c.fill("/exchanges/{vhost}/{exchange}/publish", values), map[string]any{
		"routing_key": values["routing_key"], "payload": payload, "payload_encoding": encoding, "properties": properties,
	}, &answer)
	if err != nil {
		return err
	}
	if answer.Routed {
		c.say("Message published")
	} else {
		c.say("Message published but NOT routed")
	}
	return nil
}

func (c *call) get(args []string) error {
	values, err := keyed(args)
	if err != nil {
		return err
	}
	if values["queue"] == "" {
		return errors.New("mandatory argument queue is required")
	}
	request := map[string]any{"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
	for _, key := range []string{"ackmode", "encoding"} {
		if v := values[key]; v != "" {
			request[key] = v
		}
	}
	if text := values["count"]; text != "" {
		if request["count"], err = strconv.Atoi(text); err != nil {
			return fmt.Errorf("count %q is no number", text)
		}
	}
	var messages []any
	if err := c.request(http.MethodPost, c.fill("/queues/{vhost}/{queue}/get", values), request, &messages); err != nil {
		return err
	}
	if file := values["payload_file"]; file != "" && len(messages) > 0 {
		first, _ := messages[0].(map[string]any)
		return os.WriteFile(file, []byte(fmt.Sprint(first["payload"])), 0o600)
	}
	return c.show(messages, nil)
}

func (c *call) export(file string) error {
	data, err := c.raw(http.MethodGet, "/definitions", nil)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return err
	}
	c.say("Exported definitions for %s to \"%s\"", c.opts.host, file)
	return nil
}

func (c *call) load(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if _, err := c.raw(http.MethodPost, "/definitions", data); err != nil {
		return err
	}
	c.say("Uploaded definitions from \"%s\" to %s. The import process may take some time. Consult server logs to track progress.", c.opts.host, file)
	return nil
}
