// Package uitest drives the management page in a real browser. It is a module of its own,
// so that nobody else links the browser's protocol.
package uitest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

// patience is how long the page may take to show what it is asked for: a busy machine stands
// still for half a minute now and then.
const patience = time.Minute

var screenshots = flag.String("screenshots", "", "`folder` for screenshots of every page")

// chromium is the browser: RABBET_CHROMIUM, or the first of the usual names.
func chromium() string {
	if name := os.Getenv("RABBET_CHROMIUM"); name != "" {
		return name
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
	}
	return ""
}

// browser is shared by all tests; each has a context of its own in it.
var browser struct {
	once sync.Once
	ctx  context.Context
	err  error
	end  []func()
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	for i := len(browser.end) - 1; i >= 0; i-- {
		browser.end[i]()
	}
	os.Exit(code)
}

func startBrowser() {
	dir, err := os.MkdirTemp("", "uitest")
	if err != nil {
		browser.err = err
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium()), chromedp.UserDataDir(dir), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("ignore-certificate-errors-spki-list", trustedKey()))
	allocated, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, endBrowser := chromedp.NewContext(allocated)
	browser.end = append(browser.end, func() { _ = os.RemoveAll(dir) }, endAllocator, endBrowser)
	browser.ctx, browser.err = ctx, chromedp.Do(ctx)
}

// A tab is a page in a browser without any history, and what went wrong in it.
type tab struct {
	t      *testing.T
	ctx    context.Context
	origin string

	mu      sync.Mutex
	allowed []string // parts of complaints that a test provokes
	wrong   []string
	asked   []string // URLs
}

// open gives a tab of its own to a test. What the page complains of in it fails the test
// in the end, and so does a request to anybody but the origin.
func open(t *testing.T, origin string) *tab {
	t.Helper()
	if chromium() == "" {
		t.Skip("no browser: neither RABBET_CHROMIUM nor chromium, chromium-browser, google-chrome in PATH")
	}
	browser.once.Do(startBrowser)
	require.NoError(t, browser.err)
	return newTab(t, origin, browser.ctx, chromedp.WithNewBrowserContext())
}

// another opens a second tab of the same browser: it shares storage and cache with the first.
func (p *tab) another() *tab {
	p.t.Helper()
	return newTab(p.t, p.origin, p.ctx)
}

func newTab(t *testing.T, origin string, parent context.Context, options ...chromedp.ContextOption) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(parent, options...)
	p := &tab{t: t, ctx: ctx, origin: origin}
	require.NoError(t, chromedp.Listen(ctx, p.listen))
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	p.size(1280, 900)
	t.Cleanup(func() {
		defer end()
		for _, complaint := range p.complaints() {
			assert.Fail(t, "the page complains", complaint)
		}
	})
	return p
}

func (p *tab) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		p.complain("exception: " + text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			var words []string
			for _, arg := range e.Args {
				words = append(words, string(arg.Value)+arg.Description)
			}
			p.complain("console: " + strings.Join(words, " "))
		}
	case *log.EventEntryAdded: // CSP reports and failed requests are among these
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			p.complain("log: " + e.Entry.Text + " " + e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		url := e.Request.URL
		p.mu.Lock()
		p.asked = append(p.asked, url)
		p.mu.Unlock()
		if !strings.HasPrefix(url, p.origin) && !strings.HasPrefix(url, "data:") && !strings.HasPrefix(url, "blob:"+p.origin) && url != "about:blank" {
			p.complain("foreign request: " + url)
		}
	}
}

func (p *tab) complain(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong = append(p.wrong, text)
}

// allow takes back complaints that contain a part, those to come too.
func (p *tab) allow(parts ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = append(p.allowed, parts...)
}

func (p *tab) complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var left []string
next:
	for _, text := range p.wrong {
		for _, part := range p.allowed {
			if strings.Contains(text, part) {
				continue next
			}
		}
		left = append(left, text)
	}
	return left
}

// requests counts those whose URL contains a part.
func (p *tab) requests(part string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, url := range p.asked {
		if strings.Contains(url, part) {
			n++
		}
	}
	return n
}

func run[T any](p *tab, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	require.NoError(p.t, err)
	return value
}

func (p *tab) size(width, height int64) {
	p.t.Helper()
	run(p, chromedp.EmulateViewport(width, height))
}

func (p *tab) theme(name string) {
	p.t.Helper()
	p.prefer("prefers-color-scheme", name)
}

// prefer sets what the system says of its user's preference, and takes back any other.
func (p *tab) prefer(feature, value string) {
	p.t.Helper()
	features := []*emulation.MediaFeature{{Name: feature, Value: value}}
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
	require.NoError(p.t, err)
}

// js evaluates an expression, awaits it, and decodes its value.
func js[T any](p *tab, expression string, args ...any) T {
	p.t.Helper()
	return run(p, chromedp.Evaluate[T](fill(expression, args), chromedp.EvalAwaitPromise))
}

// do evaluates statements.
func (p *tab) do(statements string, args ...any) {
	p.t.Helper()
	js[bool](p, "(async () => {"+fill(statements, args)+"; return true})()")
}

// fill puts arguments as JSON in the place of %s.
func fill(text string, args []any) string {
	for _, arg := range args {
		encoded, err := json.Marshal(arg)
		if err != nil {
			panic(err)
		}
		text = strings.Replace(text, "%s", string(encoded), 1)
	}
	return text
}

// wait waits until an expression is true.
func (p *tab) wait(expression string, args ...any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	expression = fill(expression, args)
	var err error
	for {
		_, err = chromedp.Run(ctx, chromedp.Poll[bool]("Boolean("+expression+")", chromedp.WithPollingInterval(50*time.Millisecond)))
		if err == nil || ctx.Err() != nil {
			break
		}
		// The page was loaded anew, which ends a poll: look again.
		require.NoError(p.t, delay.Wait(p.ctx, delay.Real{}, 50*time.Millisecond))
	}
	if err != nil {
		p.t.Log("the page: ", js[string](p, "document.body.innerText.slice(0, 1500)"), p.complaints())
		require.NoError(p.t, err, expression)
	}
}

// see waits until the page shows a text.
func (p *tab) see(text string) {
	p.t.Helper()
	p.wait("document.body.innerText.includes(%s)", text)
}

// logIn opens the page and logs in by its form.
func (p *tab) logIn(user, password string) {
	p.t.Helper()
	run(p, chromedp.Navigate(p.origin+"/"))
	p.wait("document.querySelectorAll('form input').length === 2")
	p.typeInto("User", user)
	p.typeInto("Password", password)
	p.press("Log in")
}

// enter logs in as the administrator, or another, and waits for the frame.
func (p *tab) enter(login ...string) {
	p.t.Helper()
	if len(login) == 0 {
		login = []string{"guest", "guest"}
	}
	p.logIn(login[0], login[1])
	p.wait("document.querySelector('.nav') && document.querySelector('main h1')")
}

// visit goes to a fragment and waits for the heading of the page.
func (p *tab) visit(fragment string) {
	p.t.Helper()
	p.do("location.hash = %s", fragment)
	p.wait(`(() => {
		const main = document.querySelector('main');
		const wanted = location.hash.replace(/^#\/?/, '').split('?')[0].split('/').map(decodeURIComponent).join('\n');
		const tab = new URLSearchParams(location.hash.split('?')[1]).get('tab') ?? 'overview';
		const link = main?.querySelector('.tabs [aria-current]')?.getAttribute('href') ?? '';
		if (tab !== 'overview' && link !== '' && !link.includes('tab=' + tab)) return false;
		return main?.dataset.page === wanted && main.querySelector('h1') && !main.innerText.includes('Waiting for the broker');
	})()`)
}

// find is an expression for the control that a label names, wherever it is.
const find = `(() => {
	const name = %s;
	const controls = 'input, select, textarea, button, a';
	const dialog = [...document.querySelectorAll('dialog[open]')].pop();
	const all = dialog ? [...dialog.querySelectorAll(controls)] : [...document.querySelectorAll('main :is(' + controls + ')'), ...document.querySelectorAll(controls)];
	for (const el of all) {
		const label = el.labels?.[0]?.innerText ?? el.getAttribute('aria-label') ?? el.innerText;
		const names = [label, el.getAttribute('aria-label'), el.innerText].map((s) => (s ?? '').trim());
		if (names.includes(name) && el.offsetParent !== null) return el;
	}
	throw new Error('there is no control ' + name);
})()`

// typeInto sets the value of a field as typing does, or chooses an option once it is there.
func (p *tab) typeInto(label, text string) {
	p.t.Helper()
	p.wait("(() => { try { const el = "+find+"; return !el.options || [...el.options].some((o) => o.value === %s) } catch { return false } })()", label, text)
	p.do("const el = "+find+`;
		el.focus();
		const proto = Object.getPrototypeOf(el);
		Object.getOwnPropertyDescriptor(proto, 'value').set.call(el, %s);
		el.dispatchEvent(new Event('input', {bubbles: true}));
		el.dispatchEvent(new Event('change', {bubbles: true}))`, label, text)
}

// press clicks the control that a label names.
func (p *tab) press(label string) {
	p.t.Helper()
	p.wait("(() => { try { return !("+find+").disabled } catch { return false } })()", label)
	p.do(find+".click()", label)
}

// shot saves a picture of what is to be seen, if the flag -screenshots names a folder.
func (p *tab) shot(name string) {
	p.t.Helper()
	if *screenshots == "" {
		return
	}
	picture := run(p, chromedp.CaptureScreenshot())
	require.NoError(p.t, os.MkdirAll(*screenshots, 0o755))
	require.NoError(p.t, os.WriteFile(fmt.Sprintf("%s/%s.png", *screenshots, name), picture, 0o644))
}
