package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rabbetmq/rabbet/broker/definitions"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/defdiff"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/lint"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
)

const definitionsLong = `Definitions are what a broker has apart from messages: users, virtual hosts, permissions, policies,
queues, exchanges, bindings, as one JSON document of RabbitMQ's format. The commands speak to the
management API of Rabbet or RabbitMQ: on this machine, where rabbet serve with the same files and
variables listens, or at --url.`

const exportLong = `Writes the definitions of a broker to FILE, one object a line, or with - to standard output.
What a version of RabbitMQ refuses of them, or takes with a plugin alone, is named on standard error,
by the rules of rabbet graduate lint.`

// A definitionsClient asks a management API for definitions.
type definitionsClient struct {
	console
	url, vhost, config string
	timeout            time.Duration
	targets            []string // versions of RabbitMQ that an export is to go to
}

func definitionsCommand(c console) *cobra.Command {
	d := &definitionsClient{console: c}
	command := func(name, short, long string, run func(file string) error) *cobra.Command {
		cmd := &cobra.Command{Use: name + " FILE [flags]", Short: short, Long: long, DisableFlagsInUseLine: true}
		cmd.Flags().StringVar(&d.url, "url", "", "`URL` of the management API, such as http://guest:guest@127.0.0.1:15672")
		cmd.Flags().StringVar(&d.vhost, "vhost", "", "`name` of a virtual host, for its definitions alone")
		cmd.Flags().StringVar(&d.config, "config", "", "`file` that the broker reads, in the format of rabbitmq.conf")
		cmd.Flags().DurationVar(&d.timeout, "timeout", 5*time.Minute, "`duration` to wait for an answer")
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("definitions %s takes one file, or - for a stream", name)
			}
			return nil
		}
		cmd.RunE = func(_ *cobra.Command, args []string) error { return run(args[0]) }
		return cmd
	}
	export := command("export", "Write what a broker has", exportLong, d.export)
	export.Flags().StringSliceVar(&d.targets, "target", lint.Targets, "`versions` of RabbitMQ to warn for: "+strings.Join(lint.Targets, ", ")+", or none")
	return group(&cobra.Command{Use: "definitions", Short: "Export, import and compare definitions", Long: definitionsLong},
		export,
		command("import", "Create what a document has", "Checks FILE, or with - standard input, and has the broker create what is in it. Nothing is deleted.", d.load),
		command("diff", "Say what an import would change", "Compares FILE, or with - standard input, with what the broker has, and changes nothing.", d.diff))
}

// endpoint is the API's path of definitions, with the login in the URL.
func (d *definitionsClient) endpoint() (*url.URL, error) {
	base := d.url
	if base == "" {
		set, err := settings.Load(settings.Sources{Environ: d.environ, Config: d.config})
		if err != nil {
			return nil, err
		}
		u := url.URL{Scheme: "http", User: url.UserPassword(set.Access.DefaultUser, set.Access.DefaultPassword), Host: here(set.Management.Address), Path: set.Management.PathPrefix}
		base = u.String()
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, usagef("bad URL: it is like http://guest:guest@127.0.0.1:15672")
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/") + "/api/definitions"
	if d.vhost != "" {
		path += "/" + url.PathEscape(d.vhost)
	}
	if u.Path, err = url.PathUnescape(path); err != nil {
		return nil, usagef("bad URL: %w", err)
	}
	u.RawPath = path
	return u, nil
}

// call makes a request and returns the body of a good answer.
func (d *definitionsClient) call(method string, body []byte) ([]byte, error) {
	u, err := d.endpoint()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
	defer cancel()
	at := u.Host
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("content-type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		if inner := (*url.Error)(nil); errors.As(err, &inner) {
			err = inner.Err // the URL has a password in it
		}
		return nil, fmt.Errorf("no management API answers at %s: %w", at, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the answer of %s: %w", at, err)
	case answer.StatusCode/100 != 2:
		var why struct{ Error, Reason string }
		_ = json.Unmarshal(text, &why) // An answer without a reason has a status.
		return nil, fmt.Errorf("%s answers %s: %s", at, answer.Status, cmp.Or(why.Reason, why.Error, "no reason given"))
	}
	return text, nil
}

// fetch returns the broker's definitions.
func (d *definitionsClient) fetch() (*definitions.Document, error) {
	text, err := d.call(http.MethodGet, nil)
	if err != nil {
		return nil, err
	}
	doc, err := definitions.Decode(text)
	if err != nil {
		return nil, fmt.Errorf("the broker's definitions: %w", err)
	}
	return doc, nil
}

// read reads a document of the user's, and checks it.
func (d *definitionsClient) read(file string) (text []byte, doc *definitions.Document, err error) {
	if file == "-" {
		text, err = io.ReadAll(d.stdin)
	} else {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read definitions: %w", err)
	}
	doc, err = definitions.Decode(text)
	list := definitions.Problems(nil)
	if errors.As(err, &list) {
		for _, p := range list {
			fmt.Fprintf(d.stdout, "fault: %s\n", p)
		}
		return nil, nil, fmt.Errorf("%s has faults: %d", file, len(list))
	}
	return text, doc, err
}

func (d *definitionsClient) export(file string) error {
	for _, target := range d.targets {
		if target != "none" && !slices.Contains(lint.Targets, target) {
			return usagef("--target is of %s, or none, not %q", strings.Join(lint.Targets, ", "), target)
		}
	}
	doc, err := d.fetch()
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := doc.Encode(&text, d.vhost != ""); err != nil {
		return err
	}
	if file == "-" {
		_, err = d.stdout.Write(text.Bytes())
	} else {
		err = os.WriteFile(file, text.Bytes(), 0o600) // There are password hashes in it.
	}
	if err != nil {
		return err
	}
	return d.warn(doc)
}

// warn names what versions of RabbitMQ refuse of a document, or take with a plugin alone.
func (d *definitionsClient) warn(doc *definitions.Document) error {
	if d.vhost != "" {
		nameVHost(doc, &d.vhost)
	}
	var text bytes.Buffer
	if err := doc.Encode(&text, false); err != nil {
		return err
	}
	targets := slices.DeleteFunc(slices.Clone(d.targets), func(target string) bool { return target == "none" })
	return lint.Warn(d.stderr, text.Bytes(), targets)
}

func (d *definitionsClient) load(file string) error {
	text, doc, err := d.read(file)
	if err != nil {
		return err
	}
	if _, err := d.call(http.MethodPost, text); err != nil {
		return err
	}
	_, err = fmt.Fprintf(d.stdout, "imported: vhosts %d, users %d, policies %d, queues %d, exchanges %d, bindings %d\n",
		len(doc.VHosts), len(doc.Users), len(doc.Policies), len(doc.Queues), len(doc.Exchanges), len(doc.Bindings))
	return err
}

func (d *definitionsClient) diff(file string) error {
	_, wanted, err := d.read(file)
	if err != nil {
		return err
	}
	have, err := d.fetch()
	if err != nil {
		return err
	}
	count := map[defdiff.Kind]int{}
	for _, change := range defdiff.Compare(wanted, have) {
		count[change.Kind]++
		fmt.Fprintln(d.stdout, change)
	}
	_, err = fmt.Fprintf(d.stdout, "to create %d, to replace %d, that differ and stay %d\n", count[defdiff.Create], count[defdiff.Replace], count[defdiff.Keep])
	return err
}

// nameVHost makes a document of one virtual host, which does not name it, a whole one.
func nameVHost(doc *definitions.Document, name *string) {
	doc.VHosts = []definitions.VHost{{Name: *name}}
	for i := range doc.Parameters {
		doc.Parameters[i].VHost = name
	}
	for i := range doc.Policies {
		doc.Policies[i].VHost = name
	}
	for i := range doc.Exchanges {
		doc.Exchanges[i].VHost = name
	}
	for i := range doc.Queues {
		doc.Queues[i].VHost = name
	}
	for i := range doc.Bindings {
		doc.Bindings[i].VHost = name
	}
}
