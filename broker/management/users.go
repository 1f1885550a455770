package management

import (
	"encoding/base64"
	"errors"
	"net/http"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/pattern"
)

func (q *request) listUsers() error { return q.users(func(access.User) bool { return true }) }

func (q *request) listUsersWithoutPermissions() error {
	return q.users(func(u access.User) bool { return len(q.s.broker.Permissions(u.Name, "")) == 0 })
}

func (q *request) users(which func(access.User) bool) error {
	var users []access.User
	for _, u := range q.s.broker.Users() {
		if which(u) {
			users = append(users, u)
		}
	}
	return list(q, listing[access.User]{
		items: users, name: func(u access.User) string { return u.Name },
		write: func(e *encoder, u access.User) bool {
			writeUser(e, u)
			return true
		},
	})
}

func writeUser(e *encoder, u access.User) {
	hashing := u.Hashing
	if hashing == "" {
		hashing = access.MD5
	}
	e.str("name", u.Name)
	e.str("password_hash", u.PasswordHash)
	e.str("hashing_algorithm", string(hashing))
	e.strs("tags", u.Tags)
	writeLimits(e, "limits", u.Limits)
}

func writeLimits(e *encoder, name string, l access.Limits) {
	values := make(map[string]any, len(l))
	for limit, n := range l {
		values[limit] = n
	}
	e.value(name, values)
}

func (q *request) getUser() error {
	u, ok := q.s.broker.User(q.variable("user"))
	if !ok {
		return errNotFound
	}
	return q.reply(func(e *encoder) { writeUser(e, u) })
}

func (q *request) putUser() error {
	body, err := q.body()
	if err != nil {
		return err
	}
	name := q.variable("user")
	_, existed := q.s.broker.User(name)
	u, err := q.s.userOf(name, body)
	if err != nil {
		return err
	}
	permissions, err := permissionsOf(name, body)
	if err != nil {
		return err
	}
	if err := q.s.broker.SetUser(u); err != nil {
		return refusal(err)
	}
	if !existed {
		for _, p := range permissions {
			if err := q.s.setPermission(p); err != nil {
				return err
			}
		}
	}
	return q.done(!existed)
}

// userOf is the user that a body describes.
func (s *Server) userOf(name string, body object) (access.User, error) {
	u := access.User{Name: name, Hashing: access.SHA256}
	var err error
	if u.Tags, err = tagsOf(body); err != nil {
		return u, err
	}
	if u.Limits, err = limitsOf(body); err != nil {
		return u, err
	}
	_, plain := body["password"]
	_, hashed := body["password_hash"]
	switch {
	case plain && hashed:
		return u, badRequest("both_password_and_password_hash_are_provided")
	case plain:
		password, err := body.text("password", "")
		if err != nil {
			return u, err
		}
		if u.PasswordHash, u.Hashing, err = s.broker.HashPassword(name, password); err != nil {
			return u, badRequest(err.Error())
		}
	case hashed:
		return u, hashOf(body, &u)
	}
	return u, nil
}

// tagsOf are the tags of a user, which a body must have: as words, or as the boolean of
// very old versions.
func tagsOf(body object) ([]string, error) {
	if _, ok := body["tags"]; ok {
		tags, err := body.words("tags")
		if tags == nil {
			tags = []string{}
		}
		return tags, err
	}
	if _, ok := body["administrator"]; ok {
		on, err := body.boolean("administrator", false)
		if on {
			return []string{tagAdministrator}, err
		}
		return []string{}, err
	}
	return nil, badRequest("tags_not_present")
}

// hashOf takes over a password that is hashed already.
func hashOf(body object, u *access.User) error {
	hash, err := body.text("password_hash", "")
	if err != nil {
		return err
	}
	if _, err := base64.StdEncoding.DecodeString(hash); err != nil {
		return badRequest([]any{"not_base64", hash})
	}
	algorithm, err := body.text("hashing_algorithm", string(access.SHA256))
	if err != nil {
		return err
	}
	if u.Hashing, err = access.ParseHashing(algorithm); err != nil {
		return badRequest(err.Error())
	}
	u.PasswordHash = hash
	return nil
}

// limitsOf are the limits of a user in a body; nil if it has none.
func limitsOf(body object) (access.Limits, error) {
	if _, ok := body["limits"]; !ok {
		return nil, nil
	}
	raw, err := body.object("limits")
	if err != nil {
		return nil, err
	}
	limits := make(access.Limits, len(raw))
	for name := range raw {
		if limits[name], err = raw.integer(name, 0); err != nil {
			return nil, err
		}
	}
	return limits, nil
}

// permissionsOf are the permissions that a new user is to get.
func permissionsOf(user string, body object) ([]access.Permission, error) {
	of, err := body.object("permissions")
	if err != nil {
		return nil, err
	}
	var list []access.Permission
	for vhost := range of {
		each, err := of.object(vhost)
		if err != nil {
			return nil, err
		}
		p := access.Permission{User: user, VHost: vhost}
		for key, to := range map[string]*string{"configure": &p.Configure, "write": &p.Write, "read": &p.Read} {
			if *to, err = each.text(key, ""); err != nil {
				return nil, err
			}
		}
		list = append(list, p)
	}
	return list, nil
}

func (q *request) deleteUser() error {
	if !q.s.broker.DeleteUser(q.variable("user")) {
		return errNotFound
	}
	return q.done(false)
}

// deleteUsers stops at a user that is not there, unless it is 4.x, which passes over it.
func (q *request) deleteUsers() error {
	body, err := q.require("users")
	if err != nil {
		return err
	}
	names, err := body.words("users")
	if err != nil {
		return err
	}
	for _, name := range names {
		if !q.s.broker.DeleteUser(name) && q.s.before4() {
			return badRequest([]any{"no_such_user", name})
		}
	}
	return q.done(false)
}

// hashPassword is GET /api/auth/hash_password/{password}.
func (q *request) hashPassword() error {
	hash, _, err := q.s.broker.HashPassword(q.login.User, q.variable("password"))
	if err != nil {
		return badRequest(err.Error())
	}
	return q.reply(func(e *encoder) { e.str("ok", hash) })
}

func (q *request) listUserLimits() error {
	users := q.s.broker.Users()
	if q.route.has("user") {
		u, ok := q.s.broker.User(q.variable("user"))
		if !ok {
			return errNotFound
		}
		users = []access.User{u}
	}
	var limited []access.User
	for _, u := range users {
		if len(u.Limits) > 0 {
			limited = append(limited, u)
		}
	}
	return list(q, listing[access.User]{items: limited, write: func(e *encoder, u access.User) bool {
		e.str("user", u.Name)
		writeLimits(e, "value", u.Limits)
		return true
	}})
}

func (q *request) putUserLimit() error {
	name, limit := q.variable("user"), q.variable("name")
	if _, ok := q.s.broker.User(name); !ok {
		return badRequest([]any{"no_such_user", name})
	}
	n, err := q.limitValue(limit)
	if err != nil {
		return err
	}
	if err := q.s.broker.SetUserLimits(name, access.Limits{limit: n}); err != nil {
		return refusal(err)
	}
	return q.done(false)
}

// limitValue is the number in the body of a limit.
func (q *request) limitValue(limit string) (int, error) {
	body, err := q.require("value")
	if err != nil {
		return 0, err
	}
	n, err := body.integer("value", 0)
	if err != nil {
		return 0, badRequest("Validation failed\n\n" + limit + " should be a number, actually was " + term(body["value"]) + "\n")
	}
	return n, nil
}

// term is a value of a body as refusals show it: text as Erlang prints it.
func term(v any) string {
	if text, ok := v.(string); ok {
		return amqp.FormatTerm(text)
	}
	return string(appendValue(nil, v))
}

func (q *request) deleteUserLimit() error {
	if !q.s.broker.ClearUserLimit(q.variable("user"), q.variable("name")) {
		return errVHostNotFound // RabbitMQ's reason for an unknown user, too
	}
	return q.done(false)
}

// setPermission is the broker's, with RabbitMQ's refusals.
func (s *Server) setPermission(p access.Permission) error {
	return permissionRefusal(s.broker.SetPermission(p))
}

func permissionRefusal(err error) error {
	var bad *pattern.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, broker.ErrNoUser), errors.Is(err, broker.ErrNoVHost):
		return badRequest("vhost_or_user_not_found")
	case errors.As(err, &bad):
		return &failure{http.StatusBadRequest, "bad_request", []any{"invalid_regexp", bad.Pattern, bad.Reason}}
	}
	return refusal(err)
}
