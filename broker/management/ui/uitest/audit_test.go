package uitest

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// findings lists what Lighthouse would complain of.
//
//go:embed audit.js
var findings string

// named are the roles that a screen reader announces by their names.
var named = map[string]bool{
	"button": true, "link": true, "textbox": true, "searchbox": true, "combobox": true, "checkbox": true, "radio": true, "spinbutton": true,
	"listbox": true, "option": true, "meter": true, "dialog": true, "region": true, "navigation": true, "complementary": true, "heading": true,
}

// audit checks what is shown in the manner of Lighthouse: no finding, and a name, as the
// browser computes it, for all that is announced by one.
func (p *tab) audit(where string) {
	p.t.Helper()
	assert.Empty(p.t, js[[]string](p, findings), where)
	tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	require.NoError(p.t, err)
	for _, node := range tree.Nodes {
		if node.Ignored || node.Role == nil || !named[strings.Trim(string(node.Role.Value), `"`)] {
			continue
		}
		if node.Name == nil || strings.Trim(string(node.Name.Value), `" `) == "" {
			assert.Fail(p.t, "no name", "%s: %s %d", where, node.Role.Value, node.BackendDOMNodeID)
		}
	}
}

// What lies above the pages, or comes before them, has no finding in both themes.
func TestAuditOfWhatOpens(t *testing.T) {
	r := start(t)
	furnish(r)
	for _, theme := range []string{"light", "dark"} {
		p := open(t, r.url)
		p.allow("401 (Unauthorized)", "400 (Bad Request)")
		p.theme(theme)
		p.logIn("guest", "wrong")
		p.see("User or password is wrong.")
		p.audit("login, " + theme)
		p.enter()
		for _, menu := range []string{"Refresh", "Theme", "User guest"} {
			p.press(menu)
			p.wait("document.querySelector('.menu .pop')")
			p.audit(menu + ", " + theme)
			p.press(menu)
		}
		for fragment, button := range map[string]string{
			"queues": "Columns", "queues/%2F/orders.created?tab=danger": "Delete the queue", "dead-letters/%2F/dead-letters": "Retry all",
			"connections": "Search or run a command", "exchanges?add=true": "Add the exchange",
		} {
			p.visit("#/" + fragment)
			p.press(button)
			p.wait("document.querySelector('dialog[open], .menu .pop, .chart-table, main [role=alert], main :invalid')")
			p.audit(fmt.Sprintf("%s after %s, %s", fragment, button, theme))
			p.do("document.querySelectorAll('dialog[open]').forEach((d) => d.dispatchEvent(new Event('cancel', {cancelable: true})))")
		}
		p.visit("#/queues/%2F/orders.created?tab=messages")
		p.wait("document.querySelectorAll('main td.key button').length > 2")
		p.do("document.querySelectorAll('main td.key button')[2].click()")
		p.see("Message at position")
		p.audit("a message, " + theme)
		p.do("document.querySelectorAll('dialog[open]').forEach((d) => d.dispatchEvent(new Event('cancel', {cancelable: true})))")
		p.visit("#/queues/%2F/orders.paid")
		p.wait("[...document.querySelectorAll('main button')].some((b) => b.textContent.startsWith('Table'))")
		p.do("[...document.querySelectorAll('main button')].find((b) => b.textContent.startsWith('Table')).click()")
		p.wait("document.querySelector('main .chart-table')")
		p.audit("a chart as a table, " + theme)
		p.visit("#/queues")
		p.wait("document.querySelector('main td.pick input')")
		p.do("document.querySelector('main td.pick input').click()")
		p.see("1 chosen")
		p.audit("chosen rows, " + theme)
		p.visit("#/nowhere")
		p.audit("no such page, " + theme)
	}
}

// walk records where the focus goes within main.
const walk = `(() => {
	const main = document.querySelector('main');
	window.reached = (e) => e.isConnected && e.checkVisibility({ visibilityProperty: true }) && !e.matches(':disabled') && e.tabIndex >= 0;
	window.steps = [...main.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')].filter(window.reached);
	window.went = [];
	window.wrong = [];
	window.walking?.abort();
	window.walking = new AbortController();
	main.focus();
	main.addEventListener('focusin', ({ target }) => {
		if (target === main) return; // told late, where the window had lost the focus
		const before = window.went.at(-1);
		window.went.push(target);
		if (before?.isConnected && !(before.compareDocumentPosition(target) & Node.DOCUMENT_POSITION_FOLLOWING)) window.wrong.push('out of order: ' + target.outerHTML.slice(0, 120));
		if (getComputedStyle(target).outlineStyle === 'none') window.wrong.push('not seen: ' + target.outerHTML.slice(0, 120));
	}, { signal: window.walking.signal });
	return window.steps.length;
})()`

// missed gives what is wrong with a walk of so many steps.
const missed = `[...window.wrong, ...window.steps.slice(0, %s).filter((e) => window.reached(e) && !window.went.includes(e)).map((e) => 'left out: ' + e.outerHTML.slice(0, 120))]`

// Tab goes through the controls of every page in their order, leaves none out, is caught
// nowhere, and is seen.
func TestFocusOrderOfEveryPage(t *testing.T) {
	r := start(t)
	furnish(r)
	p := open(t, r.url)
	p.enter()
	p.press("Pause") // so that no list changes on the way
	for _, where := range append(append([]string{}, everywhere...), tabsOf("/", "orders.created")...) {
		p.visit("#/" + where)
		steps := min(40, js[int](p, walk))
		for range 10 {
			if steps == 0 {
				break // such as the page of delayed messages without an exchange for them
			}
			p.keys(strings.Repeat("\t", 10))
			if js[bool](p, "(() => { const last = window.steps[%s - 1]; return window.went.includes(last) || !window.reached(last) })()", steps) {
				break // the page may have grown meanwhile, so it takes more than those steps
			}
		}
		assert.Empty(t, js[[]string](p, missed, steps), where)
	}
}
