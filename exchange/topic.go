// Topic exchanges: a trie over the words of the binding keys (EXCH-35,
// EXCH-36), walked by all ways at once, so that no pattern can make routing
// cost more than words × nodes, however many `#` it holds.

package exchange

import (
	"iter"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
)

// node stands for the beginning of a binding key, a number of words long.
type node[D comparable] struct {
	here       list[D] // bindings whose key ends here
	parent     *node[D]
	word       string   // the word that leads here from parent; a literal unless parent.star or parent.hash is this node
	star, hash *node[D] // the children for `*` and `#`
	literals   uint32   // the number of children for other words: topic.edges has them
	underHash  bool     // a `#` comes before the last word
}

// edge names the child of a node for a literal word.
type edge[D comparable] struct {
	parent *node[D]
	word   string
}

// topic is the trie. One map holds the edges of all nodes: a map in each node
// would take more room than everything else together.
type topic[D comparable] struct {
	root  node[D]
	edges map[edge[D]]*node[D]
}

func (x *topic[D]) keyOnly() bool { return true }

func (x *topic[D]) attach(e *entry[D], _ amqp.Table) error {
	n := &x.root
	for word := range words(e.key) {
		next := x.child(n, word)
		if next == nil {
			next = x.grow(n, word)
		}
		n = next
	}
	n.here.add(e)
	return nil
}

// detach frees the nodes that lead to no other binding.
func (x *topic[D]) detach(e *entry[D]) {
	n := &x.root
	for word := range words(e.key) {
		n = x.child(n, word)
	}
	n.here.remove(e)
	for n != &x.root && n.here.head == nil && n.star == nil && n.hash == nil && n.literals == 0 {
		x.prune(n)
		n = n.parent
	}
}

// words yields the words of a key; the empty key has none (EXCH-35).
func words(key string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for more := key != ""; more; {
			var word string
			word, key, more = strings.Cut(key, ".")
			if !yield(word) {
				return
			}
		}
	}
}

// child is the node for a word of a binding key, nil if there is none.
func (x *topic[D]) child(n *node[D], word string) *node[D] {
	switch word {
	case "*":
		return n.star
	case "#":
		return n.hash
	}
	return x.edges[edge[D]{n, word}]
}

func (x *topic[D]) grow(n *node[D], word string) *node[D] {
	next := &node[D]{parent: n, word: word, underHash: n.underHash || n.parent != nil && n.parent.hash == n}
	switch word {
	case "*":
		n.star = next
	case "#":
		n.hash = next
	default:
		if x.edges == nil {
			x.edges = make(map[edge[D]]*node[D])
		}
		x.edges[edge[D]{n, word}] = next
		n.literals++
	}
	return next
}

func (x *topic[D]) prune(n *node[D]) {
	switch n {
	case n.parent.star:
		n.parent.star = nil
	case n.parent.hash:
		n.parent.hash = nil
	default:
		n.parent.literals--
		delete(x.edges, edge[D]{n.parent, n.word})
		if len(x.edges) == 0 {
			x.edges = nil // Go's maps never shrink
		}
	}
}

func (x *topic[D]) route(dst []D, m Message) []D {
	dst = x.routeKey(dst, m.Key)
	for _, key := range m.More {
		dst = x.routeKey(dst, key)
	}
	return dst
}

// routeKey reads the key word by word and keeps the set of nodes that the words
// so far lead to. The words of the key are plain: `*` and `#` have no meaning
// in it, and no literal edge bears them (EXCH-36).
func (x *topic[D]) routeKey(dst []D, key string) []D {
	w := walk[D]{edges: x.edges, dst: dst}
	at, next := &w.sets[0], &w.sets[1]
	w.enter(at, &x.root)
	for more := key != ""; more; {
		var word string
		word, key, more = strings.Cut(key, ".")
		if at.len() == 0 && w.loops.len() == 0 {
			return w.dst
		}
		next.reset()
		loops := w.loops.len() // those that this word adds read only the next
		for i := range at.len() {
			w.step(next, at.get(i), word)
		}
		for i := range loops {
			w.step(next, w.loops.get(i), word)
		}
		at, next = next, at
	}
	for i := range at.len() {
		w.dst = at.get(i).here.appendTo(w.dst)
	}
	return w.dst
}

// walk is the state of one route.
//
// A node is entered once per word at most: its parent, the only way to it, is
// left once per word. That does not hold for the `#` nodes, which any number
// of words may pass; but as a `#` node that was reached stays reached, they
// are collected in a set that only grows.
type walk[D comparable] struct {
	edges   map[edge[D]]*node[D]
	dst     []D
	sets    [2]nodes[D]           // where the words lead, `#` nodes aside: by turns for this word and the next
	loops   nodes[D]              // the `#` nodes reached
	looping map[*node[D]]struct{} // the same as loops, once that is too long to search
}

// step follows a word from n.
func (w *walk[D]) step(to *nodes[D], n *node[D], word string) {
	if n.literals > 0 {
		if next := w.edges[edge[D]{n, word}]; next != nil {
			w.enter(to, next)
		}
	}
	if n.star != nil {
		w.enter(to, n.star)
	}
}

// enter reaches n, which is no `#` node, and every `#` that follows it with no
// words. A `#` can take all words that are left, so what ends there matches.
func (w *walk[D]) enter(to *nodes[D], n *node[D]) {
	to.add(n)
	for h := n.hash; h != nil && w.loop(h); h = h.hash {
		w.dst = h.here.appendTo(w.dst)
	}
}

// loop adds a `#` node to those reached and reports whether it is new. Only
// one that comes after another `#` can be reached twice.
func (w *walk[D]) loop(h *node[D]) bool {
	if !h.underHash {
		if h.star != nil || h.literals > 0 {
			w.loops.add(h)
		}
		return true
	}
	if w.reached(h) {
		return false
	}
	w.loops.add(h)
	if w.looping != nil {
		w.looping[h] = struct{}{}
	}
	return true
}

func (w *walk[D]) reached(h *node[D]) bool {
	if w.loops.more == nil {
		for _, l := range w.loops.few[:w.loops.n] {
			if l == h {
				return true
			}
		}
		return false
	}
	if w.looping == nil {
		w.looping = make(map[*node[D]]struct{}, 2*w.loops.len())
		for i := range w.loops.len() {
			w.looping[w.loops.get(i)] = struct{}{}
		}
	}
	_, ok := w.looping[h]
	return ok
}

// nodes is a list that needs no heap until it is longer than keys and bindings
// make it in practice.
type nodes[D comparable] struct {
	few  [16]*node[D]
	n    int // of few
	more []*node[D]
}

func (s *nodes[D]) len() int { return s.n + len(s.more) }
func (s *nodes[D]) reset()   { s.n, s.more = 0, s.more[:0] }

func (s *nodes[D]) add(n *node[D]) {
	if s.n < len(s.few) {
		s.few[s.n] = n
		s.n++
		return
	}
	s.more = append(s.more, n)
}

func (s *nodes[D]) get(i int) *node[D] {
	if i < s.n {
		return s.few[i]
	}
	return s.more[i-s.n]
}
