package lint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/definitions"
)

// profiles are the profiles that decide for each target. 4.0 differs from 4.2 in what
// lenient has.
var profiles = map[string]string{"3.13": "3.13", "4.0": "4.2", "4.2": "4.2", "4.3": "4.3"}

// lenient is what Rabbet refuses in a document and RabbitMQ takes, as testdata shows.
var lenient = map[string][]string{
	"":    {"arg 'alternate-exchange'", "Unsupported default queue type", "unknown password hashing algorithm"},
	"4.0": {"'x-stream-filter-size-bytes' for queue"},
}

// refusals adds what the target refuses, and returns the document. It is nil if it cannot
// be read.
func (c *checker) refusals() (*definitions.Document, error) {
	if c.Definitions == nil {
		return nil, nil
	}
	if err := json.Unmarshal(c.Definitions, &c.raw); err != nil {
		return nil, fmt.Errorf("these are no definitions: %w", err)
	}
	doc, err := definitions.Decode(c.Definitions)
	var problems definitions.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			c.add(Finding{Level: Refused, Kind: "document", Name: p.Path, Rule: "PERSIST-16", Text: p.Text, Advice: "correct the document"})
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	err = check(profiles[c.target], doc)
	if errors.As(err, &problems) {
		for _, p := range problems {
			c.refuse(doc, p)
		}
		return doc, nil
	}
	return doc, err
}

// check returns what a broker of a profile would refuse a document for.
func check(profile string, doc *definitions.Document) error {
	b, err := broker.New(broker.Config{Profile: profile, EventExchange: true, LogExchange: &broker.LogExchange{}})
	if err != nil {
		return err
	}
	defer b.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // It is to be looked at, and not to be imported.
	if err := b.ImportDefinitions(ctx, doc, broker.ImportOptions{}); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// refuse adds a fault that the target's profile has found, unless the version takes it.
func (c *checker) refuse(doc *definitions.Document, p definitions.Problem) {
	for _, of := range []string{"", c.target} {
		for _, text := range lenient[of] {
			if strings.Contains(p.Text, text) {
				return
			}
		}
	}
	section, index, _ := strings.Cut(p.Path, "[")
	i := 0
	_, _ = fmt.Sscanf(index, "%d", &i) // A path without an index is a fault of the section.
	f := place(doc, section, i, index != "")
	if f.Kind == "exchange" && doc.Exchanges[i].Type != "" && pluginOf(c.target, doc.Exchanges[i].Type) != "" {
		return // the rules say more
	}
	f.Level, f.Text = Refused, strings.Join(strings.Fields(p.Text), " ")
	f.Rule, f.Advice = explain(section, p.Text)
	c.add(f)
}

// place names an element of a document.
func place(doc *definitions.Document, section string, i int, single bool) Finding {
	if !single {
		return Finding{Kind: "document", Name: section}
	}
	switch section {
	case "users":
		return Finding{Kind: "user", Name: doc.Users[i].Name}
	case "vhosts":
		return Finding{Kind: "vhost", Name: doc.VHosts[i].Name}
	case "permissions":
		return Finding{Kind: "permission", VHost: vhost(doc.Permissions[i].VHost), Name: doc.Permissions[i].User}
	case "topic_permissions":
		return Finding{Kind: "topic permission", VHost: vhost(doc.TopicPermissions[i].VHost), Name: doc.TopicPermissions[i].User}
	case "parameters":
		p := doc.Parameters[i]
		return Finding{Kind: "parameter", VHost: vhost(p.VHost), Name: p.Component + "/" + p.Name}
	case "global_parameters":
		return Finding{Kind: "global parameter", Name: doc.GlobalParameters[i].Name}
	case "policies":
		return Finding{Kind: "policy", VHost: vhost(doc.Policies[i].VHost), Name: doc.Policies[i].Name}
	case "queues":
		return Finding{Kind: "queue", VHost: vhost(doc.Queues[i].VHost), Name: doc.Queues[i].Name}
	case "exchanges":
		return Finding{Kind: "exchange", VHost: vhost(doc.Exchanges[i].VHost), Name: doc.Exchanges[i].Name}
	case "bindings":
		return bindingPlace(&doc.Bindings[i])
	}
	return Finding{Kind: "document", Name: section}
}

func bindingPlace(b *definitions.Binding) Finding {
	return Finding{Kind: "binding", VHost: vhost(b.VHost), Name: fmt.Sprintf("%s -> %s %s (%s)", b.Source, b.DestinationType, b.Destination, b.RoutingKey)}
}

// An explanation is the rule behind a refusal, and what to do, by the section and the
// text.
type explanation struct {
	section      string
	text         *regexp.Regexp
	rule, advice string
}

var explanations = []explanation{
	{"queues", regexp.MustCompile("transient_nonexcl_queues"), "QUEUE-29", "declare it durable, with x-expires if nobody deletes it, or exclusive"},
	{"queues", regexp.MustCompile("master.locator"), "QUEUE-42", "use x-queue-leader-locator, or leave it out"},
	{"queues", regexp.MustCompile("x-queue-version"), "QUEUE-41", "leave x-queue-version out, or make it 2"},
	{"queues", regexp.MustCompile("x-queue-mode"), "QUEUE-40", "leave x-queue-mode out: all queues keep their messages on disk"},
	{"queues", regexp.MustCompile("x-max-priority.* of queue type"), "QUEUE-44", "leave x-max-priority out: a quorum queue has priorities without it"},
	{"queues", regexp.MustCompile("x-queue-type"), "QUEUE-39", "make x-queue-type classic, quorum or stream"},
	{"queues", regexp.MustCompile("invalid property"), "QUEUE-49", "declare it durable, not exclusive and not auto-delete, or make it a classic queue"},
	{"queues", regexp.MustCompile("of queue type"), "QUEUE-43", "leave the argument out, or use a type of queue that has it"},
	{"queues", regexp.MustCompile("x-stream-|x-max-age"), "STREAM-4", "correct the argument"},
	{"queues", nil, "QUEUE-30", "correct the argument"},
	{"exchanges", regexp.MustCompile("exchange type"), "EXCH-9", "use another type, or enable the plugin that has it"},
	{"exchanges", nil, "EXCH-1", "correct the exchange"},
	{"policies", regexp.MustCompile("ha-"), "POLICY-6", "make the queues quorum queues, and leave mirroring out of the policy"},
	{"policies", regexp.MustCompile("master-locator"), "QUEUE-42", "use queue-leader-locator, or leave it out"},
	{"policies", regexp.MustCompile("not recognised"), "POLICY-6", "leave the key out"},
	{"policies", nil, "POLICY-11", "correct the policy"},
	{"parameters", regexp.MustCompile("not recognised"), "POLICY-7", "leave the key out of the operator policy"},
	{"parameters", nil, "PERSIST-14", "leave the parameter out, or enable the plugin that has it"},
	{"users", nil, "PERSIST-12", "correct the user"},
	{"vhosts", nil, "PERSIST-13", "correct the virtual host"},
	{"permissions", nil, "PERM-1", "correct the permission"},
	{"topic_permissions", nil, "PERM-1", "correct the permission"},
	{"bindings", regexp.MustCompile("resources_missing"), "EXCH-23", "add what is missing to the document, or leave the binding out"},
	{"bindings", nil, "EXCH-23", "correct the binding"},
}

// explain finds the rule behind a refusal.
func explain(section, text string) (rule, advice string) {
	for _, e := range explanations {
		if e.section == section && (e.text == nil || e.text.MatchString(text)) {
			return e.rule, e.advice
		}
	}
	return "PERSIST-16", "correct the document"
}
