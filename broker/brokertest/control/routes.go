package control

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// A route is one verb.
type route struct {
	method, path string
	query        []string // the parameters that it knows
	text         string
	do           func(r *request) (any, error)
	renews       bool // it puts another broker in place, or changes the time
}

// routes are all verbs.
func routes() []route {
	const vhost = "vhost"
	return []route{
		{method: "GET", path: "/", text: "this list", do: list},
		{method: "GET", path: "/address", text: "where the broker listens, as an AMQP URL", do: address},
		{method: "GET", path: "/time", text: "the broker's time", do: getTime},
		{method: "POST", path: "/time/advance", text: `move a manual clock: {"by":"30m"}`, do: advance, renews: true},
		{method: "POST", path: "/time/set", text: `move a manual clock: {"to":"2030-01-01T00:00:00Z"}`, do: setTime, renews: true},

		{method: "POST", path: "/declare", query: []string{vhost}, text: "exchanges, queues, bindings, policies", do: declare},
		{method: "POST", path: "/publish", query: []string{vhost}, text: "publish a message", do: publish},
		{method: "POST", path: "/get", query: []string{vhost}, text: `take the next message: {"queue":"q"}`, do: get},

		{method: "GET", path: "/topology", query: []string{vhost}, text: "what a virtual host has", do: topology},
		{method: "GET", path: "/queues", query: []string{vhost}, text: "the queues and their numbers", do: queues},
		{method: "GET", path: "/queues/{name}", query: []string{vhost}, text: "the numbers of a queue", do: oneQueue},
		{method: "GET", path: "/queues/{name}/messages", query: []string{vhost}, text: "the messages of a queue", do: messages},
		{method: "DELETE", path: "/queues/{name}", query: []string{vhost}, text: "delete a queue", do: deleteQueue},
		{method: "POST", path: "/queues/{name}/purge", query: []string{vhost}, text: "drop the ready messages", do: purge},
		{method: "POST", path: "/queues/{name}/wait", query: []string{vhost}, text: `wait: {"messages":1,"timeout":"5s"}`,
			do: waitQueue},
		{method: "GET", path: "/delayed/{exchange}", query: []string{vhost}, text: "what waits in a delayed exchange", do: delayed},
		{method: "POST", path: "/delayed/{exchange}/wait", query: []string{vhost}, text: `wait: {"messages":1,"timeout":"5s"}`,
			do: waitDelayed},
		{method: "POST", path: "/delayed/{exchange}/purge", query: []string{vhost}, text: "drop what waits", do: purgeDelayed},
		{method: "DELETE", path: "/delayed/{exchange}/{id}", query: []string{vhost}, text: "drop one message that waits", do: cancelDelayed},
		{method: "GET", path: "/consumers", query: []string{vhost, "queue"}, text: "the consumers", do: consumers},
		{method: "GET", path: "/connections", text: "the connections", do: connections},
		{method: "POST", path: "/connections/kill", text: `reset connections: {"name":"shop"}, {} is all`, do: kill},
		{method: "GET", path: "/publications", query: append([]string{vhost}, publicationQuery...),
			text: "every publish with its fate", do: publications},
		{method: "GET", path: "/dump", text: "the whole broker, for a human", do: dump},

		{method: "GET", path: "/faults", text: "the faults and their hits", do: faults},
		{method: "POST", path: "/faults", text: `add one: {"on":{"method":"basic.publish"},"do":{"action":"nack"}}`, do: addFault},
		{method: "DELETE", path: "/faults", text: "remove all", do: clearFaults},
		{method: "GET", path: "/faults/{id}", text: "one fault", do: oneFault},
		{method: "DELETE", path: "/faults/{id}", text: "remove a fault", do: removeFault},
		{method: "POST", path: "/faults/{id}/wait", text: `wait for hits: {"hits":1,"timeout":"5s"}`, do: waitFault},

		{method: "POST", path: "/users", text: `create or change a user: {"name":"ann","password":"x","tags":["management"]}`, do: addUser},
		{method: "DELETE", path: "/users/{name}", text: "delete a user", do: deleteUser},
		{method: "POST", path: "/permissions", query: []string{vhost}, text: `{"user":"ann","configure":"","write":"^orders","read":".*"}`,
			do: setPermissions},
		{method: "POST", path: "/limits", query: []string{vhost}, text: `of the virtual host, or of a user: {"user":"ann","limits":{"max-channels":3}}`,
			do: setLimits},

		{method: "POST", path: "/alarms", text: `{"alarm":"memory","on":true}`, do: alarm},
		{method: "POST", path: "/disk/fail", text: `fail the next commits: {"commits":1}, -1 is all, 0 none`, do: failDisk},
		{method: "POST", path: "/pause", text: "carry nothing over the network", do: done((*brokertest.Server).Pause)},
		{method: "POST", path: "/resume", text: "end a pause", do: done((*brokertest.Server).Resume)},
		{method: "POST", path: "/restart", text: "stop in order and start again", do: do((*brokertest.Server).Restart), renews: true},
		{method: "POST", path: "/stop", text: "stop in order, and turn clients away", do: do((*brokertest.Server).Stop), renews: true},
		{method: "POST", path: "/start", text: "start again after /stop", do: do((*brokertest.Server).Start), renews: true},
		{method: "POST", path: "/crash", text: "die and start again", do: do((*brokertest.Server).Crash), renews: true},
		{method: "POST", path: "/reset", text: "drop everything", do: reset, renews: true},
	}
}

// list is what there is.
func list(*request) (any, error) {
	type verb struct {
		Method string   `json:"method"`
		Path   string   `json:"path"`
		Query  []string `json:"query,omitempty"`
		Text   string   `json:"text"`
	}
	var all []verb
	for _, r := range routes() {
		all = append(all, verb{r.method, r.path, r.query, r.text})
	}
	return all, nil
}

// find is the route of a request with the values of its path's parts. If there is
// none for the method, allowed are those that there are.
func find(method, path string) (found *route, params map[string]string, allowed []string) {
	have := strings.Split(path, "/")
	for _, r := range routes() {
		values, ok := match(strings.Split(r.path, "/"), have)
		switch {
		case !ok:
		case r.method == method:
			return &r, values, nil
		default:
			allowed = append(allowed, r.method)
		}
	}
	return nil, nil, allowed
}

func match(want, have []string) (map[string]string, bool) {
	if len(want) != len(have) {
		return nil, false
	}
	values := map[string]string{}
	for i, w := range want {
		if name, isParam := strings.CutPrefix(w, "{"); isParam {
			value, err := url.PathUnescape(have[i])
			if err != nil || value == "" {
				return nil, false
			}
			values[strings.TrimSuffix(name, "}")] = value
		} else if w != have[i] {
			return nil, false
		}
	}
	return values, true
}

// A request is one request to a verb.
type request struct {
	*http.Request
	s      *Server
	params map[string]string
}

// do is a verb without arguments.
func do(verb func(*brokertest.Server) error) func(*request) (any, error) {
	return func(r *request) (any, error) {
		if err := r.read(&struct{}{}); err != nil {
			return nil, err
		}
		return nil, verb(r.s.Broker)
	}
}

// done is a verb without arguments that cannot fail.
func done(verb func(*brokertest.Server)) func(*request) (any, error) {
	return do(func(s *brokertest.Server) error {
		verb(s)
		return nil
	})
}

// checkQuery refuses parameters that a verb does not know, and those given twice.
func (r *request) checkQuery(known []string) error {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return bad("query: %v", err)
	}
	for name, values := range q {
		if !slices.Contains(known, name) {
			return bad("unknown query parameter %q: known are %q", name, known)
		}
		if len(values) > 1 {
			return bad("query parameter %q is given %d times", name, len(values))
		}
	}
	return nil
}

// maxBody is the most bytes that a request may have.
const maxBody = 64 << 20

// read decodes the body, which may be empty for {}. An unknown field is refused,
// as is anything behind the value.
func (r *request) read(into any) error {
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	d.DisallowUnknownFields()
	d.UseNumber()
	switch err := d.Decode(into); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return bad("%s", inJSON(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return bad("there is something behind the JSON value")
	}
	return nil
}

// inJSON says what is wrong with a body in the words of JSON: who sent it need not
// know Go.
func inJSON(err error) string {
	var t *json.UnmarshalTypeError
	if !errors.As(err, &t) {
		return strings.TrimPrefix(err.Error(), "json: ")
	}
	wanted := t.Type
	for wanted.Kind() == reflect.Pointer {
		wanted = wanted.Elem()
	}
	text := fmt.Sprintf("expected %s, not %s", kindNames[wanted.Kind()], article(t.Value))
	if field := strings.TrimPrefix(strings.ToLower(t.Field), "content."); field != "" {
		text = field + ": " + text
	}
	return text
}

// kindNames are JSON's names for what a field takes.
var kindNames = map[reflect.Kind]string{
	reflect.String: "text", reflect.Bool: "true or false", reflect.Struct: "an object", reflect.Map: "an object",
	reflect.Slice: "a list", reflect.Int: "a whole number", reflect.Uint8: "a number from 0 to 255",
	reflect.Uint16: "a number from 0 to 65535", reflect.Uint64: "a whole number that is not negative",
	reflect.Float64: "a number",
}

// article puts a or an before one of JSON's kinds, or shows a value as it is.
func article(value string) string {
	switch value {
	case "string":
		return "text"
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "number", "bool":
		return "a " + value
	}
	return value // such as "number 1.5"
}

// vhost is the virtual host of ?vhost=, which must exist; the default one without.
func (r *request) vhost() (*brokertest.ServerVHost, error) {
	name := r.URL.Query().Get("vhost")
	v, err := r.s.Broker.Lookup(name)
	if err != nil {
		return nil, missing("there is no virtual host %q", name)
	}
	return v, nil
}

// queue is the virtual host and the queue of the path, which must exist.
func (r *request) queue() (*brokertest.ServerVHost, string, error) {
	v, err := r.vhost()
	if err != nil {
		return nil, "", err
	}
	name := r.params["name"]
	if _, err := v.Counts(name); err != nil {
		return nil, "", missing("%v", err)
	}
	return v, name, nil
}

// A duration is a time.Duration as text, such as "1m30s".
type duration time.Duration

func (d *duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf(`a duration is text such as "1m30s", not %s`, data)
	}
	v, err := time.ParseDuration(text)
	*d = duration(v)
	return err
}

func (d duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// defaultTimeout is how long a wait takes that does not say so.
const defaultTimeout = 5 * time.Second

func (d duration) orDefault() time.Duration { return cmp.Or(time.Duration(d), defaultTimeout) }
