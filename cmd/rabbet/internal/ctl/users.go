package ctl

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"strings"

	"golang.org/x/term"
)

var userVerbs = []*verb{
	{name: "add_user", tools: ctlOnly, usage: "<username> <password>", summary: "Creates a new user in the internal database", min: 1, max: 2,
		options: []string{"pre-hashed-password"}, banner: banner(`Adding user "%0" ...`), run: addUser},
	{name: "delete_user", tools: ctlOnly, usage: "<username>", summary: "Removes a user from the internal database", min: 1, max: 1,
		banner: banner(`Deleting user "%0" ...`), run: deleteUser},
	{name: "change_password", tools: ctlOnly, usage: "<username> <password>", summary: "Changes the user password", min: 1, max: 2,
		banner: banner(`Changing password for user "%0" ...`), run: changePassword},
	{name: "clear_password", tools: ctlOnly, usage: "<username>", summary: "Clears (resets) password and disables password login for a user", min: 1, max: 1,
		banner: banner(`Clearing password for user "%0" ...`), run: func(c *call) error { return c.setUser(c.args[0], map[string]any{"password_hash": ""}) }},
	{name: "set_user_tags", tools: ctlOnly, usage: "<username> <tag> [...]", summary: "Sets user tags", min: 1, max: -1,
		banner: func(c *call) string {
			return `Setting tags for user "` + c.args[0] + `" to [` + strings.Join(c.args[1:], ", ") + `] ...`
		}, run: func(c *call) error {
			return c.setUser(c.args[0], map[string]any{"tags": strings.Join(c.args[1:], ",")})
		}},
	{name: "authenticate_user", tools: ctlOnly, usage: "<username> <password>", summary: "Attempts to authenticate a user. Exits with a non-zero code if authentication fails.", min: 1, max: 2,
		banner: banner(`Authenticating user "%0" ...`), run: authenticateUser},
	{name: "hash_password", tools: ctlOnly, usage: "<cleartext_password>", summary: "Hashes a plaintext password", min: 0, max: 1,
		banner: banner("Will hash password %0"), run: hashPassword},
	{name: "set_permissions", tools: ctlOnly, usage: "[--vhost <vhost>] <username> <conf> <write> <read>", summary: "Sets user permissions for a vhost", min: 4, max: 4,
		banner: banner(`Setting permissions for user "%0" in vhost "%v" ...`), run: setPermissions},
	{name: "clear_permissions", tools: ctlOnly, usage: "[--vhost <vhost>] <username>", summary: "Revokes user permissions for a vhost", min: 1, max: 1,
		banner: banner(`Clearing permissions for user "%0" in vhost "%v" ...`), run: clearPermissions},
	{name: "set_topic_permissions", tools: ctlOnly, usage: "[--vhost <vhost>] <username> <exchange> <write> <read>", summary: "Sets user topic permissions for an exchange", min: 4, max: 4,
		banner: banner(`Setting topic permissions on "%1" for user "%0" in vhost "%v" ...`), run: setTopicPermissions},
	{name: "clear_topic_permissions", tools: ctlOnly, usage: "[--vhost <vhost>] <username> [<exchange>]", summary: "Clears user topic permissions for a vhost or exchange", min: 1, max: 2,
		banner: banner(`Clearing topic permissions for user "%0" in vhost "%v" ...`), run: clearTopicPermissions},
	{name: "set_user_limits", tools: ctlOnly, usage: "<username> <definition>", summary: "Sets user limits", min: 2, max: 2,
		banner: banner(`Setting user limits to "%1" for user "%0" ...`), run: func(c *call) error { return c.setLimits("/api/user-limits", c.args[0], c.args[1]) }},
	{name: "clear_user_limits", tools: ctlOnly, usage: "<username> <limit_type> | all", summary: "Clears user connection/channel limits", min: 2, max: 2,
		banner: func(c *call) string {
			if c.args[1] == "all" {
				return `Clearing all limits for user "` + c.args[0] + `" ...`
			}
			return `Clearing "` + c.args[1] + `" limit for user "` + c.args[0] + `" ...`
		}, run: func(c *call) error {
			return c.clearLimits("user-limits", c.args[0], c.args[1], "max-connections", "max-channels")
		}},
	{name: "list_user_limits", usage: "[--user <username>] [--global]", summary: "Displays configured user limits", options: []string{"user=", "global"},
		banner: func(c *call) string {
			if c.opts.has("global") {
				return "Listing limits for all users ..."
			}
			return `Listing limits for user "` + c.limitsUser() + `" ...`
		}, run: listUserLimits},
}

// noUser is what a verb says of a user who is not there.
func noUser(name string) error { return failed(exitNoUser, `User "%s" does not exist`, name) }

// password is the second argument, or a line of standard input.
func (c *call) password() (string, error) {
	if len(c.args) > 1 {
		return c.args[1], nil
	}
	if f, ok := c.Stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		c.say("Password: ")
		secret, err := term.ReadPassword(int(f.Fd()))
		return string(secret), err
	}
	c.say("Password: ")
	line, err := bufio.NewReader(c.Stdin).ReadString('\n')
	if line = strings.TrimRight(line, "\r\n"); line == "" && err != nil {
		return "", failed(exitData, "Password is not provided via argument or stdin")
	}
	return line, nil
}

// user reads a user's record.
func (c *call) user(name string) (map[string]any, error) {
	var u map[string]any
	err := c.node.get(apiPath("users", name), &u)
	if isRefused(err, http.StatusNotFound) {
		return nil, noUser(name)
	}
	return u, err
}

// setUser changes some fields of a user's record.
func (c *call) setUser(name string, change map[string]any) error {
	u, err := c.user(name)
	if err != nil {
		return err
	}
	record := map[string]any{"tags": u["tags"], "password_hash": u["password_hash"], "hashing_algorithm": u["hashing_algorithm"]}
	if _, clear := change["password"]; clear {
		delete(record, "password_hash")
		delete(record, "hashing_algorithm")
	}
	for k, v := range change {
		record[k] = v
	}
	return c.node.do(http.MethodPut, apiPath("users", name), record, nil)
}

func addUser(c *call) error {
	secret, err := c.password()
	if err != nil {
		return err
	}
	name := c.args[0]
	if _, err := c.user(name); err == nil {
		return failed(exitSoftware, `User "%s" already exists`, name)
	} else if f, ok := err.(*failure); !ok || f.code != exitNoUser {
		return err
	}
	record := map[string]any{"tags": "", "password": secret}
	if c.opts.has("pre-hashed-password") {
		record = map[string]any{"tags": "", "password_hash": secret}
	} else if secret == "" {
		record = map[string]any{"tags": "", "password_hash": ""}
	}
	if err := c.node.do(http.MethodPut, apiPath("users", name), record, nil); err != nil {
		return err
	}
	const done = "Done. Don't forget to grant the user permissions to some virtual hosts! See 'rabbitmqctl help set_permissions' to learn more."
	if c.opts.format("") == "json" {
		return c.answer(map[string]any{"message": done, "node": c.node.name, "status": "ok"}, "")
	}
	c.say(done)
	return nil
}

func deleteUser(c *call) error {
	err := c.node.do(http.MethodDelete, apiPath("users", c.args[0]), nil, nil)
	if isRefused(err, http.StatusNotFound) {
		return noUser(c.args[0])
	}
	return err
}

func changePassword(c *call) error {
	secret, err := c.password()
	if err != nil {
		return err
	}
	return c.setUser(c.args[0], map[string]any{"password": secret})
}

func authenticateUser(c *call) error {
	secret, err := c.password()
	if err != nil {
		return err
	}
	err = c.node.do(http.MethodPost, "/control/authenticate", map[string]string{"User": c.args[0], "Password": secret}, nil)
	if isRefused(err, http.StatusConflict) {
		return failed(exitData, "Error: failed to authenticate user \"%s\"\n%s", c.args[0], err)
	}
	if err == nil {
		c.say("Success")
	}
	return err
}

func hashPassword(c *call) error {
	c.args = append([]string{""}, c.args...)
	secret, err := c.password()
	if err != nil {
		return err
	}
	var answer map[string]string
	if err := c.node.do(http.MethodPost, "/control/hash_password", map[string]string{"Password": secret}, &answer); err != nil {
		return err
	}
	c.print("%s", answer["hash"])
	return nil
}

// checkPair refuses a user or a virtual host that is not there, as permissions do.
func (c *call) checkPair(user string) error {
	if err := c.node.get(apiPath("users", user), nil); isRefused(err, http.StatusNotFound) {
		return failed(exitNoUser, "User %s does not exist", user)
	} else if err != nil {
		return err
	}
	return c.checkVHost()
}

func setPermissions(c *call) error {
	if err := c.checkPair(c.args[0]); err != nil {
		return err
	}
	return c.node.do(http.MethodPut, apiPath("permissions", c.opts.vhostName(), c.args[0]),
		map[string]string{"configure": c.args[1], "write": c.args[2], "read": c.args[3]}, nil)
}

func clearPermissions(c *call) error {
	if err := c.checkPair(c.args[0]); err != nil {
		return err
	}
	return c.forget(apiPath("permissions", c.opts.vhostName(), c.args[0]))
}

func setTopicPermissions(c *call) error {
	if err := c.checkPair(c.args[0]); err != nil {
		return err
	}
	return c.node.do(http.MethodPut, apiPath("topic-permissions", c.opts.vhostName(), c.args[0]),
		map[string]string{"exchange": c.args[1], "write": c.args[2], "read": c.args[3]}, nil)
}

func clearTopicPermissions(c *call) error {
	if err := c.checkPair(c.args[0]); err != nil {
		return err
	}
	path := apiPath("topic-permissions", c.opts.vhostName(), c.args[0])
	if len(c.args) > 1 {
		path = apiPath("topic-permissions", c.opts.vhostName(), c.args[0], c.args[1])
	}
	return c.forget(path)
}

// forget deletes what may not be there.
func (c *call) forget(path string) error {
	err := c.node.do(http.MethodDelete, path, nil, nil)
	if isRefused(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// setLimits sets each limit of a JSON object.
func (c *call) setLimits(root, name, definition string) error {
	var limits map[string]json.Number
	if err := json.Unmarshal([]byte(definition), &limits); err != nil {
		return failed(exitData, "Could not parse JSON document: %v", err)
	}
	for limit, value := range limits {
		err := c.node.do(http.MethodPut, root+strings.TrimPrefix(apiPath(name, limit), "/api"), map[string]any{"value": value}, nil)
		if isRefused(err, http.StatusNotFound) {
			return noUser(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *call) clearLimits(kind, name, limit string, all ...string) error {
	if limit != "all" {
		all = []string{limit}
	}
	for _, limit := range all {
		if err := c.forget(apiPath(kind, name, limit)); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) limitsUser() string {
	if name := c.opts.own["user"]; name != "" {
		return name
	}
	return "guest"
}

func listUserLimits(c *call) error {
	var list []map[string]any
	if err := c.node.get("/api/user-limits", &list); err != nil {
		return err
	}
	t := &table{columns: []string{"user", "limits"}, blank: true}
	found := map[string]any{}
	for _, l := range list {
		if c.opts.has("global") {
			t.add(l["user"], jsonText(l["value"]))
		} else if l["user"] == c.limitsUser() {
			found, _ = l["value"].(map[string]any)
		}
	}
	if c.opts.has("global") {
		return c.show(t)
	}
	c.print("%s", jsonText(found))
	return nil
}
