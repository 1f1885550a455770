package management

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/broker/access"
)

// A request is one call of the API under way.
type request struct {
	s         *Server
	w         http.ResponseWriter
	r         *http.Request
	route     *route
	variables []string // values, in the order of route.variables
	query     url.Values
	login     access.Identity
	peer      net.Addr
	out       *responder
}

// variable is the decoded value of one of the route's variables; "" for one that it
// does not have.
func (q *request) variable(name string) string {
	if i := slices.Index(q.route.variables, name); i >= 0 {
		return q.variables[i]
	}
	return ""
}

// exchange is a variable that names an exchange. The default one goes by a name of its
// own in paths.
func (q *request) exchange(variable string) string {
	if name := q.variable(variable); name != "amq.default" {
		return name
	}
	return ""
}

// flag reports whether a parameter of the query is "true".
func (q *request) flag(name string) bool { return q.query.Get(name) == "true" }

// integer is a parameter of the query; false if it is absent or no integer.
func (q *request) integer(name string) (int, bool) {
	n, err := strconv.Atoi(q.query.Get(name))
	return n, err == nil
}

// bounded is a parameter of the query within limits; a value outside of them is
// refused.
func (q *request) bounded(name string, standard, least, most int) (int, error) {
	if !q.query.Has(name) {
		return standard, nil
	}
	n, ok := q.integer(name)
	if !ok || n < least || n > most {
		return 0, badRequest(name + " must be an integer from " + strconv.Itoa(least) + " to " + strconv.Itoa(most))
	}
	return n, nil
}

// Limits of what a query may hold.
const (
	maxQuery      = 64 << 10
	maxParameters = 1000
)

// parseQuery reads the query. What has a bad escape is left out, as RabbitMQ's parser
// has no use for it either.
func parseQuery(raw string) (url.Values, error) {
	if len(raw) > maxQuery || strings.Count(raw, "&") > maxParameters {
		return nil, badRequest("query is too long")
	}
	values := make(url.Values)
	for part := range strings.SplitSeq(raw, "&") {
		key, value, _ := strings.Cut(part, "=")
		k, err := url.QueryUnescape(key)
		if err != nil || k == "" {
			continue
		}
		v, err := url.QueryUnescape(value)
		if err != nil {
			continue
		}
		values[k] = append(values[k], v)
	}
	return values, nil
}

// bodyTimeout is how long a request's body may take to arrive.
const bodyTimeout = time.Minute

// readBody reads the whole body, within the limits on size and time.
func (q *request) readBody() ([]byte, error) {
	control := http.NewResponseController(q.w)
	_ = control.SetReadDeadline(q.s.wall.Now().Add(bodyTimeout)) // a recorder in a test has none
	body, err := io.ReadAll(http.MaxBytesReader(q.w, q.r.Body, q.s.cfg.MaxBodySize))
	_ = control.SetReadDeadline(time.Time{})
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		q.s.log.Warn("HTTP API: request body exceeds the limit", "limit", q.s.cfg.MaxBodySize, "path", q.r.URL.Path)
		return nil, badRequest("Exceeded HTTP request body size limit")
	case err != nil:
		return nil, status(http.StatusRequestTimeout)
	}
	return body, nil
}

// body reads the body as an object. An empty one, null and the word undefined are
// empty objects.
func (q *request) body() (object, error) {
	raw, err := q.readBody()
	if err != nil {
		return nil, err
	}
	return parseObject(raw)
}

func parseObject(raw []byte) (object, error) {
	switch strings.TrimSpace(string(raw)) {
	case "", "null", "undefined":
		return object{}, nil
	}
	v, err := decodeJSON(raw)
	if err != nil {
		return nil, badRequest("not_json")
	}
	switch v := v.(type) {
	case map[string]any:
		return v, nil
	case string:
		return nil, badRequest("invalid payload: the request body JSON-decoded to a string. " +
			"Is the input doubly-JSON-encoded?")
	}
	return nil, badRequest("not_json")
}

// require reads the body and refuses it unless it has all the keys.
func (q *request) require(keys ...string) (object, error) {
	body, err := q.body()
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, key := range keys {
		if _, ok := body[key]; !ok {
			missing = append(missing, key)
		}
	}
	if missing != nil {
		return nil, keysMissing(missing)
	}
	return body, nil
}

// mediaType is the type of the body without its parameters.
func (q *request) mediaType() (string, map[string]string) {
	kind, parameters, err := mime.ParseMediaType(q.r.Header.Get("Content-Type"))
	if err != nil {
		return "", nil
	}
	return kind, parameters
}

// context ends with the request.
func (q *request) context() context.Context { return q.r.Context() }
