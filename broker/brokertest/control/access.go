package control

import "github.com/rabbetmq/rabbet/broker/access"

func addUser(r *request) (any, error) {
	var u struct {
		Name     string
		Password string
		Tags     []string
	}
	if err := r.read(&u); err != nil {
		return nil, err
	}
	if u.Name == "" {
		return nil, bad(`say who, such as {"name":"ann","password":"x"}`)
	}
	return nil, r.s.Broker.AddUser(u.Name, u.Password, u.Tags...)
}

func deleteUser(r *request) (any, error) { return nil, r.s.Broker.DeleteUser(r.params["name"]) }

func setPermissions(r *request) (any, error) {
	v, err := r.vhost()
	if err != nil {
		return nil, err
	}
	var p struct{ User, Configure, Write, Read string }
	if err := r.read(&p); err != nil {
		return nil, err
	}
	return nil, v.SetPermissions(p.User, p.Configure, p.Write, p.Read)
}

func setLimits(r *request) (any, error) {
	v, err := r.vhost()
	if err != nil {
		return nil, err
	}
	var l struct {
		User   string
		Limits access.Limits
	}
	if err := r.read(&l); err != nil {
		return nil, err
	}
	switch {
	case len(l.Limits) == 0:
		return nil, bad(`say which limits, such as {"limits":{"max-queues":10}}`)
	case l.User != "":
		return nil, r.s.Broker.SetUserLimits(l.User, l.Limits)
	}
	return nil, v.SetLimits(l.Limits)
}
