// Package mgmt calls a management HTTP API, of Rabbet or of RabbitMQ: by its URL, or over
// the control socket of a Rabbet on this machine.
package mgmt

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/control"
)

// A Client calls one broker, or the nodes of a cluster in turn: when one does not answer,
// the next is asked. It is safe for concurrent use.
type Client struct {
	http  *http.Client
	nodes []*url.URL
	at    atomic.Int32 // index of the node that answered last
}

// A Refusal is an answer that is no success.
type Refusal struct {
	Host   string
	Status int
	Reason string
}

// Error is the refusal in a line.
func (r *Refusal) Error() string {
	return fmt.Sprintf("%s answers %d: %s", r.Host, r.Status, cmp.Or(r.Reason, http.StatusText(r.Status)))
}

// New makes a client of one URL or more, such as http://guest:guest@127.0.0.1:15672; a
// path is the API's prefix.
func New(urls ...string) (*Client, error) {
	c := &Client{http: &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 8}}}
	for _, raw := range urls {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, errors.New("bad URL: it is like http://guest:guest@127.0.0.1:15672")
		}
		u.Path = strings.TrimSuffix(u.Path, "/")
		c.nodes = append(c.nodes, u)
	}
	return c, nil
}

// Socket makes a client of the control socket at a path.
func Socket(path string) *Client {
	return &Client{http: control.Client(path), nodes: []*url.URL{{Scheme: "http", Host: "localhost"}}}
}

// Host is the host and port of the node that answered last, for people.
func (c *Client) Host() string { return c.node(0).Host }

// HostName is that host alone, and User the name that the client logs in with.
func (c *Client) HostName() string { return c.node(0).Hostname() }

// Login is the user and the password of the URL.
func (c *Client) Login() (user, password string) {
	u := c.node(0).User
	password, _ = u.Password()
	return u.Username(), password
}

func (c *Client) node(i int) *url.URL { return c.nodes[(int(c.at.Load())+i)%len(c.nodes)] }

// Get decodes the answer to a GET into an object. The path begins with /api.
func (c *Client) Get(ctx context.Context, path string, into any) error {
	return c.Do(ctx, http.MethodGet, path, nil, into)
}

// Do makes a request with a JSON body, unless that is nil, and decodes the answer into an
// object, unless that is nil. An answer that is no success is a *Refusal.
func (c *Client) Do(ctx context.Context, method, path string, body, into any) error {
	_, text, err := c.Raw(ctx, method, path, body)
	if err != nil || into == nil || len(text) == 0 {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("the answer of %s to %s makes no sense: %w", c.Host(), path, err)
	}
	return nil
}

// Raw is Do that returns the headers and the body as they are. A json.RawMessage is a body
// as it is.
func (c *Client) Raw(ctx context.Context, method, path string, body any) (http.Header, []byte, error) {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return nil, nil, err
		}
	}
	var failed error
	for i := range c.nodes {
		header, text, err := c.ask(ctx, c.node(i), method, path, data)
		refusal := (*Refusal)(nil)
		if err == nil || errors.As(err, &refusal) && refusal.Status < 500 {
			c.at.Store((c.at.Load() + int32(i)) % int32(len(c.nodes)))
			return header, text, err
		}
		failed = err
	}
	return nil, nil, failed
}

func (c *Client) ask(ctx context.Context, node *url.URL, method, path string, data []byte) (http.Header, []byte, error) {
	u := url.URL{Scheme: node.Scheme, Host: node.Host}
	r, err := http.NewRequestWithContext(ctx, method, u.String()+node.EscapedPath()+path, bytes.NewReader(data))
	if err != nil {
		return nil, nil, err
	}
	if node.User != nil {
		password, _ := node.User.Password()
		r.SetBasicAuth(node.User.Username(), password)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(r)
	if err != nil {
		if inner := (*url.Error)(nil); errors.As(err, &inner) {
			err = inner.Err
		}
		return nil, nil, fmt.Errorf("no management API answers at %s: %w", node.Host, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("reading the answer of %s: %w", node.Host, err)
	case answer.StatusCode/100 != 2:
		return nil, nil, &Refusal{node.Host, answer.StatusCode, reason(text)}
	}
	return answer.Header, text, nil
}

// reason is what a refusal says.
func reason(text []byte) string {
	var why struct {
		Error  string
		Reason json.RawMessage
	}
	if json.Unmarshal(text, &why) != nil {
		return ""
	}
	var plain string
	if json.Unmarshal(why.Reason, &plain) == nil {
		return cmp.Or(plain, why.Error)
	}
	return cmp.Or(string(why.Reason), why.Error)
}

// Path joins parts into a path below /api, each escaped.
func Path(parts ...string) string {
	var b strings.Builder
	b.WriteString("/api")
	for _, part := range parts {
		b.WriteString("/" + url.PathEscape(part))
	}
	return b.String()
}
