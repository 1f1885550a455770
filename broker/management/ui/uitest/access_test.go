package uitest

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"

	"github.com/rabbetmq/rabbet/broker/management"
)

func TestWrongPassword(t *testing.T) {
	r := start(t)
	p := open(t, r.url)
	p.allow("401 (Unauthorized)")
	p.logIn("guest", "wrong")
	p.see("User or password is wrong.")
	p.typeInto("Password", "guest")
	p.press("Log in")
	p.wait("document.querySelector('main h1')?.innerText === 'Overview'")
}

func TestPermissionsHideAndRefuse(t *testing.T) {
	r := start(t)
	r.queue(r.channel("c"), "secret", nil)
	r.api(http.MethodPut, "users/viewer", map[string]any{"password": "viewer", "tags": "management"})
	r.api(http.MethodPut, "permissions/%2F/viewer", map[string]any{"configure": "^$", "write": "^$", "read": "^$"})
	p := open(t, r.url)
	p.allow("401 (Unauthorized)")
	p.enter("viewer", "viewer")
	nav := js[string](p, "document.querySelector('.nav').innerText")
	for _, hidden := range []string{"Users", "Virtual hosts", "Permissions", "Definitions", "Shovels", "Node and health"} {
		assert.NotContains(t, nav, hidden)
	}
	p.visit("#/queues?add=true")
	p.see("secret")
	p.typeInto("Name", "mine")
	p.press("Add the queue")
	p.see("You have no permission for that.")
	p.visit("#/queues/%2F/secret?tab=danger")
	p.press("Delete the queue")
	p.do("document.querySelector('dialog footer .danger').click()")
	p.wait("document.querySelector('dialog [role=alert]')?.innerText.includes('You have no permission')")
	r.api(http.MethodGet, "queues/%2F/secret", nil)
	p.visit("#/users")
	p.see("You may not do that")
}

func TestLoginThatEndsKeepsThePage(t *testing.T) {
	r := start(t)
	r.api(http.MethodPut, "users/anna", map[string]any{"password": "one", "tags": "administrator"})
	p := open(t, r.url)
	p.allow("401 (Unauthorized)")
	p.enter("anna", "one")
	p.visit("#/queues?add=true")
	p.typeInto("Name", "half-typed")
	r.api(http.MethodPut, "users/anna", map[string]any{"password": "two", "tags": "administrator"})
	p.see("Log in again")
	asked := p.requests("/api/")
	p.do("await new Promise((done) => setTimeout(done, 5000))")
	assert.LessOrEqual(t, p.requests("/api/"), asked+2, "it must not loop")
	p.typeInto("Password", "two")
	p.press("Log in")
	p.wait("!document.querySelector('dialog')")
	assert.Equal(t, "half-typed", js[string](p, find+".value", "Name"))
	p.refreshes("/api/queues?", 1)
}

func TestTwoTabsAreTwoUsers(t *testing.T) {
	r := start(t)
	r.api(http.MethodPut, "users/anna", map[string]any{"password": "anna", "tags": "monitoring"})
	guest, anna := open(t, r.url), open(t, r.url)
	guest.enter()
	anna.enter("anna", "anna")
	for p, want := range map[*tab]string{guest: "User guest", anna: "User anna"} {
		run(p, chromedp.Reload())
		p.wait("document.querySelector('.nav') && document.querySelector('main h1')")
		assert.Equal(t, 1, js[int](p, "document.querySelectorAll('button[aria-label=\""+want+"\"]').length"), want)
	}
	anna.press("User anna")
	anna.press("Log out")
	anna.wait("document.querySelector('.login-card')")
	guest.refreshes("/api/", 1)
}

func TestPathPrefix(t *testing.T) {
	r := start(t, func(c *management.Config) { c.PathPrefix = "/rabbit/admin" })
	r.queue(r.channel("c"), "q", nil)
	p := open(t, r.url)
	p.enter()
	p.visit("#/queues/%2F/q")
	p.wait("document.querySelector('main h1').innerText === 'q'")
	p.sound("below a prefix")
}

// A proxy that gives nothing on before all is there lets no stream through.
func TestProxyThatBuffers(t *testing.T) {
	r := start(t)
	ch := r.channel("c")
	r.queue(ch, "q", nil)
	target, err := url.Parse(r.url)
	assert.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.Contains(req.URL.Path, "/rabbet/live") || strings.Contains(req.URL.Path, "/rabbet/events") {
			<-req.Context().Done()
			return
		}
		proxy.ServeHTTP(w, req)
	}))
	t.Cleanup(front.Close)
	p := open(t, front.URL)
	t.Cleanup(func() { front.CloseClientConnections() })
	p.enter()
	p.visit("#/queues/%2F/q")
	r.queue(ch, "another", nil)
	p.refreshes("/api/queues/%2F/q", 3)
	p.visit("#/queues")
	p.see("another")
}

func TestBrokerThatIsAwayIsSaid(t *testing.T) {
	r := start(t)
	target, err := url.Parse(r.url)
	assert.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewUnstartedServer(proxy)
	front.Start()
	p := open(t, front.URL)
	p.allow("net::ERR", "Failed to load resource")
	p.enter()
	p.visit("#/queues")
	front.CloseClientConnections()
	front.Listener.Close()
	p.wait("/data is .* old/.test(document.querySelector('.freshness').innerText)")
	p.see("The broker does not answer.")
}
