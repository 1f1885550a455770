package management

import (
	"slices"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/definitions"
	"github.com/rabbetmq/rabbet/broker/shovel"
)

func (s *Server) addShovelRoutes() {
	s.route("/shovels", get(monitors, (*request).listShovels))
	s.route("/shovels/{vhost}", get(monitors, (*request).listShovels))
	s.route("/shovels/vhost/{vhost}/{name}", get(monitors, (*request).getShovel), remove(monitors, (*request).deleteShovel))
	s.route("/shovels/vhost/{vhost}/{name}/restart", remove(monitors, (*request).restartShovel))
	for _, pattern := range []string{
		"/federation-links", "/federation-links/{vhost}", "/federation-links/state/down",
		"/federation-links/{vhost}/state/down",
	} {
		s.route(pattern, get(monitors, (*request).empty))
	}
}

// listShovels lists the shovels of the virtual hosts that the user may enter (SHOVEL-9).
func (q *request) listShovels() error {
	vhost, named := q.namedVHost()
	if named {
		if _, err := q.s.vhost(vhost); err != nil {
			return err
		}
	}
	var shovels []shovel.Status
	if m := q.s.cfg.Shovels; m != nil {
		shovels = m.Shovels()
	}
	shovels = slices.DeleteFunc(shovels, func(st shovel.Status) bool {
		return named && st.VHost != vhost || !q.seesShovels(st.VHost)
	})
	return list(q, listing[shovel.Status]{
		items: shovels, name: func(st shovel.Status) string { return st.Name },
		write: func(e *encoder, st shovel.Status) bool {
			q.writeShovel(e, &st)
			return true
		},
	})
}

// seesShovels reports whether the user may know of a virtual host's shovels: an
// administrator too must be able to enter it.
func (q *request) seesShovels(vhost string) bool { return q.isTrusted() || q.mayEnter(vhost) }

func (q *request) writeShovel(e *encoder, st *shovel.Status) {
	e.str("node", q.s.cfg.NodeName)
	e.str("timestamp", st.Timestamp())
	e.str("name", st.Name)
	e.str("vhost", st.VHost)
	e.str("type", "dynamic")
	e.str("state", string(st.State))
	if st.State == shovel.Terminated {
		e.str("reason", st.Reason)
	}
	if st.Source != "" {
		e.str("src_uri", st.Source)
		e.str("src_protocol", "amqp091")
		e.str("dest_protocol", "amqp091")
		e.str("dest_uri", st.Target)
	}
	for _, end := range st.Endpoints {
		e.str(end.Name, end.Value)
	}
	e.num("forwarded", int64(st.Forwarded))
	e.num("pending", int64(st.Pending))
}

// shovel finds the shovel that the path names, among those that the user may see.
func (q *request) shovel() (*broker.VHost, broker.Parameter, error) {
	v, err := q.vhost()
	if err != nil || !q.seesShovels(v.Name()) {
		return nil, broker.Parameter{}, errNotFound
	}
	p, ok := v.Parameter(shovel.Component, q.variable("name"))
	if !ok {
		return v, p, errNotFound
	}
	return v, p, nil
}

// getShovel is the parameter, as from 3.13 on (SHOVEL-10).
func (q *request) getShovel() error {
	_, p, err := q.shovel()
	if err != nil {
		return err
	}
	return q.reply(func(e *encoder) { q.writeParameter(e, p) })
}

// deleteShovel is content with a shovel that is not there, as from 3.13 on (SHOVEL-10).
func (q *request) deleteShovel() error {
	v, p, err := q.shovel()
	if v == nil {
		return err
	}
	if err == nil {
		v.DeleteParameter(shovel.Component, p.Name)
	}
	return q.done(false)
}

func (q *request) restartShovel() error {
	v, p, err := q.shovel()
	if err != nil {
		return err
	}
	if m := q.s.cfg.Shovels; m == nil || !m.Restart(v.Name(), p.Name) {
		return errNotFound
	}
	return q.done(false)
}

// withURIs are the components whose values have URIs with passwords.
var withURIs = []string{shovel.Component, "federation-upstream"}

// shown is a parameter without the passwords in its URIs, unless the process's own user
// asks, who can read the data folder, or an administrator says so by credentials=show.
func (q *request) shown(p broker.Parameter) broker.Parameter {
	if slices.Contains(withURIs, p.Component) && !q.seesCredentials() {
		p.Value = shovel.Mask(p.Value)
	}
	return p
}

func (q *request) seesCredentials() bool {
	return q.isTrusted() || q.isAdministrator() && q.query.Get("credentials") == "show"
}

// hidden leaves out of definitions what shown leaves out of parameters.
func (q *request) hidden(d *definitions.Document) {
	for i, p := range d.Parameters {
		d.Parameters[i].Value = q.shown(broker.Parameter{Component: p.Component, Value: p.Value}).Value
	}
}

// restored puts the passwords back into a value that was shown without them, if it is that
// of a parameter which is there.
func (q *request) restored(p broker.Parameter) broker.Parameter {
	if !slices.Contains(withURIs, p.Component) {
		return p
	}
	v, err := q.s.vhost(p.VHost)
	if err != nil {
		return p
	}
	if had, ok := v.Parameter(p.Component, p.Name); ok {
		p.Value = shovel.Unmask(p.Value, had.Value)
	}
	return p
}
