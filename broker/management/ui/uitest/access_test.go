package uitest

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
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

// quiet checks that the page asks nothing for a while: what has failed is not tried again
// and again.
func (p *tab) quiet() {
	p.t.Helper()
	asked := p.requests("/api/")
	p.do("await new Promise((done) => setTimeout(done, 5000))")
	assert.LessOrEqual(p.t, p.requests("/api/"), asked+2, "it must not loop")
}

func TestLoginThatEndsKeepsThePage(t *testing.T) {
	r := start(t)
	anna := func(password string) {
		r.api(http.MethodPut, "users/anna", map[string]any{"password": password, "tags": "administrator"})
	}
	anna("one")
	p := open(t, r.url)
	p.allow("401 (Unauthorized)")
	p.enter("anna", "one")
	p.visit("#/queues?add=true")
	p.typeInto("Name", "half-typed")
	anna("two")
	p.see("Log in again")
	p.quiet()
	p.typeInto("Password", "two")
	p.press("Log in")
	p.wait("!document.querySelector('dialog')")
	assert.Equal(t, "half-typed", js[string](p, find+".value", "Name"))
	p.refreshes("/api/queues?", 1)

	// A user who is deleted is asked as well; once they are back, the page goes on.
	r.api(http.MethodDelete, "users/anna", nil)
	p.see("Log in again")
	p.typeInto("Password", "two")
	p.press("Log in")
	p.see("User or password is wrong.")
	p.quiet()
	anna("three")
	p.typeInto("Password", "three")
	p.press("Log in")
	p.wait("!document.querySelector('dialog')")
	assert.Equal(t, "half-typed", js[string](p, find+".value", "Name"))

	// What the first user has typed is not for a second one.
	anna("four")
	p.see("Log in again")
	p.typeInto("User", "guest")
	p.typeInto("Password", "guest")
	p.press("Log in")
	p.wait("!document.querySelector('dialog') && document.querySelector('button[aria-label=\"User guest\"]')")
	p.wait("(() => { try { return "+find+".value === '' } catch { return false } })()", "Name")
}

// A broker that starts anew has the same administrator, and knows no other user: the first
// one's page goes on by itself, the other's asks.
func TestBrokerThatRestarts(t *testing.T) {
	r := start(t)
	r.api(http.MethodPut, "users/anna", map[string]any{"password": "anna", "tags": "administrator"})
	guest, anna := open(t, r.url), open(t, r.url)
	guest.enter()
	anna.enter("anna", "anna")
	for _, p := range []*tab{guest, anna} {
		p.allow("401 (Unauthorized)", "net::ERR", "Failed to load resource")
		p.visit("#/queues?add=true")
		p.typeInto("Name", "half-typed")
	}
	r.restart(func() { guest.see("The broker does not answer.") })
	r.queue(r.channel("c"), "born-later", nil)
	guest.see("born-later")
	anna.see("Log in again")
	anna.quiet()
	for _, p := range []*tab{guest, anna} {
		assert.Equal(t, "half-typed", js[string](p, "[...document.querySelectorAll('main form input')][0].value"))
	}
}

func TestTwoTabsAreTwoUsers(t *testing.T) {
	r := start(t)
	r.api(http.MethodPut, "users/anna", map[string]any{"password": "anna", "tags": "monitoring"})
	r.api(http.MethodPut, "permissions/%2F/anna", map[string]any{"configure": "", "write": "", "read": ""})
	guest := open(t, r.url)
	anna := guest.another()
	guest.enter()
	anna.enter("anna", "anna")
	guest.visit("#/publish")
	guest.typeInto("Payload", "of guest")
	anna.visit("#/publish")
	assert.Empty(t, js[string](anna, find+".value", "Payload"))
	for p, want := range map[*tab]string{guest: "User guest", anna: "User anna"} {
		run(p, chromedp.Reload())
		p.wait("document.querySelector('.nav') && document.querySelector('main h1')")
		assert.Equal(t, 1, js[int](p, "document.querySelectorAll('button[aria-label=\""+want+"\"]').length"), want)
	}
	anna.press("User anna")
	anna.press("Log out")
	anna.wait("document.querySelector('.login-card')")
	guest.visit("#/queues")
	guest.refreshes("/api/queues?", 1)
	assert.Equal(t, 1, js[int](guest, "document.querySelectorAll('button[aria-label=\"User guest\"]').length"))
}

// After log out, neither a way back nor the next user's page shows anything of the last one's.
func TestLogOut(t *testing.T) {
	r := start(t)
	r.queue(r.channel("c"), "of-guest", nil)
	r.api(http.MethodPut, "users/anna", map[string]any{"password": "anna", "tags": "administrator"})
	p := open(t, r.url)
	p.enter()
	p.visit("#/queues")
	p.see("of-guest")
	p.visit("#/publish")
	p.typeInto("Payload", "half-typed")
	p.press("User guest")
	p.press("Log out")
	p.wait("document.querySelector('.login-card')")
	assert.Equal(t, 0, js[int](p, "sessionStorage.length"), "the login is not kept")
	p.do("history.back()")
	p.wait("location.hash === '#/queues' && document.querySelector('.login-card')")
	assert.NotContains(t, js[string](p, "document.body.innerText"), "of-guest")
	p.do("performance.clearResourceTimings()")
	run(p, chromedp.Reload())
	p.wait("document.querySelector('.login-card')")
	assert.Equal(t, 0, js[int](p, "performance.getEntriesByType('resource').filter((e) => e.name.includes('/api/')).length"), "nobody asks the broker")
	p.typeInto("User", "anna")
	p.typeInto("Password", "anna")
	p.press("Log in")
	p.wait("document.querySelector('button[aria-label=\"User anna\"]')")
	p.visit("#/publish")
	assert.Empty(t, js[string](p, find+".value", "Payload"))
}

// The first to learn that the login has ended is a form that is sent, and then a question
// that is answered: each is kept, and is sent once the user has logged in again.
func TestLoginThatEndsAtASubmit(t *testing.T) {
	r := start(t)
	ends := func(password string) {
		r.api(http.MethodPut, "users/anna", map[string]any{"password": password, "tags": "administrator"})
		r.api(http.MethodPut, "permissions/%2F/anna", map[string]any{"configure": ".*", "write": ".*", "read": ".*"})
	}
	ends("one")
	p := open(t, r.url)
	p.allow("401 (Unauthorized)", "404 (Not Found)") // the page of what is deleted may look once more
	p.enter("anna", "one")
	p.visit("#/queues?add=true")
	p.press("Refresh")
	p.press("by hand")
	logIn := func(password string) {
		p.see("Log in again")
		p.typeInto("Password", password)
		p.press("Log in")
		p.wait("![...document.querySelectorAll('dialog h2')].some((h) => h.innerText === 'Log in again')")
	}
	p.typeInto("Name", "made-here")
	p.typeInto("Key 1", "x-note")
	p.typeInto("Value 1", "kept")
	ends("two")
	p.press("Add the queue")
	p.see("Log in again")
	p.quiet()
	logIn("two")
	assert.Equal(t, "kept", js[string](p, find+".value", "Value 1"))
	p.press("Add the queue")
	p.see("Queue made-here is there.")
	queue := r.api(http.MethodGet, "queues/%2F/made-here", nil).(map[string]any)
	assert.Equal(t, map[string]any{"x-note": "kept"}, queue["arguments"])

	p.visit("#/queues/%2F/made-here?tab=danger")
	p.press("Delete the queue")
	p.see("Delete queue made-here?")
	ends("three")
	p.do("document.querySelector('dialog footer .danger').click()")
	logIn("three")
	p.see("Delete queue made-here?")
	p.do("document.querySelector('dialog footer .danger').click()")
	p.wait("!document.querySelector('dialog')")
	status, _ := r.try(http.MethodGet, "queues/%2F/made-here", nil)
	assert.Equal(t, http.StatusNotFound, status)
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
