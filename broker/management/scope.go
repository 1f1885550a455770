package management

import (
	"slices"

	"github.com/rabbetmq/rabbet/broker"
)

// vhost finds the virtual host in the path.
func (q *request) vhost() (*broker.VHost, error) {
	name := q.variable("vhost")
	if name == "" && q.route.pattern == "/queues/{vhost}" { // clients that mean the default one
		name = "/"
	}
	return q.s.vhost(name)
}

// namedQueue is the queue that the path names, with its virtual host.
func (q *request) namedQueue() (*broker.VHost, string, error) {
	v, err := q.vhost()
	if err != nil {
		return nil, "", err
	}
	name := q.variable("queue")
	if _, ok := v.Queue(name); !ok {
		return nil, "", errNotFound
	}
	return v, name, nil
}

// vhost finds a virtual host. "" is none.
func (s *Server) vhost(name string) (*broker.VHost, error) {
	if name == "" {
		return nil, errNotFound
	}
	v, err := s.broker.VHost(name)
	if err != nil {
		return nil, errNotFound
	}
	return v, nil
}

// A place is a virtual host with its name.
type place struct {
	name string
	*broker.VHost
}

// places are the virtual hosts that a list is about: the one that the request names, or
// all those that the user may enter.
func (q *request) places() ([]place, error) {
	if name, named := q.namedVHost(); named {
		if name == "" && q.route.pattern == "/queues/{vhost}" {
			name = "/"
		}
		v, err := q.s.vhost(name)
		if err != nil || !q.isAdministrator() && !q.mayEnter(name) {
			return nil, errNotFound
		}
		return []place{{name, v}}, nil
	}
	names := q.s.broker.VHosts()
	if !q.isAdministrator() {
		names = slices.DeleteFunc(names, func(name string) bool { return !q.mayEnter(name) })
	}
	return q.s.open(names), nil
}

// visiblePlaces are the virtual hosts that the user may know of.
func (q *request) visiblePlaces() ([]place, error) {
	if !q.isMonitor() {
		return q.places()
	}
	if name, named := q.namedVHost(); named {
		v, err := q.s.vhost(name)
		if err != nil {
			return nil, err
		}
		return []place{{name, v}}, nil
	}
	return q.s.open(q.s.broker.VHosts()), nil
}

func (s *Server) open(names []string) []place {
	list := make([]place, 0, len(names))
	for _, name := range names {
		if v, err := s.broker.VHost(name); err == nil { // it may be gone meanwhile
			list = append(list, place{name, v})
		}
	}
	return list
}
