package management

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"

	"github.com/rabbetmq/rabbet/broker/access"
)

// A gate decides whether a user who has logged in may call an endpoint; nil is an endpoint
// that needs no login.
type gate func(*request) error

// The tags of users that open the API. Each includes management.
const (
	tagAdministrator = "administrator"
	tagMonitoring    = "monitoring"
	tagPolicymaker   = "policymaker"
	tagManagement    = "management"
)

// The texts of refusals.
const (
	notManager  = "Not management user"
	notMonitor  = "Not monitor user"
	notAdmin    = "Not administrator user"
	notInVHost  = "User not authorised to access virtual host"
	notOwner    = "User not authorised to access object"
	challenge   = `Basic realm="RabbitMQ Management"`
	onlyLocally = "User can only log in via localhost"
)

func (q *request) hasTag(tags ...string) bool { return slices.ContainsFunc(tags, q.login.HasTag) }

func (q *request) isAdministrator() bool { return q.hasTag(tagAdministrator) }
func (q *request) isMonitor() bool       { return q.hasTag(tagAdministrator, tagMonitoring) }

// anyUser is every user of the API.
func anyUser(*request) error { return nil }

func monitors(q *request) error {
	if q.isMonitor() {
		return nil
	}
	return notAuthorised(notMonitor)
}

func administrators(q *request) error {
	if q.isAdministrator() {
		return nil
	}
	return notAuthorised(notAdmin)
}

// vhostUsers is who may enter the virtual host that the request is about. One that does
// not exist is reported by what looks for it.
func vhostUsers(q *request) error {
	if q.isAdministrator() || q.mayEnterNamed() {
		return nil
	}
	return notAuthorised(notInVHost)
}

// vhostViewers is vhostUsers, and who monitors.
func vhostViewers(q *request) error {
	if q.isMonitor() || q.mayEnterNamed() {
		return nil
	}
	return notAuthorised(notInVHost)
}

// policymakers is who may change policies and parameters of the virtual host.
func policymakers(q *request) error {
	if q.isAdministrator() || q.hasTag(tagPolicymaker) && q.mayEnterNamed() {
		return nil
	}
	return notAuthorised(notOwner)
}

// globalPolicymakers is who may change what belongs to no virtual host.
func globalPolicymakers(q *request) error {
	if q.hasTag(tagAdministrator, tagPolicymaker) {
		return nil
	}
	return notAuthorised(notOwner)
}

// owns lets a user see and close what is its own. Who monitors sees everything, and an
// administrator may close it too.
func (q *request) owns(user string) error {
	switch {
	case q.login.User == user, q.isAdministrator():
		return nil
	case q.r.Method != http.MethodDelete && q.isMonitor():
		return nil
	}
	return notAuthorised(notOwner)
}

// namedVHost is the virtual host that the request is about: that of the path, or else of
// the header X-Vhost; false if it names none.
func (q *request) namedVHost() (string, bool) {
	if slices.Contains(q.route.variables, "vhost") {
		return q.variable("vhost"), true
	}
	name := q.r.Header.Get("X-Vhost")
	return name, name != ""
}

// mayEnterNamed reports whether the user may enter the virtual host that the request is
// about, or whether there is none to be entered.
func (q *request) mayEnterNamed() bool {
	name, named := q.namedVHost()
	if !named {
		return true
	}
	if _, err := q.s.vhost(name); err != nil {
		return true
	}
	return q.mayEnter(name)
}

func (q *request) mayEnter(vhost string) bool {
	return q.s.broker.MayEnter(q.context(), q.login, vhost, q.peer) == nil
}

// may asks for one of AMQP's permissions. Who is trusted could give itself all of them.
func (q *request) may(r access.Resource, op access.Operation) error {
	if q.isTrusted() {
		return nil
	}
	return q.s.broker.MayUse(q.context(), q.login, r, op)
}

// trusted marks a request of Server.Trusted.
type trusted struct{}

func (q *request) isTrusted() bool { return q.r.Context().Value(trusted{}) != nil }

// Trusted serves the API without a login to callers who count as administrators: for a
// socket that nobody but the process's own user can reach.
func (s *Server) Trusted() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), trusted{}, true)))
	})
}

// authenticate logs the caller in by the header Authorization.
func (q *request) authenticate() error {
	if q.isTrusted() {
		q.login = access.Identity{Tags: []string{tagAdministrator}}
		return nil
	}
	user, password, ok := q.r.BasicAuth()
	if !ok {
		// A page that shows a form of its own wants no dialog of the browser's.
		if q.r.Header.Get("X-Requested-With") == "" {
			q.w.Header().Set("WWW-Authenticate", challenge)
		}
		return status(http.StatusUnauthorized)
	}
	return q.logIn(user, password)
}

// logIn checks a name and a password, and that the user has a tag of the API.
func (q *request) logIn(user, password string) error {
	s := q.s
	host := hostOf(q.peer)
	if !s.throttle.enter(host) {
		return status(http.StatusTooManyRequests)
	}
	defer s.throttle.leave(host)
	vhost, _ := q.namedVHost()
	id, err := s.broker.Login(q.context(), access.Credentials{User: user, Password: password, Peer: q.peer, VHost: vhost})
	if err == nil {
		q.login = id
		if q.hasTag(tagAdministrator, tagMonitoring, tagPolicymaker, tagManagement) {
			return nil
		}
		s.attempts.count(host, user, false)
		s.log.Warn("HTTP access denied", "user", user, "reason", notManager)
		return notAuthorised(notManager)
	}
	s.attempts.count(host, user, false)
	s.log.Warn("HTTP access denied", "reason", err.Error(), "client", host)
	s.events.tell(s.clock.Now(), "user.authentication.failure", user)
	s.throttle.slow(q.context(), host)
	var refused *access.LoginError
	if errors.As(err, &refused) && refused.Loopback {
		return notAuthorised(onlyLocally)
	}
	return &failure{http.StatusUnauthorized, "not_authorized", "Not_Authorized"}
}

// hostOf is an address without its port.
func hostOf(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}

// peerOf is the address that a request came from. What is no TCP address counts as
// this machine.
func peerOf(r *http.Request) net.Addr {
	host, port, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return &net.UnixAddr{Name: r.RemoteAddr, Net: "unix"}
	}
	addr, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return &net.UnixAddr{Name: r.RemoteAddr, Net: "unix"}
	}
	return addr
}
