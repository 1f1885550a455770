package management

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// keptEvents is how many events can be asked for again.
const keptEvents = 1000

// eventInterval is how often the broker is looked at while somebody follows events. What
// comes and goes in between is not seen.
const eventInterval = time.Second

// eventPause bounds what that costs: so long for each thing there is lies between two looks,
// which take about a hundredth of it. The time that a look took would say more of a busy
// machine than of the broker, and put off the next one for long.
const eventPause = 300 * time.Microsecond

// A thing is something whose coming and going is an event.
type thing struct{ kind, vhost, name string }

// A thingState is what is told of a thing. A change of value is an event for things that
// are set.
type thingState struct{ user, value string }

// An event is one change.
type event struct {
	id   uint64
	at   int64
	kind string
	thing
	user string
}

// events finds out what has changed, and keeps the last changes. While nobody follows
// them nothing is done.
type events struct {
	mu     sync.Mutex
	last   uint64 // the newest ID
	kept   []event
	known  map[thing]thingState // nil while nobody follows
	looked time.Time
	every  time.Duration // between looks
}

// since are the events after an ID, and how many of them are not kept any more.
func (v *events) since(id uint64) (list []event, missed uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.kept) == 0 || id >= v.last {
		return nil, 0
	}
	if first := v.kept[0].id; id+1 < first {
		missed = first - id - 1
		id = first - 1
	}
	return slices.Clone(v.kept[len(v.kept)-int(v.last-id):]), missed
}

func (v *events) newest() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.last
}

// add keeps an event. Called with the lock held.
func (v *events) add(e event) {
	v.last++
	e.id = v.last
	if len(v.kept) == keptEvents {
		v.kept = append(v.kept[:0], v.kept[1:]...)
	}
	v.kept = append(v.kept, e)
}

// tell keeps an event that is no change of things.
func (v *events) tell(at time.Time, kind, name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.add(event{at: millis(at), kind: kind, thing: thing{name: name}})
}

// look compares the broker with what it was, unless somebody has done so a moment ago.
func (v *events) look(s *Server) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := s.wall.Now()
	if v.known != nil && now.Sub(v.looked) < v.every {
		return
	}
	stale := now.Sub(v.looked) > 10*max(v.every, eventInterval)
	v.looked = now
	things := s.things()
	v.every = max(eventInterval, time.Duration(len(things))*eventPause)
	if v.known == nil || stale { // nobody has looked: this is where it begins
		v.known = things
		return
	}
	v.compare(s.clock.Now(), things)
	v.known = things
}

// endings are what the going of each kind is called.
var endings = map[string]string{
	"connection": "closed", "channel": "closed", "policy": "cleared", "parameter": "cleared", "alarm": "cleared",
}

// beginnings are what the coming of each kind is called.
var beginnings = map[string]string{"policy": "set", "parameter": "set", "alarm": "set"}

func (v *events) compare(now time.Time, things map[thing]thingState) {
	at := millis(now)
	verb := func(kind string, words map[string]string, standard string) string {
		if word, ok := words[kind]; ok {
			return kind + "." + word
		}
		return kind + "." + standard
	}
	sorted := func(m map[thing]thingState) []thing {
		return slices.SortedFunc(maps.Keys(m), func(a, b thing) int {
			return compareText(a.kind+a.vhost+a.name, b.kind+b.vhost+b.name)
		})
	}
	for _, t := range sorted(v.known) {
		if _, there := things[t]; !there {
			v.add(event{at: at, kind: verb(t.kind, endings, "deleted"), thing: t, user: v.known[t].user})
		}
	}
	for _, t := range sorted(things) {
		was, known := v.known[t]
		switch {
		case !known:
			v.add(event{at: at, kind: verb(t.kind, beginnings, "created"), thing: t, user: things[t].user})
		case was.value != things[t].value && t.kind == "user":
			v.add(event{at: at, kind: "user.changed", thing: t})
		case was.value != things[t].value:
			v.add(event{at: at, kind: verb(t.kind, beginnings, "created"), thing: t, user: things[t].user})
		}
	}
}

// things are all that there is.
func (s *Server) things() map[thing]thingState {
	m := make(map[thing]thingState)
	for _, p := range s.open(s.broker.VHosts()) {
		m[thing{"vhost", p.name, p.name}] = thingState{}
		for _, x := range p.Exchanges() {
			m[thing{"exchange", p.name, x.Name}] = thingState{}
		}
		for _, name := range p.QueueNames() {
			m[thing{"queue", p.name, name}] = thingState{}
		}
		for _, b := range p.Bindings() {
			if b.Source == "" {
				continue // comes and goes with its queue, as RabbitMQ's events have it
			}
			to := "q/"
			if b.ToExchange {
				to = "e/"
			}
			m[thing{"binding", p.name, b.Source + " -> " + to + b.Destination + " (" + propertiesKey(b.Key, b.Args) + ")"}] = thingState{}
		}
		for _, policy := range p.Policies() {
			m[thing{"policy", p.name, policy.Name}] = thingState{value: string(appendValue([]byte(policy.Pattern), policy.Definition))}
		}
		for _, param := range p.Parameters("") {
			m[thing{"parameter", p.name, param.Component + "/" + param.Name}] = thingState{value: string(param.Value)}
		}
	}
	s.clientThings(m)
	for _, u := range s.broker.Users() {
		m[thing{"user", "", u.Name}] = thingState{value: u.PasswordHash + string(appendValue(nil, toAny(u.Tags)))}
	}
	for _, p := range s.broker.Permissions("", "") {
		m[thing{"permission", p.VHost, p.User}] = thingState{value: p.Configure + "\x00" + p.Write + "\x00" + p.Read}
	}
	for _, name := range s.alarms() {
		m[thing{"alarm", "", name}] = thingState{}
	}
	return m
}

func toAny(list []string) []any {
	values := make([]any, len(list))
	for i, s := range list {
		values[i] = s
	}
	return values
}

// clientThings adds connections, channels and consumers.
func (s *Server) clientThings(m map[thing]thingState) {
	conns := s.broker.Connections()
	for i := range conns {
		c := &conns[i]
		by := thingState{user: c.User}
		m[thing{"connection", c.VHost, c.ID}] = by
		for k := range c.Channels {
			ch := channelRef{c, &c.Channels[k]}
			m[thing{"channel", c.VHost, ch.id()}] = by
			for _, consumer := range ch.Consumers {
				m[thing{"consumer", c.VHost, consumer.Tag + " (" + consumer.Queue + ", " + ch.id() + ")"}] = by
			}
		}
	}
}

// followEvents sends what changes.
func (q *request) followEvents() error {
	vhost := q.query.Get("vhost")
	if vhost != "" {
		if _, err := q.enter(vhost); err != nil {
			return err
		}
	}
	v := &q.s.events
	v.look(q.s)
	at := v.newest()
	resume := q.r.Header.Get("Last-Event-ID")
	if resume == "" {
		resume = q.query.Get("since")
	}
	if id, err := strconv.ParseUint(resume, 10, 64); err == nil && id <= at {
		at = id
	}
	kinds := q.query["type"]
	if q.flag("poll") {
		return q.pollEvents(at, vhost, kinds)
	}
	out, err := q.stream()
	if err != nil {
		return err
	}
	defer out.end()
	// The first answer comes at once, so that a page knows whether a proxy holds it back.
	for quiet := pingInterval; ; {
		v.look(q.s)
		list, missed := v.since(at)
		sent, err := q.sendEvents(out, list, missed, vhost, kinds)
		if err != nil {
			return nil // the client has gone
		}
		if len(list) > 0 {
			at = list[len(list)-1].id
		}
		if quiet += eventInterval; sent {
			quiet = 0
		}
		if quiet >= pingInterval {
			quiet = 0
			if out.ping() != nil {
				return nil
			}
		}
		if out.wait(nil, eventInterval) != nil {
			return nil
		}
	}
}

// pollEvents answers with what there is, for those whose proxy keeps back a stream. The
// next question's since is in the answer.
func (q *request) pollEvents(at uint64, vhost string, kinds []string) error {
	list, missed := q.s.events.since(at)
	if len(list) > 0 {
		at = list[len(list)-1].id
	}
	return q.reply(func(e *encoder) {
		if e.array("events") {
			for i := range list {
				if ev := &list[i]; q.wantsEvent(ev, vhost, kinds) {
					e.open()
					e.count("id", ev.id)
					e.str("type", ev.kind)
					ev.write(e)
					e.shut()
				}
			}
			e.endArray()
		}
		e.count("missed", missed)
		e.count("since", at)
	})
}

// wantsEvent reports whether the user asks for an event, and may see it.
func (q *request) wantsEvent(ev *event, vhost string, kinds []string) bool {
	return (vhost == "" || ev.vhost == vhost) && (len(kinds) == 0 || slices.Contains(kinds, ev.kind)) && q.maySee(ev)
}

func (ev *event) write(e *encoder) {
	e.num("at", ev.at)
	e.strOrNull("vhost", ev.vhost)
	e.strOrNull("name", ev.name)
	e.strOrNull("user", ev.user)
}

func (q *request) sendEvents(out *stream, list []event, missed uint64, vhost string, kinds []string) (sent bool, err error) {
	if missed > 0 {
		if err := out.send("gap", 0, func(e *encoder) { e.count("missed", missed) }); err != nil {
			return false, err
		}
	}
	for i := range list {
		ev := &list[i]
		if !q.wantsEvent(ev, vhost, kinds) {
			continue
		}
		sent = true
		if err := out.send(ev.kind, ev.id, ev.write); err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// maySee reports whether the user may know of an event: who monitors of all, others of
// what is in their virtual hosts, and of clients' their own.
func (q *request) maySee(ev *event) bool {
	switch {
	case q.isMonitor():
		return true
	case ev.vhost == "" || ev.thing.kind == "permission":
		return false
	case ev.user != "" && ev.user != q.login.User:
		return false
	}
	return q.mayEnter(ev.vhost)
}
