package management

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// A router finds routes by the segments of an escaped path. http.ServeMux cannot
// serve this API: its wildcards never match a segment that is %2F, the name of the
// default virtual host, and it redirects paths with empty segments, which name the
// default exchange.
type router struct{ root branch }

// A branch is what is known to follow a prefix of a path.
type branch struct {
	static   map[string]*branch
	variable *branch
	route    *route
}

// A route is a pattern with its methods.
type route struct {
	pattern   string
	variables []string // names, in the order of the pattern
	methods   map[string]*endpoint
	allow     string // the header of that name
}

// An endpoint is one method of a route.
type endpoint struct {
	gate   gate
	handle func(*request) error
}

// methodOrder is RabbitMQ's order in the header allow.
var methodOrder = []string{
	http.MethodHead, http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions,
}

// errBadPath refuses a path whose escapes make no sense.
var errBadPath = errors.New("bad escape in the path")

// add adds a route. Segments in braces are variables.
func (r *router) add(pattern string, methods map[string]*endpoint) {
	at := &r.root
	leaf := &route{pattern: pattern, methods: methods}
	for segment := range strings.SplitSeq(strings.TrimPrefix(pattern, "/"), "/") {
		if strings.HasPrefix(segment, "{") {
			leaf.variables = append(leaf.variables, strings.Trim(segment, "{}"))
			if at.variable == nil {
				at.variable = &branch{}
			}
			at = at.variable
			continue
		}
		if at.static == nil {
			at.static = make(map[string]*branch)
		}
		next := at.static[segment]
		if next == nil {
			next = &branch{}
			at.static[segment] = next
		}
		at = next
	}
	var allowed []string
	for _, method := range methodOrder {
		if _, ok := methods[method]; ok || method == http.MethodOptions {
			allowed = append(allowed, method)
		}
	}
	leaf.allow = strings.Join(allowed, ", ")
	at.route = leaf
}

// maxSegments is more than any route has.
const maxSegments = 16

// match returns the route of an escaped path and the decoded values of its
// variables; a nil route if there is none. One slash at the end does not count.
// Every segment is decoded by itself, so a variable may hold slashes; a plus is a
// plus.
func (r *router) match(escaped string) (*route, []string, error) {
	escaped = strings.TrimSuffix(strings.TrimPrefix(escaped, "/"), "/")
	if strings.Count(escaped, "/") >= maxSegments {
		return nil, nil, nil
	}
	segments := strings.Split(escaped, "/")
	for i, s := range segments {
		decoded, err := url.PathUnescape(s)
		if err != nil {
			return nil, nil, errBadPath
		}
		segments[i] = decoded
	}
	values := make([]string, 0, maxSegments)
	leaf, values := r.root.match(segments, values)
	return leaf, values, nil
}

// match follows the segments, names before variables, and goes back where a name
// leads nowhere: a virtual host may be called "quorum".
func (b *branch) match(segments, values []string) (*route, []string) {
	if len(segments) == 0 {
		return b.route, values
	}
	if next := b.static[segments[0]]; next != nil {
		if leaf, found := next.match(segments[1:], values); leaf != nil {
			return leaf, found
		}
	}
	if b.variable == nil {
		return nil, nil
	}
	return b.variable.match(segments[1:], append(values, segments[0]))
}
