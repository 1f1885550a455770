// The two exchange types that need no matching: direct looks the routing key
// up, fanout takes everything.

package exchange

import "github.com/rabbetmq/rabbet/amqp"

// direct routes to the bindings whose key equals the routing key, byte by byte
// (EXCH-34).
type direct[D comparable] struct {
	byKey map[string]list[D]
}

func (x *direct[D]) attach(e *entry[D], _ amqp.Table) error {
	if x.byKey == nil {
		x.byKey = make(map[string]list[D])
	}
	l := x.byKey[e.key]
	l.add(e)
	x.byKey[e.key] = l
	return nil
}

func (x *direct[D]) detach(e *entry[D]) {
	l := x.byKey[e.key]
	l.remove(e)
	if l.head != nil {
		x.byKey[e.key] = l
		return
	}
	delete(x.byKey, e.key)
	if len(x.byKey) == 0 {
		x.byKey = nil // Go's maps never shrink
	}
}

func (x *direct[D]) keyOnly() bool { return true }

func (x *direct[D]) route(dst []D, m Message) []D {
	dst = x.byKey[m.Key].appendTo(dst)
	for _, key := range m.More {
		dst = x.byKey[key].appendTo(dst)
	}
	return dst
}

// fanout routes to every binding, whatever its key and arguments (EXCH-34).
type fanout[D comparable] struct {
	all list[D]
}

func (x *fanout[D]) attach(e *entry[D], _ amqp.Table) error {
	x.all.add(e)
	return nil
}

func (x *fanout[D]) detach(e *entry[D])           { x.all.remove(e) }
func (x *fanout[D]) route(dst []D, _ Message) []D { return x.all.appendTo(dst) }
func (x *fanout[D]) keyOnly() bool                { return true }
