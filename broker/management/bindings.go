package management

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
)

// A bindingRef is a binding in a list.
type bindingRef struct {
	vhost string
	broker.Binding
	properties string // the key by which paths name it
}

// bindingsOf are all bindings of a virtual host, with those that the default exchange has
// to every queue.
func bindingsOf(p place) []bindingRef {
	var refs []bindingRef
	for _, name := range p.QueueNames() {
		refs = append(refs, newBindingRef(p.name, broker.Binding{Destination: name, Key: name}))
	}
	for _, b := range p.Bindings() {
		refs = append(refs, newBindingRef(p.name, b))
	}
	slices.SortStableFunc(refs, func(a, b bindingRef) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Destination, b.Destination),
			cmp.Compare(a.Key, b.Key), cmp.Compare(a.properties, b.properties))
	})
	return refs
}

func newBindingRef(vhost string, b broker.Binding) bindingRef {
	return bindingRef{vhost, b, propertiesKey(b.Key, b.Args)}
}

// bindings lists the bindings that match.
func (q *request) bindings(match func(*broker.Binding) bool) error {
	at, err := q.places()
	if err != nil {
		return err
	}
	var refs []bindingRef
	for _, p := range at {
		for _, b := range bindingsOf(p) {
			if match(&b.Binding) {
				refs = append(refs, b)
			}
		}
	}
	return list(q, listing[bindingRef]{items: refs, write: writeBinding})
}

func writeBinding(e *encoder, b bindingRef) bool {
	e.str("source", b.Source)
	e.str("vhost", b.vhost)
	e.str("destination", b.Destination)
	if b.ToExchange {
		e.str("destination_type", "exchange")
	} else {
		e.str("destination_type", "queue")
	}
	e.str("routing_key", b.Key)
	e.arguments("arguments", b.Args)
	e.str("properties_key", b.properties)
	return true
}

func (q *request) listBindings() error {
	return q.bindings(func(*broker.Binding) bool { return true })
}

func (q *request) listBindingsFrom() error {
	name := q.exchange("exchange")
	return q.bindings(func(b *broker.Binding) bool { return b.Source == name })
}

func (q *request) listBindingsToExchange() error {
	name := q.exchange("exchange")
	return q.bindings(func(b *broker.Binding) bool { return b.ToExchange && b.Destination == name })
}

func (q *request) listBindingsToQueue() error {
	_, name, err := q.namedQueue()
	if err != nil {
		return err
	}
	return q.bindings(func(b *broker.Binding) bool { return !b.ToExchange && b.Destination == name })
}

// pair are the ends of the bindings that the path names.
func (q *request) pair() (broker.Binding, error) {
	b := broker.Binding{Source: q.exchange("source")}
	switch q.variable("kind") {
	case "q":
		b.Destination = q.variable("destination")
	case "e":
		b.Destination, b.ToExchange = q.exchange("destination"), true
	default:
		return b, errNotFound
	}
	return b, nil
}

func (q *request) listBindingsBetween() error {
	pair, err := q.pair()
	if err != nil {
		return err
	}
	return q.bindings(func(b *broker.Binding) bool { return sameEnds(b, &pair) })
}

func sameEnds(a, b *broker.Binding) bool {
	return a.Source == b.Source && a.Destination == b.Destination && a.ToExchange == b.ToExchange
}

func (q *request) createBinding() error {
	v, err := q.vhost()
	if err != nil {
		return errVHostNotFound
	}
	b, err := q.pair()
	if err != nil {
		return err
	}
	body, err := q.body()
	if err != nil {
		return err
	}
	if b.Key, err = body.text("routing_key", ""); err != nil {
		return err
	}
	if b.Args, err = body.arguments("arguments"); err != nil {
		return err
	}
	if err := q.mayBind(b); err != nil {
		return err
	}
	if err := v.Bind(b); err != nil {
		return refusal(err)
	}
	q.w.Header().Set("Location", quote(b.Destination)+"/"+quote(propertiesKey(b.Key, b.Args)))
	return q.done(true)
}

// mayBind asks for the permissions of queue.bind and exchange.bind, and their opposites:
// to write to the destination and to read from the source.
func (q *request) mayBind(b broker.Binding) error {
	var err error
	if b.ToExchange {
		err = q.mayExchange(b.Destination, access.Write)
	} else {
		err = q.mayQueue(b.Destination, access.Write)
	}
	if err != nil {
		return err
	}
	return q.mayExchange(b.Source, access.Read)
}

// binding finds the one binding that the path names.
func (q *request) binding() (*broker.VHost, bindingRef, error) {
	pair, err := q.pair()
	if err != nil {
		return nil, bindingRef{}, err
	}
	v, err := q.vhost()
	if err != nil {
		return nil, bindingRef{}, err
	}
	key, hash, err := splitProperties(q.variable("properties"))
	if err != nil {
		return nil, bindingRef{}, err
	}
	for _, b := range bindingsOf(place{q.variable("vhost"), v}) {
		if sameEnds(&b.Binding, &pair) && b.Key == key && argumentsHash(b.Args) == hash {
			return v, b, nil
		}
	}
	return nil, bindingRef{}, errNotFound
}

func (q *request) getBinding() error {
	_, b, err := q.binding()
	if err != nil {
		return err
	}
	return q.reply(func(e *encoder) { writeBinding(e, b) })
}

func (q *request) deleteBinding() error {
	v, b, err := q.binding()
	if err != nil {
		return err
	}
	if err := q.mayBind(b.Binding); err != nil {
		return err
	}
	if err := v.Unbind(b.Binding); err != nil {
		return refusal(err)
	}
	return q.done(false)
}

// propertiesKey names a binding among those of the same ends: its key and, with
// arguments, a tilde and a hash of them; an empty key without arguments is a tilde.
func propertiesKey(key string, args map[string]any) string {
	quoted := strings.ReplaceAll(quote(key), "~", "%7E")
	switch hash := argumentsHash(args); {
	case hash != "":
		return quoted + "~" + quote(hash)
	case quoted == "":
		return "~"
	}
	return quoted
}

// splitProperties is the opposite of propertiesKey.
func splitProperties(s string) (key, hash string, err error) {
	quoted, hash, _ := strings.Cut(s, "~")
	if strings.Contains(hash, "~") {
		return "", "", &failure{http.StatusBadRequest, "bad_request", []any{"too_many_tokens", s}}
	}
	key, err = url.QueryUnescape(quoted)
	if err != nil {
		key, err = quoted, nil // a key that the client has not quoted
	}
	return key, hash, err
}

// argumentsHash is six characters that stand for the arguments of a binding; "" stands
// for none. RabbitMQ's are other ones: clients make nothing of them.
func argumentsHash(args map[string]any) string {
	if len(args) == 0 {
		return ""
	}
	table, err := amqp.TableOf(args)
	if err != nil {
		return ""
	}
	h := fnv.New32a()
	h.Write(amqp.AppendTable(nil, table))
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, h.Sum32()))
}

// quote escapes a text as RabbitMQ does in paths: a space becomes a plus.
func quote(s string) string { return url.QueryEscape(s) }
