package management

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/rabbetmq/rabbet/broker/internal/pattern"
)

// A listing is a reply that is a list. Its items are whatever write needs to find an
// object again; what is written of them is made one by one, while the reply is sent.
type listing[T any] struct {
	items []T // in the list's own order
	// name is what the parameter "name" filters by; nil for lists that are not paged.
	name func(T) string
	// write writes the fields of an item; false if it is gone, with nothing written.
	write func(*encoder, T) bool
}

// A page is the part of a list that is asked for, with its figures.
type page struct {
	number, size    int
	total, filtered int
}

// maxPage is the largest page, standardPage the size where none is given.
const (
	maxPage      = 500
	standardPage = 100
)

// list answers with a list: sorted, filtered and cut as the query asks for.
func list[T any](q *request, l listing[T]) error {
	var p *page
	if l.name != nil {
		var err error
		if p, err = q.page(); err != nil {
			return err
		}
	}
	sorted(q, &l)
	if p != nil {
		var err error
		if l.items, err = cut(q, &l, p); err != nil {
			return err
		}
	}
	return q.answer(http.StatusOK, func(e *encoder) error {
		if p == nil {
			e.separate()
			e.buf = append(e.buf, '[')
			return writeItems(q, e, &l)
		}
		wanted := e.columns
		e.columns = nil
		e.open()
		e.num("filtered_count", int64(p.filtered))
		e.num("item_count", int64(len(l.items)))
		e.array("items")
		e.columns = wanted
		if err := writeItems(q, e, &l); err != nil {
			return err
		}
		e.ascend()
		e.columns = nil
		e.num("page", int64(p.number))
		e.num("page_count", int64((p.filtered+p.size-1)/p.size))
		e.num("page_size", int64(p.size))
		e.num("total_count", int64(p.total))
		e.shut()
		return nil
	})
}

// writeItems writes the items and the end of their array.
func writeItems[T any](q *request, e *encoder, l *listing[T]) error {
	for _, item := range l.items {
		start := len(e.buf)
		e.open()
		if !l.write(e, item) {
			e.buf = e.buf[:start]
			continue
		}
		e.shut()
		if err := q.out.flush(e); err != nil {
			return err
		}
	}
	e.buf = append(e.buf, ']')
	return nil
}

// page reads the parameters of paging; nil if the query has none.
func (q *request) page() (*page, error) {
	if !q.query.Has("page") {
		return nil, nil
	}
	p := &page{size: standardPage}
	var ok bool
	if p.number, ok = q.integer("page"); !ok {
		return nil, badRequest("Pagination parameters are invalid")
	}
	size := "undefined"
	if q.query.Has("page_size") {
		if p.size, ok = q.integer("page_size"); !ok {
			return nil, badRequest("Pagination parameters are invalid")
		}
		size = strconv.Itoa(p.size)
	}
	if p.number < 1 || p.size < 1 || p.size > maxPage {
		return nil, &failure{http.StatusBadRequest, "invalid_pagination_parameters",
			"Invalid pagination parameters: page number " + strconv.Itoa(p.number) + ", page size " + size}
	}
	return p, nil
}

// cut filters by name and takes the page out of what is left.
func cut[T any](q *request, l *listing[T], p *page) ([]T, error) {
	matches, err := q.nameFilter()
	if err != nil {
		return nil, err
	}
	items := l.items
	p.total = len(items)
	if matches != nil {
		items = slices.DeleteFunc(items, func(item T) bool { return !matches(l.name(item)) })
	}
	p.filtered = len(items)
	if (p.number-1) > p.filtered/p.size || (p.number-1)*p.size > p.filtered {
		return nil, &failure{http.StatusBadRequest, "page_out_of_range", "Page out of range, page: " +
			strconv.Itoa(p.number) + " page size: " + strconv.Itoa(p.size) + ", len: " + strconv.Itoa(p.filtered)}
	}
	from := (p.number - 1) * p.size
	return items[from:min(from+p.size, p.filtered)], nil
}

// maxPattern bounds the pattern that names are filtered by.
const maxPattern = 2048

// nameFilter is the query's filter; nil if it has none.
func (q *request) nameFilter() (func(string) bool, error) {
	wanted := q.query.Get("name")
	if wanted == "" {
		return nil, nil
	}
	if q.query.Get("use_regex") != "true" {
		wanted = strings.ToLower(wanted)
		return func(name string) bool { return strings.Contains(strings.ToLower(name), wanted) }, nil
	}
	if len(wanted) > maxPattern {
		return nil, badRequest("Pagination parameters are invalid")
	}
	expr, err := pattern.Compile("(?i)" + wanted)
	if err != nil {
		return nil, badRequest("Pagination parameters are invalid")
	}
	return expr.MatchString, nil
}

// A sortKey is a value that lists are sorted by, in the order of Erlang's terms: numbers,
// then words like null and true, then objects and arrays, then strings.
type sortKey struct {
	class  uint8
	number float64
	text   string
}

const (
	sortNumber uint8 = iota
	sortWord
	sortStructure
	sortText
)

func (k sortKey) compare(other sortKey) int {
	return cmp.Or(cmp.Compare(k.class, other.class), cmp.Compare(k.number, other.number), cmp.Compare(k.text, other.text))
}

// sorted sorts a list by the field that the query names; only that field is made of
// each item. What lacks the field counts as zero.
func sorted[T any](q *request, l *listing[T]) {
	path := strings.FieldsFunc(q.query.Get("sort"), func(r rune) bool { return r == '.' })
	if len(path) > 0 && len(path) <= maxSegments {
		type keyed struct {
			key  sortKey
			item T
		}
		list := make([]keyed, len(l.items))
		e := encoder{columns: newColumns()}
		e.columns.add(path)
		byName := l.name != nil && len(path) == 1 && path[0] == "name" // nothing has to be looked up
		for i, item := range l.items {
			if byName {
				list[i] = keyed{sortKey{class: sortText, text: l.name(item)}, item}
				continue
			}
			e.buf = e.buf[:0]
			e.open()
			l.write(&e, item)
			list[i] = keyed{keyOf(e.buf, path), item}
		}
		slices.SortStableFunc(list, func(a, b keyed) int { return a.key.compare(b.key) })
		for i := range list {
			l.items[i] = list[i].item
		}
	}
	if q.flag("sort_reverse") {
		slices.Reverse(l.items)
	}
}

// keyOf takes the one value out of an object that has been written with the columns of
// one path.
func keyOf(written []byte, path []string) sortKey {
	rest := written
	for _, name := range path {
		var ok bool
		if rest, ok = bytes.CutPrefix(rest, []byte(`{"`+name+`":`)); !ok {
			return sortKey{}
		}
	}
	rest = rest[:max(len(rest)-len(path)+1, 0)] // the ends of the objects around it
	if len(rest) == 0 {
		return sortKey{}
	}
	switch c := rest[0]; {
	case c == '"':
		return sortKey{class: sortText, text: strings.Trim(string(rest), `"`)}
	case c == '{' || c == '[':
		return sortKey{class: sortStructure, text: string(rest)}
	case c == '-' || c >= '0' && c <= '9':
		n, err := strconv.ParseFloat(string(rest), 64)
		if err == nil {
			return sortKey{number: n}
		}
	}
	return sortKey{class: sortWord, text: string(rest)}
}
