package uitest

import (
	"fmt"
	"math"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pairs are the tokens that text, or the frame of a control, is set in: foreground,
// background, and the contrast that WCAG asks for at level AA.
var pairs = []struct {
	front, back string
	least       float64
}{
	{"--text", "--bg", 4.5}, {"--text", "--surface", 4.5}, {"--text", "--surface-2", 4.5}, {"--text", "--surface-3", 4.5},
	{"--text-2", "--bg", 4.5}, {"--text-2", "--surface", 4.5}, {"--text-2", "--surface-2", 4.5},
	{"--accent", "--bg", 4.5}, {"--accent", "--surface", 4.5}, {"--accent", "--surface-2", 4.5}, {"--accent", "--accent-soft", 4.5},
	{"--on-accent", "--accent-fill", 4.5}, {"--on-bad", "--bad-fill", 4.5},
	{"--good", "--surface", 4.5}, {"--good", "--good-soft", 4.5}, {"--warn", "--surface", 4.5}, {"--warn", "--warn-soft", 4.5},
	{"--bad", "--surface", 4.5}, {"--bad", "--bad-soft", 4.5}, {"--info", "--surface", 4.5}, {"--info", "--info-soft", 4.5},
	{"--text", "--info-soft", 4.5}, {"--text", "--warn-soft", 4.5}, {"--text", "--bad-soft", 4.5}, {"--text", "--good-soft", 4.5}, {"--text", "--accent-soft", 4.5},
	{"--text-2", "--accent-soft", 4.5}, {"--bg", "--text", 4.5}, {"--line-strong", "--surface", 3}, {"--line-strong", "--bg", 3},
	{"--c1", "--surface", 3}, {"--c2", "--surface", 3}, {"--c3", "--surface", 3}, {"--c4", "--surface", 3}, {"--c5", "--surface", 3}, {"--c6", "--surface", 3}, {"--c7", "--surface", 3}, {"--c8", "--surface", 3},
}

func TestContrastOfBothThemes(t *testing.T) {
	r := start(t)
	p := open(t, r.url)
	p.enter()
	for _, theme := range []string{"light", "dark"} {
		p.theme(theme)
		p.press("Theme")
		p.press("As the system")
		for _, pair := range pairs {
			got := contrast(p.color(pair.front), p.color(pair.back))
			assert.GreaterOrEqual(t, got, pair.least, "%s on %s, %s: %.2f", pair.front, pair.back, theme, got)
		}
	}
	// A choice on the page wins over the system's.
	p.press("Theme")
	p.press("Light")
	light := p.color("--bg")
	run(p, chromedp.Reload())
	p.wait("document.querySelector('.nav') && document.querySelector('main h1')")
	assert.Equal(t, light, p.color("--bg"), "the choice is kept")
}

// color is a token's value as red, green and blue.
func (p *tab) color(token string) [3]float64 {
	p.t.Helper()
	rgb := js[[]float64](p, `(() => { const i = document.createElement('i'); i.style.color = 'var(' + %s + ')'; document.body.append(i); const c = getComputedStyle(i).color; i.remove(); return c.match(/[\d.]+/g).slice(0, 3).map(Number) })()`, token)
	require.Len(p.t, rgb, 3, token)
	return [3]float64(rgb)
}

// contrast is that of WCAG 2: from 1 to 21.
func contrast(a, b [3]float64) float64 {
	l, m := luminance(a), luminance(b)
	return (max(l, m) + 0.05) / (min(l, m) + 0.05)
}

func luminance(rgb [3]float64) float64 {
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		c := rgb[i] / 255
		if c <= 0.03928 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func TestTenThousandQueues(t *testing.T) {
	r := start(t)
	ch := r.channel("many")
	for i := range 10000 {
		require.NoError(t, ch.ExchangeDeclarePassive("amq.direct", "direct", true, false, false, false, nil), "keeps the channel in step")
		_, err := ch.QueueDeclare(fmt.Sprintf("queue-%05d", i), true, false, false, i < 9999, amqp091.Table{"x-max-length": 1000})
		require.NoError(t, err)
	}
	p := open(t, r.url)
	p.enter()
	p.see("10,000")
	paint := js[float64](p, "performance.getEntriesByName('first-contentful-paint')[0].startTime")
	p.do(`window.long = 0; new PerformanceObserver((list) => { for (const e of list.getEntries()) window.long += e.duration }).observe({entryTypes: ['longtask']})`)
	for _, rows := range []int{100, 500} {
		least := math.Inf(1) // a busy machine takes its time now and then, not every time
		for range 5 {
			p.visit("#/cluster-name")
			p.do("window.long = 0")
			p.do("location.hash = '#/queues?page_size=' + %s", rows)
			p.wait("document.querySelectorAll('main tr[data-row]').length === %s", rows)
			p.do("await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
			least = min(least, js[float64](p, "window.long"))
		}
		t.Logf("first contentful paint after %.0f ms; a page of %d of 10,000 queues kept the main thread for %.0f ms in tasks over 50 ms", paint, rows, least)
		if rows == 100 {
			assert.Less(t, least, 1000.0, "the goal is 300 ms on a machine with nothing else to do")
		}
	}
	p.visit("#/queues?sort=name&sort_reverse=true&page=3")
	p.see("page 3 of 100")
	p.see("queue-09799")
	p.sound("ten thousand queues")
	for _, where := range []string{"", "topology", "exchanges/%2F/amq.default?tab=bindings", "limits", "publish"} {
		p.visit("#/" + where)
		p.sound(where)
	}
}
