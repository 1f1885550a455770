package queue

import "slices"

// A roster is a queue's consumers: highest priority first, within one in order of
// subscription. That a consumer leaves costs the same however many there are.
type roster struct {
	ranks []rank // never an empty one
	n     int
}

// A rank is the consumers of one priority.
type rank struct {
	priority int64
	list     []*Subscription // with gaps: those that are gone
	n        int             // of the list, those that are not
}

func (r *roster) find(priority int64) (int, bool) {
	return slices.BinarySearchFunc(r.ranks, priority, func(k rank, p int64) int {
		switch {
		case k.priority > p:
			return -1
		case k.priority < p:
			return 1
		}
		return 0
	})
}

func (r *roster) add(s *Subscription) {
	i, found := r.find(s.Priority)
	if !found {
		r.ranks = slices.Insert(r.ranks, i, rank{priority: s.Priority})
	}
	k := &r.ranks[i]
	k.list = append(k.list, s)
	k.n++
	r.n++
}

// remove takes out a consumer that is gone.
func (r *roster) remove(s *Subscription) {
	const fewGaps = 16
	i, _ := r.find(s.Priority)
	k := &r.ranks[i]
	k.n--
	r.n--
	switch {
	case k.n == 0:
		r.ranks = slices.Delete(r.ranks, i, i+1)
	case len(k.list) > 2*k.n+fewGaps:
		k.list = slices.DeleteFunc(k.list, func(s *Subscription) bool { return s.gone })
	}
}

// first is the first consumer of the highest priority; nil if there is none.
func (r *roster) first() *Subscription {
	if r.n == 0 {
		return nil
	}
	k := &r.ranks[0]
	for k.list[0].gone {
		k.list = k.list[1:]
	}
	return k.list[0]
}

// all lists the consumers.
func (r *roster) all() []*Subscription {
	all := make([]*Subscription, 0, r.n)
	for _, k := range r.ranks {
		for _, s := range k.list {
			if !s.gone {
				all = append(all, s)
			}
		}
	}
	return all
}
