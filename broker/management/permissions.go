package management

import "github.com/rabbetmq/rabbet/broker/access"

// listPermissions lists the permissions of the user and virtual host that the path names,
// those of all where it names none.
func (q *request) listPermissions() error {
	if err := q.requireUserAndVHost(); err != nil {
		return err
	}
	perms := q.s.broker.Permissions(q.variable("user"), q.variable("vhost"))
	return list(q, listing[access.Permission]{items: perms, write: writePermission})
}

func writePermission(e *encoder, p access.Permission) bool {
	e.str("user", p.User)
	e.str("vhost", p.VHost)
	e.str("configure", p.Configure)
	e.str("write", p.Write)
	e.str("read", p.Read)
	return true
}

// requireUserAndVHost refuses names in the path that stand for nothing.
func (q *request) requireUserAndVHost() error {
	if q.route.has("user") {
		if _, ok := q.s.broker.User(q.variable("user")); !ok {
			return errNotFound
		}
	}
	if q.route.has("vhost") {
		if _, err := q.vhost(); err != nil {
			return errNotFound
		}
	}
	return nil
}

func (q *request) getPermission() error {
	p, ok := q.s.broker.Permission(q.variable("user"), q.variable("vhost"))
	if !ok {
		return errNotFound
	}
	return q.reply(func(e *encoder) { writePermission(e, p) })
}

func (q *request) putPermission() error {
	if q.requireUserAndVHost() != nil {
		return badRequest("vhost_or_user_not_found")
	}
	body, err := q.require("configure", "write", "read")
	if err != nil {
		return err
	}
	p := access.Permission{User: q.variable("user"), VHost: q.variable("vhost")}
	for key, to := range map[string]*string{"configure": &p.Configure, "write": &p.Write, "read": &p.Read} {
		if *to, err = body.text(key, ""); err != nil {
			return err
		}
	}
	_, existed := q.s.broker.Permission(p.User, p.VHost)
	if err := q.s.setPermission(p); err != nil {
		return err
	}
	return q.done(!existed)
}

func (q *request) deletePermission() error {
	if !q.s.broker.DeletePermission(q.variable("user"), q.variable("vhost")) {
		return errNotFound
	}
	return q.done(false)
}

func (q *request) listTopicPermissions() error {
	if err := q.requireUserAndVHost(); err != nil {
		return err
	}
	return q.topicPermissions(q.s.broker.TopicPermissions(q.variable("user"), q.variable("vhost")))
}

func (q *request) topicPermissions(perms []access.TopicPermission) error {
	return list(q, listing[access.TopicPermission]{items: perms, write: func(e *encoder, p access.TopicPermission) bool {
		e.str("user", p.User)
		e.str("vhost", p.VHost)
		e.str("exchange", p.Exchange)
		e.str("write", p.Write)
		e.str("read", p.Read)
		return true
	}})
}

// namedTopicPermissions are those of the user, the virtual host and, if the path names one,
// the exchange.
func (q *request) namedTopicPermissions() []access.TopicPermission {
	var perms []access.TopicPermission
	for _, p := range q.s.broker.TopicPermissions(q.variable("user"), q.variable("vhost")) {
		if !q.route.has("exchange") || p.Exchange == q.exchange("exchange") {
			perms = append(perms, p)
		}
	}
	return perms
}

func (q *request) getTopicPermission() error {
	perms := q.namedTopicPermissions()
	if len(perms) == 0 {
		return errNotFound
	}
	return q.topicPermissions(perms)
}

func (q *request) putTopicPermission() error {
	if q.requireUserAndVHost() != nil {
		return badRequest("vhost_or_user_not_found")
	}
	body, err := q.require("exchange", "write", "read")
	if err != nil {
		return err
	}
	p := access.TopicPermission{User: q.variable("user"), VHost: q.variable("vhost")}
	for key, to := range map[string]*string{"exchange": &p.Exchange, "write": &p.Write, "read": &p.Read} {
		if *to, err = body.text(key, ""); err != nil {
			return err
		}
	}
	existed := len(q.namedTopicPermissions()) > 0
	if err := permissionRefusal(q.s.broker.SetTopicPermission(p)); err != nil {
		return err
	}
	return q.done(!existed)
}

func (q *request) deleteTopicPermission() error {
	perms := q.namedTopicPermissions()
	if len(perms) == 0 {
		return errNotFound
	}
	for _, p := range perms {
		q.s.broker.DeleteTopicPermission(p.User, p.VHost, p.Exchange)
	}
	return q.done(false)
}
