package profile

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/queue/stream"
)

// Queue arguments are checked as RabbitMQ 3.13 does: types and values
// (QUEUE-30 to QUEUE-50), and equality on a redeclaration (QUEUE-9 to
// QUEUE-13). What other versions do differently is in the profile.

// A QueueType is one value of x-queue-type.
type QueueType struct {
	Name, Module string
	accepts      []string // in the order in which they are compared (QUEUE-11)

	PolicyTarget  string   // the type's name in a policy's apply-to
	WithoutPolicy []string // the policy keys that it does not know (POLICY-10)
}

var (
	ClassicQueue = QueueType{
		Name: "classic", Module: "rabbit_classic_queue",
		accepts: []string{
			"x-expires", "x-message-ttl", "x-dead-letter-exchange", "x-dead-letter-routing-key", "x-max-length",
			"x-max-length-bytes", "x-max-priority", "x-overflow", "x-queue-mode", "x-queue-version",
			"x-single-active-consumer", "x-queue-type", "x-queue-master-locator"},
		PolicyTarget: "classic_queues",
		WithoutPolicy: []string{
			"max-age", "stream-max-segment-size-bytes", "queue-leader-locator", "initial-cluster-size", "delivery-limit",
			"dead-letter-strategy", "max-in-memory-length", "max-in-memory-bytes", "target-group-size"},
	}
	QuorumQueue = QueueType{
		Name: "quorum", Module: "rabbit_quorum_queue",
		accepts: []string{
			"x-dead-letter-exchange", "x-dead-letter-routing-key", "x-dead-letter-strategy", "x-expires", "x-max-length",
			"x-max-length-bytes", "x-max-in-memory-length", "x-max-in-memory-bytes", "x-overflow",
			"x-single-active-consumer", "x-queue-type", "x-quorum-initial-group-size", "x-delivery-limit",
			"x-message-ttl", "x-queue-leader-locator"},
		PolicyTarget: "quorum_queues",
		WithoutPolicy: append([]string{
			"queue-mode", "queue-master-locator", "max-age", "stream-max-segment-size-bytes", "initial-cluster-size"},
			mirroringKeys...),
	}
	StreamQueue = QueueType{
		Name: "stream", Module: "rabbit_stream_queue",
		accepts: []string{
			"x-max-length-bytes", "x-queue-type", "x-max-age", "x-stream-max-segment-size-bytes",
			"x-stream-filter-size-bytes", "x-initial-cluster-size", "x-queue-leader-locator"},
		PolicyTarget: "streams",
		WithoutPolicy: append([]string{ // STREAM-15: what a stream does not know
			"message-ttl", "expires", "max-length", "max-priority", "overflow", "dead-letter-exchange",
			"dead-letter-routing-key", "dead-letter-strategy", "queue-mode", "queue-version", "single-active-consumer",
			"delivery-limit", "max-in-memory-length", "max-in-memory-bytes", "queue-master-locator", "target-group-size"},
			mirroringKeys...),
	}
	queueTypes = []*QueueType{&ClassicQueue, &QuorumQueue, &StreamQueue}
)

// An argumentCheck returns what is wrong with a value, or "".
type argumentCheck func(v any, args amqp.Table) string

// A declareArgument is one queue argument that RabbitMQ knows.
type declareArgument struct {
	name  string
	check argumentCheck
}

// declareArguments are checked in this order.
var declareArguments = []declareArgument{
	{"x-queue-type", anything}, // the profile's checkQueueType
	{"x-expires", millisAbove(1)},
	{"x-message-ttl", millisAbove(0)},
	{"x-dead-letter-exchange", anything}, // checkQueueArguments, before all others
	{"x-dead-letter-routing-key", checkDeadLetterKey},
	{"x-dead-letter-strategy", oneOf("invalid_dlx_strategy", "at-most-once", "at-least-once")},
	{"x-max-length", notNegative},
	{"x-max-length-bytes", notNegative},
	{"x-max-in-memory-length", notNegative},
	{"x-max-in-memory-bytes", notNegative},
	{"x-max-priority", checkMaxPriority},
	{"x-overflow", oneOf("invalid_overflow", "drop-head", "reject-publish", "reject-publish-dlx")},
	{"x-queue-mode", oneOfQuoted("queue mode", "default", "lazy")},
	{"x-queue-version", checkQueueVersion(1)},
	{"x-single-active-consumer", boolean},
	{"x-quorum-initial-group-size", positive},
	{"x-initial-cluster-size", positive},
	{"x-max-age", checkMaxAge},
	{"x-stream-max-segment-size-bytes", notNegative},
	{"x-stream-filter-size-bytes", anything},         // checkStream
	{"x-consumer-disconnected-timeout", notNegative}, // QUEUE-51: from 4.3
	{"x-queue-leader-locator", oneOf("invalid_queue_locator_arg", "client-local", "balanced", "random", "least-leaders")},
	{"x-delivery-limit", anything},       // QUEUE-45: not checked at declare
	{"x-queue-master-locator", anything}, // looked at last
}

// checkMasterLocator is QUEUE-42, where the value counts.
var checkMasterLocator = oneOf("invalid_queue_locator_arg", "min-masters", "client-local", "random")

// retryArguments are checked after the others where a profile has them
// (QUEUE-51).
var retryArguments = []declareArgument{
	{"x-consumer-timeout", notNegative},
	{"x-delayed-retry-type", anything},
	{"x-delayed-retry-min", anything},
	{"x-delayed-retry-max", anything},
}

// CheckQueueArguments checks the arguments of a new queue.
func (p *Profile) CheckQueueArguments(m *amqp.QueueDeclare, resource string) error {
	if v, ok := m.Arguments.Get("x-dead-letter-exchange"); ok { // QUEUE-36: a string
		if _, isString := v.(string); !isString {
			return amqp.Errorf(amqp.PreconditionFailed, "invalid type '%s' for arg 'x-dead-letter-exchange' in %s",
				amqp.TypeName(v), resource)
		}
	}
	if err := p.checkArgumentValues(m.Arguments, resource, []string{"x-queue-type"}); err != nil {
		return err
	}
	kind := QueueTypeOf(m.Arguments)
	if err := p.checkArgumentValues(m.Arguments, resource, p.accepts[kind]); err != nil {
		return err
	}
	for _, f := range m.Arguments { // QUEUE-43: whatever its value, and the first one is told
		known := slices.ContainsFunc(p.arguments, func(a declareArgument) bool { return a.name == f.Key })
		if known && !slices.Contains(p.accepts[kind], f.Key) {
			return amqp.Errorf(amqp.PreconditionFailed, "invalid arg '%s' for %s of queue type %s", f.Key, resource, kind.Module)
		}
	}
	if !m.Durable && !m.Exclusive && !p.transientQueues { // QUEUE-29: refused by default from 4.3
		return errDenied("transient_nonexcl_queues")
	}
	if v, ok := m.Arguments.Get("x-queue-master-locator"); ok { // QUEUE-42: one of three words
		switch {
		case !p.masterLocator:
			return errDenied("queue_master_locator")
		case p.checksLocator && checkMasterLocator(v, nil) != "":
			return amqp.Errorf(amqp.PreconditionFailed, "invalid arg 'x-queue-master-locator' for %s: %s", resource, checkMasterLocator(v, nil))
		}
	}
	if err := kind.checkProperties(m, resource); err != nil || kind != &StreamQueue {
		return err
	}
	return p.checkStream(m.Arguments)
}

// checkArgumentValues checks those arguments that have these names.
func (p *Profile) checkArgumentValues(args amqp.Table, resource string, names []string) error {
	for _, a := range p.arguments {
		v, ok := args.Get(a.name)
		if !ok || !slices.Contains(names, a.name) {
			continue
		}
		if detail := a.check(v, args); detail != "" {
			return amqp.Errorf(amqp.PreconditionFailed, "invalid arg '%s' for %s: %s", a.name, resource, detail)
		}
	}
	return nil
}

// checkProperties refuses what a replicated queue cannot be (QUEUE-49).
func (t *QueueType) checkProperties(m *amqp.QueueDeclare, resource string) error {
	if t == &ClassicQueue {
		return nil
	}
	property := ""
	switch {
	case m.AutoDelete:
		property = "auto-delete"
	case m.Exclusive:
		property = "exclusive-owner"
	case !m.Durable:
		property = "non-durable"
	default:
		return nil
	}
	return amqp.Errorf(amqp.PreconditionFailed, "invalid property '%s' for %s", property, resource)
}

// CheckServerNamed refuses a generated name for types that have none
// (QUEUE-50).
func CheckServerNamed(args amqp.Table) error {
	if t := QueueTypeOf(args); t != &ClassicQueue {
		return amqp.Errorf(amqp.PreconditionFailed, "Cannot declare a server-named queue for type %s", t.Module)
	}
	return nil
}

// QueueTypeOf is the type that the arguments ask for; classic by default.
func QueueTypeOf(args amqp.Table) *QueueType {
	v, _ := args.Get("x-queue-type")
	for _, t := range queueTypes {
		if v == t.Name {
			return t
		}
	}
	return &ClassicQueue
}

// ComparedArguments are those that count on a redeclaration, by the type of
// the queue that exists (QUEUE-11).
func (p *Profile) ComparedArguments(current amqp.Table) []string {
	return p.accepts[QueueTypeOf(current)]
}

// CheckQueueArgument is CheckArgument for queues, and STREAM-9.
func (p *Profile) CheckQueueArgument(name, resource string, received, current amqp.Table) error {
	if name == "x-max-age" && p.StrictStreams {
		received, current = inMillis(received), inMillis(current)
	}
	return CheckArgument(name, resource, received, current)
}

// inMillis is the x-max-age among arguments in milliseconds.
func inMillis(args amqp.Table) amqp.Table {
	v, _ := args.Get("x-max-age")
	text, _ := v.(string)
	age, err := stream.ParseAge(text)
	if err != nil {
		return args
	}
	return amqp.Table{{Key: "x-max-age", Value: age.Milliseconds()}}
}

// CheckArgument compares one argument of a redeclaration (EXCH-11, QUEUE-9,
// QUEUE-10, QUEUE-13).
func CheckArgument(name, resource string, received, current amqp.Table) error {
	r, hasR := received.Get(name)
	c, hasC := current.Get(name)
	if name == "x-queue-type" && (!hasR && c == "classic" || !hasC && r == "classic") {
		return nil
	}
	switch {
	case !hasR && !hasC:
		return nil
	case hasR && hasC:
		if sameValue(r, c) {
			return nil
		}
		return amqp.Errorf(amqp.PreconditionFailed, "inequivalent arg '%s' for %s: received %s but current is %s",
			name, resource, quoted(r), quoted(c))
	}
	return amqp.Errorf(amqp.PreconditionFailed, "inequivalent arg '%s' for %s: received %s but current is %s",
		name, resource, describeArgument(r, hasR), describeArgument(c, hasC))
}

func describeArgument(v any, present bool) string {
	if !present {
		return "none"
	}
	return "the value '" + plainText(v) + "' of type '" + amqp.TypeName(v) + "'"
}

// quoted is a value beside another one, where a void is none.
func quoted(v any) string {
	if v == nil {
		return "none"
	}
	return "'" + plainText(v) + "'"
}

// plainText is a value as these texts show it: strings and bytes without quotes.
func plainText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return amqp.FormatTerm(v)
}

func sameValue(a, b any) bool {
	if i, ok := amqp.AsInt(a); ok {
		j, ok := amqp.AsInt(b)
		return ok && i == j
	}
	return bytes.Equal(amqp.AppendTable(nil, amqp.Table{{Value: a}}), amqp.AppendTable(nil, amqp.Table{{Value: b}}))
}

// The checks.

func anything(any, amqp.Table) string { return "" }

// integer is QUEUE-30.
func integer(v any) (int64, string) {
	n, ok := amqp.AsInt(v)
	if !ok {
		return 0, fmt.Sprintf("%q", "expected integer, got "+amqp.TypeName(v))
	}
	return n, ""
}

// notNegative is QUEUE-31 and QUEUE-33.
func notNegative(v any, _ amqp.Table) string {
	n, detail := integer(v)
	if detail == "" && n < 0 {
		return fmt.Sprintf("{value_negative,%d}", n)
	}
	return detail
}

func positive(v any, args amqp.Table) string {
	if n, ok := amqp.AsInt(v); ok && n == 0 {
		return "{value_zero,0}" // QUEUE-46: positive
	}
	return notNegative(v, args)
}

// millisAbove is QUEUE-32.
func millisAbove(least int64) argumentCheck {
	return func(v any, args amqp.Table) string {
		n, ok := amqp.AsInt(v)
		switch {
		case ok && n == 0 && least > 0:
			return "{value_zero,0}"
		case ok && n > message.MaxMillis:
			return fmt.Sprintf("{value_too_large,%d}", n)
		}
		return notNegative(v, args)
	}
}

// checkMaxPriority is QUEUE-34.
func checkMaxPriority(v any, args amqp.Table) string {
	if n, ok := amqp.AsInt(v); ok && n > 255 {
		return fmt.Sprintf("{max_value_exceeded,%d}", n)
	}
	return notNegative(v, args)
}

func unacceptable(v any) string { return "{unacceptable_type," + amqp.TypeName(v) + "}" }

func boolean(v any, _ amqp.Table) string { // QUEUE-38: a boolean, nothing else
	if _, ok := v.(bool); !ok {
		return unacceptable(v)
	}
	return ""
}

// oneOf accepts the named strings and says detail of any other (QUEUE-35,
// QUEUE-46, QUEUE-47).
func oneOf(detail string, words ...string) argumentCheck {
	return func(v any, _ amqp.Table) string {
		s, ok := v.(string)
		switch {
		case !ok:
			return unacceptable(v)
		case !slices.Contains(words, s):
			return detail
		}
		return ""
	}
}

// checkQueueType is QUEUE-39.
func (f *facts) checkQueueType(v any, args amqp.Table) string {
	if v == "undefined" && f.undefinedType || v == "" && f.emptyType {
		return ""
	}
	return oneOfQuoted("queue type", "classic", "quorum", "stream")(v, args)
}

// oneOfQuoted is oneOf with a text that names the value (QUEUE-39, QUEUE-40).
func oneOfQuoted(what string, words ...string) argumentCheck {
	return func(v any, args amqp.Table) string {
		s, _ := v.(string)
		return oneOf(amqp.FormatString("unsupported "+what+" '"+s+"'"), words...)(v, args)
	}
}

// checkDeadLetterKey is QUEUE-37.
func checkDeadLetterKey(v any, args amqp.Table) string {
	if _, ok := v.(string); !ok {
		return unacceptable(v)
	}
	if _, ok := args.Get("x-dead-letter-exchange"); !ok {
		return "routing_key_but_no_dlx_defined"
	}
	return ""
}

// checkQueueVersion is QUEUE-41: least or 2.
func checkQueueVersion(least int64) argumentCheck {
	return func(v any, _ amqp.Table) string {
		n, _ := amqp.AsInt(v)
		if detail := notNegative(v, nil); detail != "" || n >= least && n <= 2 {
			return detail
		}
		return fmt.Sprintf("%q", "unsupported queue version '"+strconv.FormatInt(n, 10)+"'")
	}
}

var maxAge = regexp.MustCompile(`^[0-9]+[YMDhms]$`)

// checkMaxAge is QUEUE-48.
func checkMaxAge(v any, _ amqp.Table) string {
	s, ok := v.(string)
	switch {
	case !ok:
		return unacceptable(v)
	case !maxAge.MatchString(s), strings.Trim(s[:len(s)-1], "0") == "":
		return "invalid_max_age"
	}
	return ""
}

// checkFilterSize is POLICY-12: 16 to 255.
func checkFilterSize(v any, args amqp.Table) string {
	if n, ok := amqp.AsInt(v); ok && (n < 16 || n > 255) {
		return fmt.Sprintf("{value_out_of_range,%d}", n)
	}
	return notNegative(v, args)
}
