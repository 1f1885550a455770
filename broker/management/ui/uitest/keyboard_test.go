package uitest

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
)

func (p *tab) keys(keys string) {
	p.t.Helper()
	run(p, chromedp.KeyEvent(keys))
}

func TestKeyboardAlone(t *testing.T) {
	r := start(t)
	ch := r.channel("c")
	for _, name := range []string{"alpha", "beta", "gamma"} {
		r.queue(ch, name, nil)
	}
	p := open(t, r.url)
	run(p, chromedp.Navigate(r.url+"/"))
	p.wait("document.activeElement?.tagName === 'INPUT'")
	p.keys("guest\tguest\r")
	p.wait("document.querySelector('main h1')?.innerText === 'Overview'")

	p.keys("gq")
	p.wait("document.querySelectorAll('main tr[data-row]').length === 3")
	p.keys("jj")
	assert.Contains(t, js[string](p, "document.activeElement.innerText"), "beta")
	p.keys("x")
	p.see("1 chosen")
	p.keys("x")
	// A browser types no character whose key was taken; the protocol's own event does.
	p.do("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: '/', bubbles: true}))")
	assert.True(t, js[bool](p, "document.activeElement.matches('[data-filter]')"))
	p.keys("gam")
	p.see("1 of 3 queues")
	p.do("document.activeElement.blur()")
	p.keys("j\r")
	p.wait("document.querySelector('main h1')?.innerText === 'gamma'")
	p.keys("p")
	p.wait("location.hash.includes('routing_key=gamma')")
	p.do("document.activeElement.blur()")
	p.keys("?")
	p.see("Search objects, run commands")
	p.keys(kb.Escape)
	p.wait("!document.querySelector('dialog')")
	p.keys(".")
	p.see("paused")
	p.keys(".")

	run(p, chromedp.KeyEvent("k", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	p.wait("document.activeElement?.getAttribute('role') === 'combobox'")
	p.keys("alph")
	p.wait("[...document.querySelectorAll('.palette li')].some((li) => li.innerText.includes('alpha'))")
	p.keys("\r")
	p.wait("document.querySelector('main h1')?.innerText === 'alpha'")

	// Tab goes through everything that can be used, in the order of the page, and is seen.
	p.visit("#/queues")
	p.do("document.activeElement.blur(); window.scrollTo(0, 0)")
	seen := map[string]bool{}
	for range 60 {
		p.keys("\t")
		at := js[string](p, "(() => { const e = document.activeElement; const s = getComputedStyle(e); return (s.outlineStyle !== 'none' || e === document.body || e.tabIndex < 0 ? '' : 'no outline: ') + (e.getAttribute('aria-label') || e.innerText || e.tagName) })()")
		assert.NotContains(t, at, "no outline")
		seen[at] = true
	}
	for _, name := range []string{"To the page", "Search or run a command", "Pause", "Add a queue", "Filter queues by name", "Columns"} {
		assert.True(t, seen[name], "%s is not reached by tab", name)
	}
}
