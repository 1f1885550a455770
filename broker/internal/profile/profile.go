package profile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// A profile is the version of RabbitMQ that a broker behaves as. What versions do differently is one immutable set of named facts, made at
// the start and looked at where the behaviour is; nothing compares versions.

// DefaultVersion is the version of RabbitMQ that the default profile is.
const DefaultVersion = "3.13.7"

// defaultProfile is what an empty Config.Profile means.
const defaultProfile = "3.13"

// facts are what a version of RabbitMQ does in its own way. The tags are what
// docs/profiles.md says of them, with the numbers of the behaviours.
type facts struct {
	Version string `number:"CONN-9" fact:"version in server-properties"`

	AMQP08      bool   `number:"CONN-3" fact:"clients of AMQP 0-8 are served"`
	OffersAMQP1 bool   `number:"CONN-4, CONN-5" fact:"an unknown protocol header is answered with that of AMQP 1.0"`
	Anonymous   bool   `number:"CONN-8" fact:"the mechanism ANONYMOUS logs in as guest"`
	MinFrameMax uint32 `number:"CONN-23, CONN-26" fact:"smallest frame-max, and largest frame before it is agreed, in bytes"`
	MaxBody     int64  `number:"BASIC-7" fact:"default of the largest message, in bytes"`
	MaxHeader   uint64 `number:"CONN-53, BASIC-7" fact:"largest body that a content header may announce, in bytes, or else the connection is closed at once; 0 is no limit"`
	ExcessDies  bool   `number:"CONN-53" fact:"body bytes beyond the announced size close the connection at once, not with the next method"`
	UserIDLast  bool   `number:"BASIC-1" fact:"of a publish the user id is checked after expiration and headers"`
	CancelOk    bool   `number:"BASIC-34" fact:"a client's cancel-ok cancels its consumer; for one that is not there it closes the connection with 541, otherwise with 503"`
	MaxTx       int    `number:"BASIC-83" fact:"most publishes in a transaction; 0 is no limit"`

	TxNeedsQueues          bool `number:"BASIC-83, BASIC-86" fact:"tx.commit closes the connection with 506 if a queue of one of its publishes was deleted meanwhile and its name is free; otherwise it closes the channel with 406 if that was a classic queue"`
	PassiveNeedsPermission bool `number:"PERM-5" fact:"a passive declare needs any of the three permissions"`
	BareChannelLimit       bool `number:"LIMIT-4" fact:"the refusal of a channel beyond the user's limit has the number without parentheses"`
	TopicPermitsAllKeys    bool `number:"PERM-11" fact:"topic permissions are about the keys in CC and BCC too, not the routing key alone"`

	DelayedPlugin bool `number:"EXCH-9" fact:"there is a plugin for exchanges of type x-delayed-message; without it the type is known only with x-delayed-strict"`

	KeepsTransient bool `number:"PERSIST-1, PERSIST-4" fact:"exchanges that are not durable survive a restart, with their bindings"`
	TopicHashes    int  `number:"EXCH-35" fact:"most wildcards # in a binding key of a topic exchange; 0 is no limit"`
	LocalRandom    bool `number:"LOCALRANDOM-1" fact:"there are exchanges of type x-local-random"`
	PluginWords    bool `number:"EXCH-8, EXCH-9" fact:"the types x-jms-topic and x-random without their plugins are invalid, otherwise unknown"`

	transientQueues   bool                 `number:"QUEUE-29" fact:"queues that are neither durable nor exclusive may be declared"`
	AddsQueueType     bool                 `number:"QUEUE-14" fact:"a queue declared without x-queue-type gets it as an argument"`
	undefinedType     bool                 `number:"QUEUE-39" fact:"x-queue-type may be the text undefined, for the default type"`
	emptyType         bool                 `number:"QUEUE-39" fact:"x-queue-type may be empty, for the default type"`
	checksQueueMode   bool                 `number:"QUEUE-40, QUEUE-91" fact:"x-queue-mode is checked"`
	queueVersion1     bool                 `number:"QUEUE-41" fact:"x-queue-version may be 1"`
	masterLocator     bool                 `number:"QUEUE-42" fact:"x-queue-master-locator may be used"`
	checksLocator     bool                 `number:"QUEUE-42" fact:"the value of x-queue-master-locator is checked"`
	streamFilterSize  bool                 `number:"QUEUE-43, QUEUE-48" fact:"x-stream-filter-size-bytes is known, and refused by other queues than streams"`
	leaderLocator     bool                 `number:"QUEUE-42, QUEUE-43" fact:"classic queues take x-queue-leader-locator"`
	quorumRetries     bool                 `number:"QUEUE-51" fact:"quorum queues know x-consumer-timeout, x-consumer-disconnected-timeout and x-delayed-retry-*, and their consumers x-consumer-timeout; others refuse them"`
	TermForType       bool                 `number:"QUEUE-97" fact:"the refusal of basic.get beside a single active consumer has the type of queue as a term of Erlang"`
	deliveryLimit     int64                `number:"QUEUE-92" fact:"delivery limit of a quorum queue that sets none; -1 is no limit"`
	negativeLimit     bool                 `number:"POLICY-3, POLICY-12" fact:"a policy's delivery-limit may be negative, which yields to any limit"`
	CountsFailures    bool                 `number:"QUEUE-94" fact:"the delivery limit counts failed deliveries alone: basic.reject and lost channels, not basic.nack; x-acquired-count counts all"`
	PurgeCountsDead   bool                 `number:"DLXALO-9" fact:"queue.purge counts the dead letters that wait for their targets, which it leaves where they are"`
	EndsByTag         bool                 `number:"QUEUE-93" fact:"when a channel ends, a quorum queue takes back first what basic.get has fetched, then what consumers have in the order of their tags; otherwise in the order in which the consumers came, and what basic.get has fetched last"`
	HigherTakesOver   bool                 `number:"BASIC-40" fact:"a consumer of higher priority becomes the active one of a quorum queue with a single active consumer, as soon as the one before holds nothing; otherwise the first stays"`
	QuorumPriority    queue.QuorumPriority `number:"QUEUE-90, QUEUE-60" fact:"message priority in quorum queues"`
	mirroring         bool                 `number:"POLICY-6, BASIC-32" fact:"policies may have ha-mode and its like, which one node makes nothing of; x-cancel-on-ha-failover is checked"`
	ClientDeaths      bool                 `number:"QUEUE-82, QUEUE-83" fact:"x-death in a client's message counts as its history"`
	GlobalQos         bool                 `number:"BASIC-48" fact:"basic.qos with global=true is a limit for the channel; otherwise it is taken for global=false"`
	QuorumTimeoutOnly bool                 `number:"BASIC-66" fact:"the acknowledgement timeout is for quorum queues alone, and cancels the consumer"`
	NewStreamTexts    bool                 `number:"STREAM-7, STREAM-41" fact:"what consumers of streams are refused for has other texts"`
	StrictStreams     bool                 `number:"STREAM-7, STREAM-9, STREAM-29" fact:"x-stream-filter-size-bytes is checked as a number first; a redeclaration compares x-max-age in milliseconds; a text that is no offset is refused with 406, otherwise with 541"`
	RepliesAreQueued  bool                 `number:"BASIC-74, BASIC-75, BASIC-77, BASIC-78, EXCH-30" fact:"a direct reply takes a delivery tag and counts as routed, whether the requester is there or not; the address of a requester is a queue: to purge it is fine, to bind it is refused with 403, basic.get with 540, a consumer with 406, and its own channel cannot declare it; otherwise all but to declare it is refused with 404"`
}

// profileNames are the profiles there are, oldest first.
var profileNames = []string{"3.13", "4.2", "4.3"}

// Names is the names of the profiles, oldest first.
func Names() []string { return slices.Clone(profileNames) }

var profiles = map[string]*Profile{
	"3.13": newProfile(facts{
		Version: DefaultVersion, DelayedPlugin: true,
		AMQP08: true, MinFrameMax: 4096, MaxBody: 128 << 20,
		transientQueues: true, checksQueueMode: true, queueVersion1: true, masterLocator: true, checksLocator: true, EndsByTag: true,
		deliveryLimit: -1, mirroring: true, ClientDeaths: true, GlobalQos: true,
	}),
	"4.2": newProfile(facts{
		Version: "4.2.7", DelayedPlugin: true,
		OffersAMQP1: true, Anonymous: true, MinFrameMax: 8192, MaxBody: 16 << 20, UserIDLast: true, CancelOk: true,
		KeepsTransient: true, LocalRandom: true,
		transientQueues: true, AddsQueueType: true, undefinedType: true,
		checksQueueMode: true, queueVersion1: true, masterLocator: true, leaderLocator: true, streamFilterSize: true,
		deliveryLimit: 20, negativeLimit: true, HigherTakesOver: true, QuorumPriority: queue.FairPriority,
		GlobalQos: true, RepliesAreQueued: true, NewStreamTexts: true,
		PassiveNeedsPermission: true, TxNeedsQueues: true, BareChannelLimit: true, TopicPermitsAllKeys: true,
	}),
	"4.3": newProfile(facts{
		Version:     "4.3.6",
		OffersAMQP1: true, Anonymous: true, MinFrameMax: 8192, MaxBody: 16 << 20, MaxHeader: 512 << 20, ExcessDies: true,
		UserIDLast: true, CancelOk: true, MaxTx: 10000,
		KeepsTransient: true, LocalRandom: true, TopicHashes: 2, PluginWords: true,
		AddsQueueType: true, undefinedType: true, emptyType: true, leaderLocator: true, streamFilterSize: true, quorumRetries: true, TermForType: true,
		deliveryLimit: 20, negativeLimit: true, CountsFailures: true, PurgeCountsDead: true, HigherTakesOver: true, QuorumPriority: queue.StrictPriority,
		QuorumTimeoutOnly: true, RepliesAreQueued: true, NewStreamTexts: true, StrictStreams: true,
		PassiveNeedsPermission: true, TxNeedsQueues: true, BareChannelLimit: true, TopicPermitsAllKeys: true,
	}),
}

// A Profile is a version's facts and what follows from them. It is shared by all
// brokers that behave so, and never changed.
type Profile struct {
	facts
	arguments  []declareArgument       // of queues, in the order in which they are checked
	accepts    map[*QueueType][]string // the arguments of each type, in the order in which they are compared
	policyKeys map[string]policyKey

	ofConsumers []consumeArgument
}

func newProfile(f facts) *Profile {
	known := func(a declareArgument) bool {
		switch a.name {
		case "x-stream-filter-size-bytes":
			return f.streamFilterSize
		case "x-consumer-disconnected-timeout":
			return f.quorumRetries
		}
		return true
	}
	arguments := slices.DeleteFunc(slices.Clone(declareArguments), func(a declareArgument) bool { return !known(a) })
	p := &Profile{
		facts: f, arguments: arguments, accepts: make(map[*QueueType][]string), ofConsumers: f.consumeArguments(),
	}
	for i := range p.arguments {
		switch a := &p.arguments[i]; {
		case a.name == "x-queue-mode" && !f.checksQueueMode:
			a.check = anything
		case a.name == "x-queue-version" && !f.queueVersion1:
			a.check = checkQueueVersion(2)
		case a.name == "x-stream-filter-size-bytes" && f.StrictStreams:
			a.check = notNegative
		case a.name == "x-queue-type":
			a.check = f.checkQueueType
		}
	}
	for _, t := range queueTypes {
		p.accepts[t] = slices.Clone(t.accepts)
	}
	if f.leaderLocator {
		p.accepts[&ClassicQueue] = append(p.accepts[&ClassicQueue], "x-queue-leader-locator")
	}
	if f.quorumRetries {
		p.arguments = append(p.arguments, retryArguments...)
		p.accepts[&QuorumQueue] = append(p.accepts[&QuorumQueue], "x-consumer-disconnected-timeout")
		for _, a := range retryArguments {
			p.accepts[&QuorumQueue] = append(p.accepts[&QuorumQueue], a.name)
		}
	}
	p.policyKeys = policyKeysOf(&p.facts)
	return p
}

// Of finds a profile by its name; "" is the default one.
func Of(name string) (*Profile, error) {
	p := profiles[cmp.Or(name, defaultProfile)]
	if p == nil {
		return nil, fmt.Errorf("broker: there is no profile %q; there are %s", name, strings.Join(profileNames, ", "))
	}
	return p, nil
}

// errDenied is the refusal of a feature that RabbitMQ has deprecated and does not
// permit any more (QUEUE-29, QUEUE-42).
func errDenied(feature string) *amqp.Error {
	return amqp.Errorf(amqp.InternalError, "Feature `%s` is deprecated.\nBy default, this feature is not permitted anymore.\n"+
		"The feature will be removed from a future major RabbitMQ version, regardless of the configuration; actual "+
		"version to be determined.\nTo continue using this feature when it is not permitted by default, set the "+
		"following parameter in your configuration:\n    \"deprecated_features.permit.%s = true\"", feature, feature)
}
