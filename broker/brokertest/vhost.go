package brokertest

import "github.com/rabbetmq/rabbet/broker"

// A VHost is a handle on one virtual host of a test's broker: the names of queues
// and exchanges that its methods take are those of that virtual host. A Broker has
// the methods of its default one.
type VHost struct {
	tb   TB
	core *ServerVHost
}

// In returns another virtual host, which is created unless it exists; the broker's
// user may do everything there.
func (mq *Broker) In(vhost string) *VHost {
	return &VHost{mq.tb, mq.server.In(vhost)}
}

// A ServerVHost is a VHost whose methods return errors.
type ServerVHost struct {
	s    *Server
	name string // "" is the default one
}

// In returns another virtual host, which is created unless it exists.
func (s *Server) In(vhost string) *ServerVHost {
	s.Broker().AddVHost(vhost)
	return &ServerVHost{s, vhost}
}

// Lookup returns a virtual host that exists; "" is the default one.
func (s *Server) Lookup(vhost string) (*ServerVHost, error) {
	if _, err := s.Broker().VHost(vhost); err != nil {
		return nil, err
	}
	return &ServerVHost{s, vhost}, nil
}

// host returns the virtual host in the broker of the moment. A restart of a broker
// without a store loses all but the default one.
func (v *ServerVHost) host() (*broker.VHost, error) { return v.s.Broker().VHost(v.name) }
