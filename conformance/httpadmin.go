// An Admin that speaks RabbitMQ's HTTP API.

package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// httpAdmin is an Admin over RabbitMQ's HTTP API.
type httpAdmin struct {
	base string // without a slash at the end
	user *url.Userinfo
}

// NewHTTPAdmin gives an Admin that uses RabbitMQ's HTTP API at a URL such as
// http://guest:guest@127.0.0.1:15672. Its user, guest with the password guest if
// the URL names none, must be an administrator.
func NewHTTPAdmin(management string) (Admin, error) {
	u, err := url.Parse(management)
	if err != nil {
		return nil, fmt.Errorf("conformance: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("conformance: %q is no URL of a management API", management)
	}
	a := &httpAdmin{user: u.User}
	if a.user == nil {
		a.user = url.UserPassword("guest", "guest")
	}
	u.User = nil
	a.base = strings.TrimSuffix(u.String(), "/")
	return a, nil
}

// do sends one request; each part of the path is escaped.
func (a *httpAdmin) do(ctx context.Context, method string, body any, path ...string) error {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(b)
	}
	at := a.base + "/api"
	for _, part := range path {
		at += "/" + url.PathEscape(part)
	}
	request, err := http.NewRequestWithContext(ctx, method, at, content)
	if err != nil {
		return err
	}
	password, _ := a.user.Password()
	request.SetBasicAuth(a.user.Username(), password)
	request.Header.Set("Content-Type", "application/json")
	request.Close = true // calls are few, and nothing is to be left open
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return &AdminError{Status: response.StatusCode, Reason: reason(text)}
	}
	return nil
}

// reason is what the body of a refusal says. The API escapes it for HTML.
func reason(body []byte) string {
	var refusal struct{ Reason json.RawMessage }
	if json.Unmarshal(body, &refusal) != nil || refusal.Reason == nil {
		return string(body)
	}
	var text string
	if json.Unmarshal(refusal.Reason, &text) != nil {
		return string(refusal.Reason) // an array
	}
	return html.UnescapeString(text)
}

// remove deletes what may be gone already.
func (a *httpAdmin) remove(ctx context.Context, path ...string) error {
	err := a.do(ctx, http.MethodDelete, nil, path...)
	if refusal, ok := err.(*AdminError); ok && refusal.Status == http.StatusNotFound {
		return nil
	}
	return err
}

func (a *httpAdmin) putPolicy(ctx context.Context, kind, vhost string, p Policy) error {
	definition := p.Definition
	if definition == nil {
		definition = map[string]any{} // not null
	}
	body := map[string]any{"pattern": p.Pattern, "priority": p.Priority, "definition": definition}
	if p.ApplyTo != "" {
		body["apply-to"] = p.ApplyTo
	}
	return a.do(ctx, http.MethodPut, body, kind, vhost, p.Name)
}

func (a *httpAdmin) PutPolicy(ctx context.Context, vhost string, p Policy) error {
	return a.putPolicy(ctx, "policies", vhost, p)
}

func (a *httpAdmin) PutOperatorPolicy(ctx context.Context, vhost string, p Policy) error {
	return a.putPolicy(ctx, "operator-policies", vhost, p)
}

func (a *httpAdmin) DeletePolicy(ctx context.Context, vhost, name string) error {
	return a.remove(ctx, "policies", vhost, name)
}

func (a *httpAdmin) DeleteOperatorPolicy(ctx context.Context, vhost, name string) error {
	return a.remove(ctx, "operator-policies", vhost, name)
}

func (a *httpAdmin) CreateVHost(ctx context.Context, name, user string) error {
	if err := a.do(ctx, http.MethodPut, map[string]any{}, "vhosts", name); err != nil {
		return err
	}
	return a.SetPermissions(ctx, name, user, Permissions{Configure: ".*", Write: ".*", Read: ".*"})
}

func (a *httpAdmin) DeleteVHost(ctx context.Context, name string) error {
	return a.remove(ctx, "vhosts", name)
}

func (a *httpAdmin) SetTracing(ctx context.Context, vhost string, on bool) error {
	return a.do(ctx, http.MethodPut, map[string]any{"tracing": on}, "vhosts", vhost)
}

func (a *httpAdmin) CreateUser(ctx context.Context, name, password string) error {
	return a.do(ctx, http.MethodPut, map[string]any{"password": password, "tags": ""}, "users", name)
}

func (a *httpAdmin) DeleteUser(ctx context.Context, name string) error {
	return a.remove(ctx, "users", name)
}

func (a *httpAdmin) SetPermissions(ctx context.Context, vhost, user string, p Permissions) error {
	body := map[string]any{"configure": p.Configure, "write": p.Write, "read": p.Read}
	return a.do(ctx, http.MethodPut, body, "permissions", vhost, user)
}

func (a *httpAdmin) SetTopicPermissions(ctx context.Context, vhost, user, exchange, write, read string) error {
	body := map[string]any{"exchange": exchange, "write": write, "read": read}
	return a.do(ctx, http.MethodPut, body, "topic-permissions", vhost, user)
}

// SetTags keeps the password, which is the user's name.
func (a *httpAdmin) SetTags(ctx context.Context, user, tags string) error {
	return a.do(ctx, http.MethodPut, map[string]any{"password": user, "tags": tags}, "users", user)
}

func (a *httpAdmin) SetVHostLimit(ctx context.Context, vhost, limit string, n int) error {
	return a.do(ctx, http.MethodPut, map[string]any{"value": n}, "vhost-limits", vhost, limit)
}

func (a *httpAdmin) SetUserLimit(ctx context.Context, user, limit string, n int) error {
	return a.do(ctx, http.MethodPut, map[string]any{"value": n}, "user-limits", user, limit)
}
