// Package lint says what a version of RabbitMQ would refuse of a broker's definitions, or
// take and do otherwise, and which of its clients use what that version lacks.
//
// What is refused, a Rabbet of the target's profile decides: its checks are those of the
// version. What changes its meaning is in rules.go. Both are held against what running
// RabbitMQs did with a corpus of objects, in testdata.
package lint

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/broker/definitions"
)

// Targets are the versions that definitions can be held against, oldest first.
var Targets = []string{"3.13", "4.0", "4.2", "4.3"}

// A Level is how bad a finding is.
type Level string

// The levels, worst first.
const (
	// Refused is not there after an import, which fails as a whole for most reasons.
	Refused Level = "refused"
	// Needs is refused, or without effect, unless the target is prepared.
	Needs Level = "needs"
	// Changed is taken, and means something else.
	Changed Level = "changed"
	// Note is a behaviour of the target that may matter to who uses the object.
	Note Level = "note"
)

// Levels are all levels, worst first.
var Levels = []Level{Refused, Needs, Changed, Note}

// AtLeast reports whether a level is another one or worse.
func (l Level) AtLeast(other Level) bool {
	return slices.Index(Levels, l) <= slices.Index(Levels, other)
}

// A Finding is what is wrong with one object.
type Finding struct {
	Level Level `json:"level"`
	// Kind is what the object is: queue, policy, connection. VHost is empty for what
	// belongs to none.
	Kind  string `json:"kind"`
	VHost string `json:"vhost,omitempty"`
	Name  string `json:"name"`
	// Rule is the number of the behaviour, as docs/behaviours.md has it.
	Rule string `json:"rule"`
	// Text is what happens, Advice is what to do.
	Text   string `json:"text"`
	Advice string `json:"advice"`
}

// Object names the object for people.
func (f *Finding) Object() string {
	if f.VHost == "" {
		return fmt.Sprintf("%s %q", f.Kind, f.Name)
	}
	return fmt.Sprintf("%s %q in vhost %q", f.Kind, f.Name, f.VHost)
}

// An Input is what is looked at.
type Input struct {
	// Definitions is a document as an export has it; nil is none.
	Definitions []byte
	// Source is the version that the objects had their meaning in, such as 3.13.7; "" is
	// that of the document, or 3.13.
	Source string
	// Clients are those that are connected; nil is not known.
	Clients *Clients
	// Messages are those of the source's queues; nil is not known. User is who is to move
	// them, "" where that is not known, and Impersonator says that it has this tag.
	Messages     []Messages
	User         string
	Impersonator bool
	// Plugins are those that the target has enabled.
	Plugins []string
	// Quorum says that classic queues are to become quorum queues.
	Quorum bool
}

// Check holds an input against a target, one of Targets. It fails for what is no document
// at all.
func Check(in Input, target string) ([]Finding, error) {
	if !slices.Contains(Targets, target) {
		return nil, fmt.Errorf("there is no target %q; there are %s", target, strings.Join(Targets, ", "))
	}
	c := &checker{Input: in, target: target}
	doc, err := c.refusals()
	if err != nil {
		return nil, err
	}
	if doc != nil {
		c.source = cmp.Or(in.Source, doc.Version, "3.13")
		c.doc = doc
		c.objects()
	} else {
		c.source = cmp.Or(in.Source, "3.13")
	}
	if in.Clients != nil {
		c.clients(in.Clients)
	}
	c.messages(in.Messages)
	slices.SortStableFunc(c.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(Levels, a.Level), slices.Index(Levels, b.Level)),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.VHost, b.VHost), cmp.Compare(a.Name, b.Name))
	})
	return c.found, nil
}

// A checker collects findings.
type checker struct {
	Input
	target, source string
	doc            *definitions.Document
	raw            map[string]json.RawMessage
	found          []Finding
}

func (c *checker) add(f Finding) { c.found = append(c.found, f) }

// since reports whether the target is of this version or later, and before whether the
// source is older.
func (c *checker) since(version string) bool  { return !older(c.target, version) }
func (c *checker) before(version string) bool { return older(c.source, version) }

// comes reports whether something that came with a version is new to the objects.
func (c *checker) comes(version string) bool { return c.since(version) && c.before(version) }

// older compares versions by their first two numbers.
func older(a, b string) bool {
	var x, y [2]int
	_, _ = fmt.Sscanf(a, "%d.%d", &x[0], &x[1]) // What is no number is 0.
	_, _ = fmt.Sscanf(b, "%d.%d", &y[0], &y[1])
	return slices.Compare(x[:], y[:]) < 0
}

// has reports whether the target has a plugin.
func (c *checker) has(plugin string) bool { return slices.Contains(c.Plugins, plugin) }

// vhost is the name in a pointer of a document.
func vhost(name *string) string {
	if name == nil {
		return "/"
	}
	return *name
}

// Count returns how many findings are of each level.
func Count(list []Finding) map[Level]int {
	n := make(map[Level]int)
	for i := range list {
		n[list[i].Level]++
	}
	return n
}
