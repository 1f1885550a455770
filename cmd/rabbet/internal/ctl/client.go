package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/control"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
)

// A client speaks to one broker over its control socket.
type client struct {
	http    *http.Client
	name    string // of the node
	path    string
	reached bool  // it has answered
	err     error // why there can be no connection
	timeout time.Duration
}

// A refusal is an answer that is no success.
type refusal struct {
	status int
	Name   string          `json:"error"`
	Reason json.RawMessage `json:"reason"` // a text, mostly
}

func (r *refusal) Error() string {
	var text string
	switch {
	case json.Unmarshal(r.Reason, &text) == nil && text != "":
		return text
	case len(r.Reason) > 0:
		return string(r.Reason)
	case r.Name != "":
		return r.Name
	}
	return http.StatusText(r.status)
}

// connect finds the broker that the options and the environment name.
func (c *call) connect() *client {
	flags := []settings.Flag{}
	if c.opts.dataDir != "" {
		flags = append(flags, settings.Flag{Name: "data-dir", Value: c.opts.dataDir})
	}
	n := &client{timeout: c.opts.timeout}
	if n.timeout == 0 {
		n.timeout = time.Minute
	}
	set, err := settings.Load(settings.Sources{Flags: flags, Environ: c.Environ})
	if err != nil {
		n.err, n.name = err, c.opts.node
		return n
	}
	n.name = set.NodeName
	n.path = control.Place{DataDir: set.DataDir, Node: set.NodeName, Environ: c.Environ}.Path()
	n.http = control.Client(n.path)
	wanted := c.opts.node
	if n.ping() != nil { // perhaps one without a data folder
		memory := control.Place{Memory: true, Node: set.NodeName, Environ: c.Environ}
		if wanted != "" {
			memory.Node = wanted
		}
		if other := (&client{http: control.Client(memory.Path()), timeout: n.timeout}); other.ping() == nil {
			n.http, n.path = other.http, memory.Path()
		}
	}
	var d description
	if n.get("/control/node", &d) == nil {
		n.name, n.reached = d.Name, true
	}
	if wanted != "" && wanted != n.name {
		n.name, n.http, n.reached = wanted, nil, false
	}
	return n
}

func (n *client) ping() error { return n.get("/control/node", nil) }

// do sends a request; body and answer may be nil. An answer that is no success is a
// *refusal.
func (n *client) do(method, path string, body, answer any) error {
	if n.http == nil {
		return n.unreachable()
	}
	ctx, cancel := context.WithTimeout(context.Background(), n.timeout)
	defer cancel()
	var data []byte
	if raw, ok := body.(json.RawMessage); ok {
		data = raw
	} else if body != nil {
		data, _ = json.Marshal(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://node"+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	resp, err := n.http.Do(req)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return failed(exitTimeout, "operation %s on node %s timed out. Timeout value used: %d", "", n.name, n.timeout.Milliseconds())
	case err != nil:
		return n.unreachable()
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return refused(resp)
	}
	data, err = io.ReadAll(resp.Body)
	if err != nil {
		return n.unreachable()
	}
	if answer == nil || len(data) == 0 {
		return nil
	}
	if raw, ok := answer.(*json.RawMessage); ok {
		*raw = data
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(answer)
}

// errNotRunning is the answer of a node whose broker is stopped.
//
//lint:ignore ST1005 RabbitMQ's text
var errNotRunning = errors.New("this command requires the 'rabbit' app to be running on the target node. Start it with 'rabbitmqctl start_app'.")

// refused is the error of an answer that is no success.
func refused(resp *http.Response) error {
	r := &refusal{status: resp.StatusCode}
	if data, err := io.ReadAll(resp.Body); err == nil {
		_ = json.Unmarshal(data, r) // A status without a document says enough.
	}
	if r.Name == "not_running" {
		return errNotRunning
	}
	return r
}

func (n *client) get(path string, answer any) error { return n.do(http.MethodGet, path, nil, answer) }

// unreachable is the failure of a node that cannot be spoken to.
func (n *client) unreachable() error {
	text := fmt.Sprintf("Error: unable to perform an operation on node '%s'. Please see diagnostics information and suggestions below.\n\n"+
		"Most common reasons for this are:\n\n * The broker does not run, or was started for another data folder or by another user\n"+
		" * Its control socket is not %s\n", n.name, n.path)
	if n.err != nil {
		text += "\n" + n.err.Error() + "\n"
	}
	return failedPlainly(exitUnavailable, "%s", text)
}

// isRefused reports whether an error is an answer of this status.
func isRefused(err error, status int) bool {
	var r *refusal
	return errors.As(err, &r) && r.status == status
}

// path joins segments of a path of the API, each escaped.
func apiPath(segments ...string) string {
	p := "/api"
	for _, s := range segments {
		p += "/" + url.PathEscape(s)
	}
	return p
}

// A description is what the process says of itself.
type description struct {
	Name        string
	Running     bool
	PID         int
	OS          string
	Uptime      int64
	Version     string
	Runtime     string
	DataDir     string   `json:"data_dir"`
	ConfigFiles []string `json:"config_files"`
	LogFiles    []string `json:"log_files"`
	PluginsFile string   `json:"plugins_file"`
	Plugins     []string
	Settings    string
	MemoryLimit int64 `json:"memory_limit"`
	DiskLimit   int64 `json:"disk_limit"`
	// Variables are those of RabbitMQ in the process's environment, Arguments its command
	// line, Certificates those of the listeners that speak TLS.
	Variables, Arguments []string
	// Maintenance says that rabbitmq-upgrade drain was called.
	Maintenance bool
	// MemoryRatio is the memory limit as a fraction of the machine\'s memory; 0 if it is a
	// number of bytes.
	MemoryRatio  float64 `json:"memory_ratio"`
	Certificates []certificate
}

// A certificate is that of one listener.
type certificate struct {
	Protocol string `json:"protocol"`
	Port     int    `json:"port"`
	PEM      string `json:"pem"`
}
