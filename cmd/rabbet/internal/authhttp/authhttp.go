// Package authhttp has an HTTP server decide who may log in and what they may do, as
// RabbitMQ's plugin rabbitmq_auth_backend_http does, and a cache in front of any such
// decision, as rabbitmq_auth_backend_cache is.
package authhttp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/broker/access"
)

// Config is how the server is asked. The paths are whole URLs.
type Config struct {
	// Method is get or post.
	Method                                       string
	UserPath, VHostPath, ResourcePath, TopicPath string
	RequestTimeout, ConnectTimeout               time.Duration
	TLS                                          *tls.Config // for https
}

// maxAnswer bounds, in bytes, what is read of an answer.
const maxAnswer = 64 << 10

// maxConnections bounds how many questions are under way at once.
const maxConnections = 100

// A Backend asks the server. It remembers nothing.
type Backend struct {
	cfg    Config
	client *http.Client
}

// New returns a Backend. It says nothing to the server until somebody logs in.
func New(cfg Config) *Backend {
	return &Backend{cfg: cfg, client: &http.Client{
		Timeout: cfg.RequestTimeout,
		// AUTHHTTP-6: another status is an error, 302 too
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: cfg.ConnectTimeout}).DialContext,
			TLSClientConfig:     cfg.TLS,
			MaxConnsPerHost:     maxConnections,
			MaxIdleConnsPerHost: maxConnections,
			IdleConnTimeout:     time.Minute,
		},
	}}
}

// Close drops idle connections to the server.
func (b *Backend) Close() { b.client.CloseIdleConnections() }

// A field is one of a form. Their order is RabbitMQ's (AUTHHTTP-4).
type field struct{ name, value string }

func encode(form []field) string {
	var s strings.Builder
	for i, f := range form {
		if i > 0 {
			s.WriteByte('&')
		}
		s.WriteString(f.name + "=" + url.QueryEscape(f.value)) // AUTHHTTP-3: space is +
	}
	return s.String()
}

// A failure is an answer that is neither yes nor no, as Erlang prints it.
type failure struct{ term string }

// Error implements error.
func (f failure) Error() string { return f.term }

// ask sends a form and returns the answer, trimmed and in lower case.
func (b *Backend) ask(ctx context.Context, path string, form []field) (string, error) {
	method, body := http.MethodPost, io.Reader(strings.NewReader(encode(form)))
	if b.cfg.Method == "get" {
		method, path, body = http.MethodGet, path+"?"+encode(form), nil
	}
	r, err := http.NewRequestWithContext(ctx, method, path, body)
	if err != nil {
		return "", failure{"bad_path"}
	}
	if b.cfg.Method != "get" {
		r.Header.Set("content-type", "application/x-www-form-urlencoded")
	}
	answer, err := b.client.Do(r)
	if err != nil {
		return "", failure{fmt.Sprintf("{failed_connect,%q}", cause(err))}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return "", failure{fmt.Sprintf("{failed_connect,%q}", cause(err))}
	}
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusCreated { // AUTHHTTP-6: 200 or 201 only
		return "", failure{fmt.Sprintf("{%d,%q}", answer.StatusCode, text)}
	}
	// AUTHHTTP-7: trimmed, lower case. RabbitMQ leaves a newline at the end and fails for it (AUTHHTTP-8).
	return strings.ToLower(strings.TrimSpace(string(text))), nil
}

// cause is an error without the URL, which has a password in it.
func cause(err error) string {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	return err.Error()
}

// Login implements access.Authenticator.
func (b *Backend) Login(ctx context.Context, c access.Credentials) (access.Identity, error) {
	form := []field{{"username", c.User}}
	if !c.Checked || c.Password != "" { // AUTHHTTP-17: EXTERNAL sends username alone; AUTHHTTP-16: an empty password is sent on
		form = append(form, field{"password", c.Password})
	}
	if c.VHost != "" { // AUTHHTTP-18: requests with a vhost add it
		form = append(form, field{"vhost", c.VHost})
	}
	answer, err := b.ask(ctx, b.cfg.UserPath, form)
	if err != nil {
		return access.Identity{}, b.failed(c.User, err)
	}
	tags, allowed := strings.CutPrefix(answer, "allow") // AUTHHTTP-7: whatever begins with allow
	switch {
	case allowed:
		return access.Identity{User: c.User, Tags: strings.Fields(tags)}, nil
	case strings.HasPrefix(answer, "deny"):
		return access.Identity{}, &access.LoginError{User: c.User, Reason: "Denied by the backing HTTP service"} // AUTHHTTP-9: log text
	}
	return access.Identity{}, b.failed(c.User, failure{fmt.Sprintf("{bad_response,%q}", answer)})
}

// failed is the error of a login that could not be decided (AUTHHTTP-9: log text).
func (b *Backend) failed(user string, err error) error {
	return fmt.Errorf("rabbit_auth_backend_http failed authenticating %s: %w", user, err)
}

// EnterVHost implements access.Authenticator.
func (b *Backend) EnterVHost(ctx context.Context, id access.Identity, vhost string, peer net.Addr) error {
	form := []field{{"username", id.User}, {"vhost", vhost}}
	if peer != nil {
		ip, _, err := net.SplitHostPort(peer.String())
		if err != nil {
			ip = peer.String()
		}
		form = append(form, field{"ip", ip})
	}
	return b.permitted(ctx, b.cfg.VHostPath, append(form, tagsOf(id)))
}

// UseResource implements access.Authenticator.
func (b *Backend) UseResource(ctx context.Context, id access.Identity, r access.Resource, op access.Operation) error {
	return b.permitted(ctx, b.cfg.ResourcePath, []field{
		{"username", id.User}, {"vhost", r.VHost}, {"resource", string(r.Kind)}, {"name", r.Name}, {"permission", string(op)}, tagsOf(id),
	})
}

// UseTopic implements access.Authenticator.
func (b *Backend) UseTopic(ctx context.Context, id access.Identity, exchange access.Resource, key string, op access.Operation) error {
	return b.permitted(ctx, b.cfg.TopicPath, []field{
		{"username", id.User}, {"vhost", exchange.VHost}, {"resource", "topic"}, {"name", exchange.Name}, {"permission", string(op)}, tagsOf(id),
		{"routing_key", key}, {"variable_map.username", id.User}, {"variable_map.vhost", exchange.VHost},
	})
}

func tagsOf(id access.Identity) field { return field{"tags", strings.Join(id.Tags, " ")} }

// permitted asks a question whose answer is allow or deny. Anything else is an error
// (AUTHHTTP-12: RabbitMQ crashes the connection).
func (b *Backend) permitted(ctx context.Context, path string, form []field) error {
	answer, err := b.ask(ctx, path, form)
	switch {
	case err != nil:
	case strings.HasPrefix(answer, "allow"):
		return nil
	case strings.HasPrefix(answer, "deny"):
		return access.ErrRefused
	default:
		err = failure{fmt.Sprintf("{bad_response,%q}", answer)}
	}
	return fmt.Errorf("rabbit_auth_backend_http returned an error: %w", err) // AUTHHTTP-10: text
}
