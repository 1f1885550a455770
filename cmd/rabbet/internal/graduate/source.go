// Package graduate moves a Rabbet to a RabbitMQ: its definitions over both management
// APIs, then its messages, queue by queue, each published to the target and confirmed by it
// before the position is noted on disk. Nothing is taken off a queue before all of it is
// there.
package graduate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/lint"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/mgmt"
	"github.com/rabbetmq/rabbet/store"
)

// Definitions are those of a source, with its version and its clients where it is a broker.
type Definitions struct {
	Document []byte
	Version  string
	Clients  *lint.Clients
	// Messages are those with a user_id, where they have been read.
	Messages []lint.Messages
}

// OfBroker asks a broker for its definitions and clients.
func OfBroker(ctx context.Context, api *mgmt.Client) (*Definitions, error) {
	d := &Definitions{Clients: &lint.Clients{}}
	var about struct {
		Version string `json:"rabbitmq_version"`
	}
	if err := api.Get(ctx, "/api/overview", &about); err != nil {
		return nil, err
	}
	d.Version = about.Version
	var document json.RawMessage
	if err := api.Get(ctx, "/api/definitions", &document); err != nil {
		return nil, err
	}
	d.Document = document
	return d, d.clients(ctx, api)
}

// clients asks for those that are connected, and for the queues that they use.
func (d *Definitions) clients(ctx context.Context, api *mgmt.Client) error {
	for path, into := range map[string]any{
		"/api/connections": &d.Clients.Connections, "/api/channels": &d.Clients.Channels, "/api/consumers": &d.Clients.Consumers,
	} {
		if err := api.Get(ctx, path, into); err != nil {
			return err
		}
	}
	var queues []struct {
		Name, VHost, Type  string
		Durable, Exclusive bool
	}
	if err := api.Get(ctx, "/api/queues?columns=name,vhost,type,durable,exclusive", &queues); err != nil {
		return err
	}
	classic := map[lint.TransientQueue]bool{}
	for _, q := range queues {
		at := lint.TransientQueue{VHost: q.VHost, Name: q.Name}
		classic[at] = q.Type == "" || q.Type == "classic"
		if !q.Durable && !q.Exclusive {
			d.Clients.Transient = append(d.Clients.Transient, at)
		}
	}
	for i := range d.Clients.Consumers {
		c := &d.Clients.Consumers[i]
		c.Classic = classic[lint.TransientQueue{VHost: c.Queue.VHost, Name: c.Queue.Name}]
	}
	return nil
}

// OfFile reads definitions from a file, or from a stream for "-".
func OfFile(path string, stdin io.Reader) (*Definitions, error) {
	text, err := []byte(nil), error(nil)
	if path == "-" {
		text, err = io.ReadAll(stdin)
	} else {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read definitions: %w", err)
	}
	return &Definitions{Document: text}, nil
}

// OfFolder reads the definitions in a data folder that no broker has. It opens a copy, so
// that the folder stays as it is. With messages it looks at those as ReadMessages does.
func OfFolder(dir string, messages bool) (*Definitions, error) {
	if check, err := broker.CheckStore(dir); err != nil {
		if errors.Is(err, store.ErrLocked) {
			return nil, fmt.Errorf("a broker has the data folder %s: give its URL, or nothing for the one on this machine", dir)
		}
		return nil, err
	} else if len(check.Faults) > 0 {
		return nil, fmt.Errorf("the data folder %s is damaged, as rabbet store check says", dir)
	}
	temp, err := os.MkdirTemp("", "rabbet-graduate-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	copied := filepath.Join(temp, "data")
	if err := copyFolder(copied, dir); err != nil {
		return nil, err
	}
	st, err := store.Open(copied, store.Options{})
	if err != nil {
		return nil, err
	}
	b, err := broker.New(broker.Config{Store: st})
	if err != nil {
		return nil, err
	}
	defer b.Close()
	var out bytes.Buffer
	if err := b.Definitions().Encode(&out, false); err != nil {
		return nil, err
	}
	d := &Definitions{Document: out.Bytes(), Version: b.Version()}
	if messages {
		err = d.readBroker(b)
	}
	return d, err
}

// copyFolder copies the plain files of a folder: a socket has no place in a copy.
func copyFolder(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o700)
		case !entry.Type().IsRegular():
			return nil
		}
		in, err := os.Open(path)
		if err != nil {
			return err
		}
		defer in.Close()
		out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, in)
		return errors.Join(err, out.Close())
	})
}

// A Facts is what a target says of itself.
type Facts struct {
	// Version is its version, and Target the one of lint.Targets to hold definitions
	// against.
	Version, Target string
	// Plugins are enabled on all running nodes.
	Plugins []string
	// Addresses are where its nodes listen for AMQP, as far as it says.
	Addresses []string
	// User is who asked, and Impersonator reports whether it may publish as somebody else.
	User         string
	Impersonator bool
}

// AskTarget asks a RabbitMQ what it is.
func AskTarget(ctx context.Context, api *mgmt.Client) (*Facts, error) {
	var about struct {
		Version   string                  `json:"rabbitmq_version"`
		Types     []struct{ Name string } `json:"exchange_types"`
		Listeners []struct {
			Protocol, Node string
			IP             string `json:"ip_address"`
			Port           int
		}
	}
	if err := api.Get(ctx, "/api/overview", &about); err != nil {
		return nil, err
	}
	f := &Facts{Version: about.Version, Target: targetOf(about.Version)}
	f.User, _ = api.Login()
	f.Impersonator = isImpersonator(ctx, api, f.User)
	for _, t := range about.Types {
		if plugin := lint.PluginOf(t.Name); plugin != "" {
			f.Plugins = append(f.Plugins, plugin)
		}
	}
	for _, l := range about.Listeners {
		if l.Protocol == "amqp" {
			f.Addresses = append(f.Addresses, fmt.Sprintf("%s:%d", reachable(l.IP, api.HostName()), l.Port))
		}
	}
	if api.Get(ctx, "/api/rabbet", nil) == nil { // a Rabbet has what plugins bring
		f.Plugins = append(f.Plugins, lint.RabbetPlugins(f.Target)...)
	}
	var nodes []struct {
		Running bool
		Plugins []string `json:"enabled_plugins"`
	}
	if err := api.Get(ctx, "/api/nodes", &nodes); err != nil {
		return nil, err
	}
	running, on := 0, map[string]int{}
	for _, n := range nodes {
		if n.Running {
			running++
		}
		for _, name := range n.Plugins {
			on[name]++
		}
	}
	for name, n := range on {
		if n >= running {
			f.Plugins = append(f.Plugins, name)
		}
	}
	return f, nil
}

// reachable is the host of a listener: that of the API where it listens on all addresses.
func reachable(ip, host string) string {
	if ip == "" || ip == "::" || ip == "0.0.0.0" {
		return host
	}
	if strings.Contains(ip, ":") {
		return "[" + ip + "]"
	}
	return ip
}

// targetOf is the target of lint that is nearest to a version, from below.
func targetOf(version string) string {
	var v, t [2]int
	_, _ = fmt.Sscanf(version, "%d.%d", &v[0], &v[1]) // What is no number is 0.
	target := lint.Targets[0]
	for _, name := range lint.Targets {
		_, _ = fmt.Sscanf(name, "%d.%d", &t[0], &t[1])
		if t[0] < v[0] || t[0] == v[0] && t[1] <= v[1] {
			target = name
		}
	}
	return target
}
