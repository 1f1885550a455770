package graduate

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strconv"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/rabbetmq/rabbet/broker/definitions"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/lint"
)

// loginOf reads an AMQP URL as RabbitMQ's own client does.
func loginOf(raw string) (login, error) {
	u, err := amqp091.ParseURI(raw)
	if err != nil {
		return login{}, fmt.Errorf("bad AMQP URL: %w", err)
	}
	return login{
		addresses: []string{net.JoinHostPort(u.Host, strconv.Itoa(u.Port))}, user: u.Username, password: u.Password, tls: u.Scheme == "amqps",
	}, nil
}

func encode(doc *definitions.Document) ([]byte, error) {
	var out bytes.Buffer
	err := doc.Encode(&out, false)
	return out.Bytes(), err
}

// convert makes what is to be created at the target of what a source has, and notes what
// the target makes of it.
func (j *job) convert(have *Definitions) (*definitions.Document, error) {
	doc, err := definitions.Decode(have.Document)
	if err != nil {
		return nil, err
	}
	j.choose(doc)
	before, err := encode(doc)
	if err != nil {
		return nil, err
	}
	if j.Quorum {
		toQuorum(doc)
	}
	after, err := encode(doc)
	if err != nil {
		return nil, err
	}
	j.report.Findings, err = lint.Check(lint.Input{Definitions: after, Source: have.Version, Clients: have.Clients, Plugins: j.facts.Plugins}, j.facts.Target)
	if err != nil {
		return nil, err
	}
	if j.Quorum {
		all, err := lint.Check(lint.Input{Definitions: before, Source: have.Version, Plugins: j.facts.Plugins, Quorum: true}, j.facts.Target)
		if err != nil {
			return nil, err
		}
		for _, f := range all { // what the conversion changes shows before it alone
			if f.Level.AtLeast(lint.Note) && (f.Rule == "QUEUE-90" || f.Rule == "QUEUE-49" || f.Rule == "QUEUE-43" && f.Level == lint.Note) {
				j.report.Findings = append(j.report.Findings, f)
			}
		}
	}
	if j.Skip {
		leaveOut(doc, j.report.Findings)
	}
	return doc, nil
}

// choose leaves out what is not to be moved.
func (j *job) choose(doc *definitions.Document) {
	if !j.Users {
		doc.Users, doc.Permissions, doc.TopicPermissions = nil, nil, nil
	}
	doc.GlobalParameters = nil // they name the cluster
	if len(j.VHosts) == 0 {
		return
	}
	other := func(vhost *string) bool { return vhost == nil || !slices.Contains(j.VHosts, *vhost) }
	doc.VHosts = slices.DeleteFunc(doc.VHosts, func(v definitions.VHost) bool { return other(&v.Name) })
	doc.Permissions = slices.DeleteFunc(doc.Permissions, func(p definitions.Permission) bool { return other(p.VHost) })
	doc.TopicPermissions = slices.DeleteFunc(doc.TopicPermissions, func(p definitions.TopicPermission) bool { return other(p.VHost) })
	doc.Parameters = slices.DeleteFunc(doc.Parameters, func(p definitions.Parameter) bool { return other(p.VHost) })
	doc.Policies = slices.DeleteFunc(doc.Policies, func(p definitions.Policy) bool { return other(p.VHost) })
	doc.Queues = slices.DeleteFunc(doc.Queues, func(q definitions.Queue) bool { return other(q.VHost) })
	doc.Exchanges = slices.DeleteFunc(doc.Exchanges, func(x definitions.Exchange) bool { return other(x.VHost) })
	doc.Bindings = slices.DeleteFunc(doc.Bindings, func(b definitions.Binding) bool { return other(b.VHost) })
}

// ofClassic are arguments that a quorum queue does not take.
var ofClassic = []string{"x-queue-mode", "x-queue-version", "x-queue-master-locator", "x-max-priority"}

// toQuorum makes quorum queues of the classic ones that can be.
func toQuorum(doc *definitions.Document) {
	for i := range doc.Queues {
		q := &doc.Queues[i]
		if kind := q.Arguments["x-queue-type"]; kind != nil && kind != "classic" || !q.Durable || q.AutoDelete {
			continue
		}
		args := definitions.Arguments{"x-queue-type": "quorum"}
		for name, v := range q.Arguments {
			if name != "x-queue-type" && !slices.Contains(ofClassic, name) {
				args[name] = v
			}
		}
		q.Arguments = args
	}
}

// leaveOut takes what the target refuses out of a document, with the bindings of it.
func leaveOut(doc *definitions.Document, findings []lint.Finding) {
	refused := map[string]bool{}
	for _, f := range findings {
		if f.Level.AtLeast(lint.Needs) {
			refused[f.Kind+"\x00"+f.VHost+"\x00"+f.Name] = true
		}
	}
	is := func(kind string, vhost *string, name string) bool {
		return vhost != nil && refused[kind+"\x00"+*vhost+"\x00"+name]
	}
	doc.Queues = slices.DeleteFunc(doc.Queues, func(q definitions.Queue) bool { return is("queue", q.VHost, q.Name) })
	doc.Exchanges = slices.DeleteFunc(doc.Exchanges, func(x definitions.Exchange) bool { return is("exchange", x.VHost, x.Name) })
	doc.Policies = slices.DeleteFunc(doc.Policies, func(p definitions.Policy) bool { return is("policy", p.VHost, p.Name) })
	doc.Parameters = slices.DeleteFunc(doc.Parameters, func(p definitions.Parameter) bool { return is("parameter", p.VHost, p.Component+"/"+p.Name) })
	doc.Bindings = slices.DeleteFunc(doc.Bindings, func(b definitions.Binding) bool {
		name := fmt.Sprintf("%s -> %s %s (%s)", b.Source, b.DestinationType, b.Destination, b.RoutingKey)
		return is("binding", b.VHost, name) || is("exchange", b.VHost, b.Source) || is(b.DestinationType, b.VHost, b.Destination)
	})
}
