package control

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// A matching is a brokertest.Match; what is not given matches all.
type matching struct {
	Method     string   `json:"method"`
	Exchange   *string  `json:"exchange"`
	Key        *string  `json:"key"`
	Queue      *string  `json:"queue"`
	VHost      *string  `json:"vhost"`
	Connection *string  `json:"connection"`
	User       *string  `json:"user"`
	Nth        []int    `json:"nth"`
	From       int      `json:"from"`
	Every      int      `json:"every"`
	Times      int      `json:"times"`
	Chance     *float64 `json:"chance"`
	Seed       uint64   `json:"seed"`
}

func (m *matching) match() brokertest.Match {
	on := brokertest.On(m.Method)
	for _, c := range []struct {
		value *string
		add   func(brokertest.Match, string) brokertest.Match
	}{
		{m.Exchange, brokertest.Match.Exchange}, {m.Key, brokertest.Match.Key}, {m.Queue, brokertest.Match.Queue},
		{m.VHost, brokertest.Match.VHost}, {m.Connection, brokertest.Match.Connection}, {m.User, brokertest.Match.User},
	} {
		if c.value != nil {
			on = c.add(on, *c.value)
		}
	}
	on = on.Nth(m.Nth...).From(m.From).Every(m.Every).Times(m.Times)
	if m.Chance != nil {
		on = on.Chance(*m.Chance, m.Seed)
	}
	return on
}

// A doing is a brokertest.Action.
type doing struct {
	Action string   `json:"action"`
	Code   uint16   `json:"code"`
	Text   string   `json:"text"`
	After  duration `json:"after"`
}

// actions are those that need no more than their name.
var actions = map[string]func() brokertest.Action{
	"delay":             func() brokertest.Action { return brokertest.Delay(0) },
	"swallow":           brokertest.Swallow,
	"nack":              brokertest.Nack,
	"return-unroutable": brokertest.ReturnUnroutable,
	"drop-confirm":      brokertest.DropConfirm,
	"reset-tcp":         brokertest.ResetTCP,
	"corrupt":           brokertest.Corrupt,
	"corrupt-body":      brokertest.CorruptBody,
	"deliver-twice":     brokertest.DeliverTwice,
	"refuse-login":      brokertest.RefuseLogin,
}

func (d *doing) action() (brokertest.Action, error) {
	var a brokertest.Action
	switch d.Action {
	case "close-channel":
		a = brokertest.CloseChannel(d.Code, d.Text)
	case "close-connection":
		a = brokertest.CloseConnection(d.Code, d.Text)
	case "block-connection":
		a = brokertest.BlockConnection(d.Text)
	default:
		named := actions[d.Action]
		if named == nil {
			known := append(slices.Collect(maps.Keys(actions)), "close-channel", "close-connection", "block-connection")
			slices.Sort(known)
			return a, bad("unknown action %q: known are %q", d.Action, known)
		}
		if a = named(); d.Text != "" {
			return a, bad("%s takes no text", d.Action)
		}
	}
	closes := d.Action == "close-channel" || d.Action == "close-connection"
	switch {
	case closes && d.Code == 0:
		return a, bad("%s needs a code, such as 404", d.Action)
	case !closes && d.Code != 0:
		return a, bad("%s takes no code", d.Action)
	case d.Action == "delay" && d.After <= 0:
		return a, bad(`say for how long: {"action":"delay","after":"2s"}`)
	case d.After < 0:
		return a, bad("after is negative")
	}
	return a.After(time.Duration(d.After)), nil
}

// A faultState is a fault and its hits.
type faultState struct {
	ID      int    `json:"id"`
	Fault   string `json:"fault"`
	Hits    int    `json:"hits"`
	Removed bool   `json:"removed"`
}

func faultOf(id int, f *brokertest.Fault) faultState {
	return faultState{id, f.String(), f.Hits(), f.Removed()}
}

func addFault(r *request) (any, error) {
	var in struct {
		On matching
		Do doing
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	do, err := in.Do.action()
	if err != nil {
		return nil, err
	}
	f, err := r.s.Broker.Fault(in.On.match(), do)
	if err != nil {
		return nil, err
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.s.lastID++
	r.s.faults[r.s.lastID] = f
	return faultOf(r.s.lastID, f), nil
}

func faults(r *request) (any, error) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	list := []faultState{}
	for _, id := range slices.Sorted(maps.Keys(r.s.faults)) {
		list = append(list, faultOf(id, r.s.faults[id]))
	}
	return list, nil
}

// fault is the fault of the path.
func (r *request) fault() (int, *brokertest.Fault, error) {
	id, err := strconv.Atoi(r.params["id"])
	if err != nil {
		return 0, nil, bad("a fault's id is a number, not %q", r.params["id"])
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	f := r.s.faults[id]
	if f == nil {
		return 0, nil, missing("there is no fault %d", id)
	}
	return id, f, nil
}

func oneFault(r *request) (any, error) {
	id, f, err := r.fault()
	if err != nil {
		return nil, err
	}
	return faultOf(id, f), nil
}

// removeFault ends a fault. Its hits can still be asked for.
func removeFault(r *request) (any, error) {
	id, f, err := r.fault()
	if err != nil {
		return nil, err
	}
	f.Remove()
	return faultOf(id, f), nil
}

func clearFaults(r *request) (any, error) {
	r.s.Broker.ClearFaults()
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	clear(r.s.faults)
	return nil, nil
}

func waitFault(r *request) (any, error) {
	id, f, err := r.fault()
	if err != nil {
		return nil, err
	}
	in := struct {
		Hits    int
		Timeout duration
	}{Hits: 1}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), in.Timeout.orDefault())
	defer cancel()
	if err := f.Wait(ctx, in.Hits); err != nil {
		return nil, &status{http.StatusConflict, err.Error()}
	}
	return faultOf(id, f), nil
}
