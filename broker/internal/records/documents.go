package records

import (
	"errors"
	"fmt"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// A Kind is what a record is of. Its value is in the keys of the store.
type Kind string

// The kinds.
const (
	KindVHost          Kind = "vhost"
	KindPolicy         Kind = "policy"
	KindOperatorPolicy Kind = "operator_policy"
	KindDelayed        Kind = "delayed"
	KindExchange       Kind = "exchange"
	KindQueue          Kind = "queue"
	KindBinding        Kind = "binding"

	KindParameter       Kind = "parameter"
	KindUser            Kind = "user"
	KindPermission      Kind = "permission"
	KindTopicPermission Kind = "topic_permission"
	KindGlobalParameter Kind = "global_parameter"
)

// kinds make an empty document of each kind.
var kinds = map[Kind]func() Document{
	KindVHost:          func() Document { return new(VHost) },
	KindPolicy:         func() Document { return &Policy{kind: KindPolicy} },
	KindOperatorPolicy: func() Document { return &Policy{kind: KindOperatorPolicy} },
	KindDelayed:        func() Document { return new(Delayed) },
	KindExchange:       func() Document { return new(Exchange) },
	KindQueue:          func() Document { return new(Queue) },
	KindBinding:        func() Document { return new(Binding) },

	KindParameter:       func() Document { return new(Parameter) },
	KindUser:            func() Document { return new(User) },
	KindPermission:      func() Document { return new(Permission) },
	KindTopicPermission: func() Document { return new(TopicPermission) },
	KindGlobalParameter: func() Document { return new(GlobalParameter) },
}

// A Document is the content of a record.
type Document interface {
	// Kind is the kind of the record.
	Kind() Kind
	// names are what tells the record from others of its kind, the outermost first.
	// The tail, unless it is empty, follows them in the key as it is.
	names() (names []string, tail string)
	// validate says what of the content makes no sense by itself.
	validate() error
}

// VHost is a virtual host (PERSIST-1).
type VHost struct {
	Name             Text
	Description      Text   `json:",omitempty"`
	Tags             []Text `json:",omitempty"`
	DefaultQueueType string `json:",omitempty"` // "" is classic
	Protected        bool   `json:",omitempty"` // from deletion
}

// Policy is a policy or an operator policy of a virtual host.
type Policy struct {
	VHost  Text
	Policy PolicyFields

	kind Kind
}

// PolicyFields are a policy as it was set. The strings in it are UTF-8.
type PolicyFields struct {
	Name       string
	Pattern    string
	ApplyTo    string
	Priority   int
	Definition map[string]any
}

// NewPolicy makes the document of a policy of one of the two kinds.
func NewPolicy(kind Kind, vhost string, p PolicyFields) *Policy {
	return &Policy{VHost: Text(vhost), Policy: p, kind: kind}
}

// Delayed says that messages wait, or may come to wait, under the name of a delayed
// exchange. It is there before the exchange's own record and goes after it. Of an
// exchange that is not durable, and of one that is deleted, it is all that a restart
// finds: the alternate is its last trace.
type Delayed struct {
	VHost, Name  Text
	ID           uint64 // of the log, in one series with those of queues
	Alternate    Text
	HasAlternate bool
}

// Exchange is an exchange that survives.
type Exchange struct {
	VHost, Name, Type    Text
	AutoDelete, Internal bool
	Args                 Args
	Cache                uint64 `json:",omitempty"` // of the log of an x-message-deduplication exchange
	Transient            bool   `json:",omitempty"` // not durable, and kept by the profile that it was declared under
}

// Queue is a durable queue.
type Queue struct {
	VHost, Name         Text
	ID                  uint64 // of its logs
	Durable, AutoDelete bool
	Args                Args
	// QuorumPriority is the rule of the profile that the queue was declared under:
	// its messages lie in the store by it.
	QuorumPriority queue.QuorumPriority `json:",omitempty"`
	// Still and Closed are what VHost.StandStill has said.
	Still  bool `json:",omitempty"`
	Closed bool `json:",omitempty"`
}

// Binding is a binding whose both ends survive (PERSIST-4).
type Binding struct {
	VHost, Source, Destination, Key Text
	ToExchange                      bool
	Args                            Args // sorted: who unbinds may have another order
	// Order tells the order of binding, for exchanges in which it counts: each has more
	// than the one before.
	Order uint64 `json:",omitempty"`
}

// Kind is KindVHost.
func (*VHost) Kind() Kind                  { return KindVHost }
func (d *VHost) names() ([]string, string) { return []string{string(d.Name)}, "" }
func (*VHost) validate() error             { return nil }

// Kind is KindPolicy or KindOperatorPolicy.
func (d *Policy) Kind() Kind                { return d.kind }
func (d *Policy) names() ([]string, string) { return []string{string(d.VHost), d.Policy.Name}, "" }
func (*Policy) validate() error             { return nil }

// Kind is KindDelayed.
func (*Delayed) Kind() Kind                  { return KindDelayed }
func (d *Delayed) names() ([]string, string) { return []string{string(d.VHost), string(d.Name)}, "" }
func (*Delayed) validate() error             { return nil }

// Kind is KindExchange.
func (*Exchange) Kind() Kind                  { return KindExchange }
func (d *Exchange) names() ([]string, string) { return []string{string(d.VHost), string(d.Name)}, "" }
func (d *Exchange) validate() error           { return d.Args.validate() }

// Kind is KindQueue.
func (*Queue) Kind() Kind                  { return KindQueue }
func (d *Queue) names() ([]string, string) { return []string{string(d.VHost), string(d.Name)}, "" }
func (d *Queue) validate() error {
	if !d.QuorumPriority.Known() {
		return fmt.Errorf("unknown rule %d for priorities", d.QuorumPriority)
	}
	return d.Args.validate()
}

// Kind is KindBinding.
func (*Binding) Kind() Kind { return KindBinding }
func (d *Binding) names() ([]string, string) {
	to := KindQueue
	if d.ToExchange {
		to = KindExchange
	}
	return []string{string(d.VHost), string(d.Source), string(to), string(d.Destination), string(d.Key)}, string(d.Args)
}
func (d *Binding) validate() error { return d.Args.validate() }

// Args are arguments as on the wire: a field table with its length.
type Args []byte

// ArgsOf is a table as records have it.
func ArgsOf(t amqp.Table) Args { return amqp.AppendTable(nil, t) }

// Table decodes the arguments, which have been validated when they were read.
func (a Args) Table() (amqp.Table, error) {
	t, rest, err := amqp.DecodeTable(a)
	if err == nil && len(rest) > 0 {
		err = errors.New("bytes after its arguments")
	}
	return t, err
}

func (a Args) validate() error {
	_, err := a.Table()
	return err
}
