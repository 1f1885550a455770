package admin

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// options are those of a command line, in any place of it.
type options struct {
	host, port, vhost, prefix  string
	user, password, base       string
	format, sort               string
	tls, insecure, quiet, help bool
	reverse                    bool
	// Those of the second version: its table, without lines, and not even "passed".
	style         string
	plain, silent bool
}

// parse takes the options out of the arguments. Others with two hyphens are arguments of
// the second version: own has them, by their names with underscores.
func (o *options) parse(args []string) (words []string, own map[string]string, err error) {
	args, own = spellOut(args), map[string]string{}
	o.host, o.port, o.vhost, o.user, o.password, o.format = "localhost", "15672", "/", "guest", "guest", "table"
	texts := map[string]*string{
		"-H": &o.host, "--host": &o.host, "-P": &o.port, "--port": &o.port, "-V": &o.vhost, "--vhost": &o.vhost,
		"-u": &o.user, "--username": &o.user, "-p": &o.password, "--password": &o.password, "-U": &o.base, "--base-uri": &o.base,
		"--path-prefix": &o.prefix, "-f": &o.format, "--format": &o.format, "-S": &o.sort, "--sort": &o.sort,
		"-c": new(string), "--config": new(string), "-N": new(string), "--node": new(string), "-d": new(string), "--depth": new(string),
		"-t": new(string), "--request-timeout": new(string), "--timeout": new(string), "--table-style": new(string), "--ssl-ca-cert-file": new(string),
	}
	switches := map[string]*bool{
		"-s": &o.tls, "--ssl": &o.tls, "-k": &o.insecure, "--ssl-insecure": &o.insecure, "-q": &o.quiet, "--quiet": &o.quiet,
		"-R": &o.reverse, "--sort-reverse": &o.reverse, "-h": &o.help, "--help": &o.help, "--ssl-disable-hostname-verification": &o.insecure,
		"--use-tls": &o.tls, "--tls": &o.tls, "--insecure": &o.insecure, "--non-interactive": &o.plain,
	}
	valued := func(i int) bool { return i+1 < len(args) && !strings.HasPrefix(args[i+1], "--") }
	for i := 0; i < len(args); i++ {
		name, value, joined := args[i], "", false
		if strings.HasPrefix(name, "--") {
			name, value, joined = strings.Cut(name, "=")
		}
		if on := switches[name]; on != nil {
			*on = true
			continue
		}
		text := texts[name]
		if isScoped(name, words) {
			text = nil
		}
		switch {
		case text == nil && strings.HasPrefix(name, "--") && len(name) > 2:
			if !joined && valued(i) && !flags[name] {
				i++
				value = args[i]
			}
			own[strings.ReplaceAll(name[2:], "-", "_")] = value
			continue
		case text == nil && strings.HasPrefix(name, "-") && len(name) > 1:
			return nil, nil, errUsage
		case text == nil:
			words = append(words, args[i])
			continue
		case !joined && i+1 == len(args):
			return nil, nil, errUsage
		case !joined:
			i++
			value = args[i]
		}
		*text = value
	}
	o.silent = o.quiet
	return words, own, nil
}

// isScoped reports whether an option belongs to the command of the second version behind
// which it stands, and not to the tool.
func isScoped(name string, words []string) bool {
	if len(words) != 2 {
		return false
	}
	switch command := words[0] + " " + words[1]; name {
	case "--port":
		return command == "health_check port_listener"
	case "--password":
		return command == "users declare" || command == "declare user"
	}
	return false
}

// flags are arguments of the second version that have no value.
var flags = map[string]bool{"--idempotently": true, "--stdout": true, "--stdin": true}

// url is the address of a path of the API.
func (o *options) url(path string) string {
	if o.base != "" {
		return strings.TrimSuffix(o.base, "/") + "/api" + path
	}
	scheme := "http"
	if o.tls {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(o.host, o.port) + o.prefix + "/api" + path
}

// raw sends a request and returns the document of the answer.
func (c *call) raw(method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequest(method, c.opts.url(path), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(c.opts.user, c.opts.password)
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{}
	if c.opts.insecure {
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, answered{refusal: refusal("Could not connect: " + err.Error())}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent:
		return data, nil
	case http.StatusUnauthorized:
		return nil, answered{refusal("Access refused: " + req.URL.RequestURI()), resp.StatusCode}
	case http.StatusNotFound:
		return nil, answered{refusal("Not found: " + req.URL.RequestURI()), resp.StatusCode}
	case http.StatusBadRequest:
		var answer struct{ Error, Reason string }
		if json.Unmarshal(data, &answer) == nil && answer.Reason != "" {
			return nil, answered{refusal(answer.Error + ": " + answer.Reason), resp.StatusCode}
		}
	}
	return nil, answered{refusal(fmt.Sprintf("Received response %s for path %s\n%s", resp.Status, req.URL.RequestURI(), data)), resp.StatusCode}
}

// An answered is the refusal of a server, with its status, or 0 if it has not answered.
type answered struct {
	refusal
	status int
}

// A refusal is an error in the tool's words.
type refusal string

func (r refusal) Error() string { return string(r) }

// request is raw for values.
func (c *call) request(method, path string, body, answer any) error {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return err
		}
	}
	data, err := c.raw(method, path, data)
	if err != nil || answer == nil || len(data) == 0 {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(answer)
}

// document reads an argument that is JSON.
func document(text, standard string) (json.RawMessage, error) {
	if text == "" {
		text = standard
	}
	if !json.Valid([]byte(text)) {
		return nil, refusal("Could not parse JSON:\n  " + text)
	}
	return json.RawMessage(text), nil
}
