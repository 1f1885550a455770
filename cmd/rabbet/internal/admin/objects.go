package admin

import (
	"fmt"
	"net/http"
	"strconv"
)

// A kind is what can be declared and deleted.
type kind struct {
	path string
	// method is PUT unless it is said otherwise.
	method   string
	needed   []string
	optional map[string]string // with their defaults; "" is left out
	json     []string          // those that are JSON
	// deleted is the path to delete, if it is another, and deleting what is needed for it.
	deleted  string
	deleting []string
}

var kinds = map[string]*kind{
	"exchange": {path: "/exchanges/{vhost}/{name}", needed: []string{"name", "type"}, json: []string{"arguments"},
		optional: map[string]string{"auto_delete": "false", "durable": "true", "internal": "false", "arguments": "{}"}, deleting: []string{"name"}},
	"queue": {path: "/queues/{vhost}/{name}", needed: []string{"name"}, json: []string{"arguments"},
		optional: map[string]string{"auto_delete": "false", "durable": "true", "arguments": "{}", "node": "", "queue_type": ""}, deleting: []string{"name"}},
	"binding": {path: "/bindings/{vhost}/e/{source}/{kind}/{destination}", method: http.MethodPost, needed: []string{"source", "destination"}, json: []string{"arguments"},
		optional: map[string]string{"destination_type": "queue", "routing_key": "", "arguments": "{}"},
		deleted:  "/bindings/{vhost}/e/{source}/{kind}/{destination}/{properties_key}", deleting: []string{"source", "destination_type", "destination"}},
	"vhost": {path: "/vhosts/{name}", needed: []string{"name"}, optional: map[string]string{"tracing": ""}, deleting: []string{"name"}},
	"user": {path: "/users/{name}", needed: []string{"name", "tags"}, optional: map[string]string{"password": "", "password_hash": "", "hashing_algorithm": ""},
		deleting: []string{"name"}},
	"permission": {path: "/permissions/{vhost}/{user}", needed: []string{"vhost", "user", "configure", "write", "read"}, deleting: []string{"vhost", "user"}},
	"parameter": {path: "/parameters/{component}/{vhost}/{name}", needed: []string{"component", "name", "value"}, json: []string{"value"},
		deleting: []string{"component", "name"}},
	"policy": {path: "/policies/{vhost}/{name}", needed: []string{"name", "pattern", "definition"}, json: []string{"definition", "priority"},
		optional: map[string]string{"priority": "0", "apply-to": ""}, deleting: []string{"name"}},
	"operator_policy": {path: "/operator-policies/{vhost}/{name}", needed: []string{"name", "pattern", "definition"}, json: []string{"definition", "priority"},
		optional: map[string]string{"priority": "0", "apply-to": ""}, deleting: []string{"name"}},
	"user_limit":  {path: "/user-limits/{user}/{name}", needed: []string{"user", "name", "value"}, json: []string{"value"}, deleting: []string{"user", "name"}},
	"vhost_limit": {path: "/vhost-limits/{vhost}/{name}", needed: []string{"vhost", "name", "value"}, json: []string{"value"}, deleting: []string{"vhost", "name"}},
}

// collect checks the arguments and fills in defaults.
func collect(args, needed []string, optional map[string]string) (map[string]string, error) {
	values, err := keyed(args)
	if err != nil {
		return nil, err
	}
	for _, name := range needed {
		if _, ok := values[name]; !ok {
			return nil, fmt.Errorf("mandatory argument %q is required", name)
		}
	}
	for name, standard := range optional {
		if _, ok := values[name]; !ok && standard != "" {
			values[name] = standard
		}
	}
	return values, nil
}

// booleans are the arguments that the API wants as such.
var booleans = map[string]bool{"auto_delete": true, "durable": true, "internal": true, "tracing": true}

func (c *call) declare(name string, args []string) error {
	k := kinds[name]
	if k == nil {
		return errUsage
	}
	values, err := collect(args, k.needed, k.optional)
	if err != nil {
		return err
	}
	if name == "user" && values["password"] == "" && values["password_hash"] == "" {
		return refusal(`mandatory argument "password" or "password_hash" is required`)
	}
	record := map[string]any{}
	for key, value := range values {
		record[key] = value
		if booleans[key] {
			if record[key], err = strconv.ParseBool(value); err != nil {
				return fmt.Errorf("%s must be true or false: %q", key, value)
			}
		}
	}
	for _, key := range k.json {
		if text, ok := values[key]; ok {
			if record[key], err = document(text, "{}"); err != nil {
				return err
			}
		}
	}
	if kind := values["queue_type"]; kind != "" {
		delete(record, "queue_type")
		arguments, err := withType(values["arguments"], kind)
		if err != nil {
			return err
		}
		record["arguments"] = arguments
	}
	method := k.method
	if method == "" {
		method = http.MethodPut
	}
	if err := c.request(method, c.fill(k.path, values), record, nil); err != nil {
		return err
	}
	c.say("%s declared", name)
	return nil
}

func (c *call) remove(name string, args []string) error {
	k := kinds[name]
	if k == nil {
		return errUsage
	}
	values, err := collect(args, k.deleting, map[string]string{"properties_key": "~"})
	if err != nil {
		return err
	}
	path := k.deleted
	if path == "" {
		path = k.path
	}
	if err := c.request(http.MethodDelete, c.fill(path, values), nil, nil); err != nil {
		return err
	}
	c.say("%s deleted", name)
	return nil
}
