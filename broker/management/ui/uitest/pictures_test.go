package uitest

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"image"
	"image/color"
	"image/png"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

var pictures = flag.String("pictures", "", "`folder` for the pictures of docs/management-ui.md")

// TestPicturesOfTheDocs takes the pictures of docs/management-ui.md, of a broker with some
// life in it:
//
//	.ci/browser-tests -run Pictures -pictures "$PWD/docs/images"
func TestPicturesOfTheDocs(t *testing.T) {
	if *pictures == "" {
		t.Skip("no folder: -pictures")
	}
	r := start(t)
	furnish(r)
	r.api(http.MethodPut, "users/orders-service", map[string]any{"password": "x", "tags": ""})
	r.api(http.MethodPut, "permissions/%2F/orders-service", map[string]any{"configure": "^orders", "write": "^orders", "read": "^orders"})
	r.api(http.MethodPut, "users/grafana", map[string]any{"password": "x", "tags": "monitoring"})
	r.api(http.MethodPut, "policies/%2F/bounded", map[string]any{"pattern": "^orders", "definition": map[string]any{"max-length": 50000}, "apply-to": "queues"})
	if r.has("trace") {
		r.api(http.MethodPut, "rabbet/traces/%2F", map[string]any{"filter": map[string]any{"exchange": "orders"}, "capacity": 1000, "payload_bytes": 1024})
	}
	delayOrders(r)
	traffic(r)

	p := open(t, r.url)
	p.enter()
	p.do("localStorage.setItem('rabbet.range', '\"60/5\"')")
	p.theme("light")
	for _, shot := range []struct{ name, where, see string }{
		{"messages", "queues/%2F/orders.created?tab=messages", "ready"},
		{"unacked", "queues/%2F/orders.paid?tab=unacked", "paid-worker"},
		{"dead-letters", "dead-letters", "rejected"},
		{"delayed", "delayed", "Deliver now"},
		{"stream", "queues/%2F/audit?tab=messages&offset=20", "in the stream"},
		{"topology", "topology", "dead-letters"},
		{"add-queue", "queues?add=true", "Add a queue"},
		{"permissions", "permissions", "orders-service"},
	} {
		p.visit("#/" + shot.where)
		p.see(shot.see)
		p.picture(shot.name)
	}
	p.visit("#/queues/%2F/orders.created?tab=messages")
	p.see("ready")
	p.do("document.querySelectorAll('main td.key button')[2].click()")
	p.see("Message at position")
	p.picture("message")
	if r.has("trace") {
		p.visit("#/trace")
		p.wait("document.querySelector('main tr[data-row] button')")
		p.do("document.querySelector('main tr[data-row] button').click()")
		p.see("Its life")
		p.wait("document.querySelectorAll('main .life li').length > 2")
		p.picture("trace")
	}
	p.theme("dark")
	p.visit("#/queues")
	p.see("orders.created")
	p.picture("queues-dark")
	p.visit("#/")
	p.see("Message rates")
	for range 7 { // a minute of rates
		p.do("await new Promise((done) => setTimeout(done, 10000))")
	}
	p.picture("overview")
}

// delayOrders declares a delayed exchange with messages that wait.
func delayOrders(r *rabbit) {
	ch := r.channel("reminders")
	require.NoError(r.t, ch.ExchangeDeclare("reminders", "x-delayed-message", true, false, false, false, amqp091.Table{"x-delayed-type": "direct"}))
	for i := range 12 {
		r.publish(ch, "reminders", "reminder", amqp091.Publishing{ContentType: "application/json", Body: []byte(`{"remind":"customer"}`), Headers: amqp091.Table{"x-delay": int32(60000 * (i*i + 1))}})
	}
}

// traffic publishes and consumes until the test ends.
func traffic(r *rabbit) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	ch, worker := r.channel("checkout-api"), r.channel("worker-created")
	require.NoError(r.t, worker.Qos(20, 0, false))
	deliveries, err := worker.Consume("urgent", "urgent-worker", false, false, false, false, nil)
	require.NoError(r.t, err)
	go func() {
		for d := range deliveries {
			_ = d.Ack(false)
		}
	}()
	go func() {
		defer close(done)
		for i := 0; delay.Wait(ctx, delay.Real{}, 40*time.Millisecond) == nil; i++ {
			for range 2 + rand.IntN(4+i%40/5) {
				if ch.PublishWithContext(ctx, "by-header", "", false, false, amqp091.Publishing{Headers: amqp091.Table{"urgent": true}, Body: []byte("{}")}) != nil {
					return
				}
			}
			if i%25 == 0 && ch.PublishWithContext(ctx, "orders", "order.created.us", false, false, amqp091.Publishing{ContentType: "application/json", MessageId: "live", Headers: amqp091.Table{"tenant": "acme", "urgent": true}, Body: []byte(`{"order":4711,"total":99.90,"paid":true,"note":null}`)}) != nil {
				return
			}
		}
	}()
	r.t.Cleanup(func() { cancel(); <-done })
}

// picture saves what is to be seen for the docs, in at most 256 colours.
func (p *tab) picture(name string) {
	p.t.Helper()
	p.size(1280, 800)
	p.do("document.activeElement?.blur(); await new Promise((done) => setTimeout(done, 300))")
	taken, err := png.Decode(bytes.NewReader(run(p, chromedp.CaptureScreenshot())))
	require.NoError(p.t, err)
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	require.NoError(p.t, encoder.Encode(&out, fewColours(taken)))
	require.NoError(p.t, os.MkdirAll(*pictures, 0o755))
	require.NoError(p.t, os.WriteFile(filepath.Join(*pictures, "ui-"+name+".png"), out.Bytes(), 0o644))
}

// fewColours keeps the 64 most frequent colours, then the most frequent of each region of
// colours, 256 in all; the others, which smooth the edges of letters, become the nearest.
func fewColours(from image.Image) image.Image {
	counts := map[color.RGBA]int{}
	b := from.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			counts[color.RGBAModel.Convert(from.At(x, y)).(color.RGBA)]++
		}
	}
	byCount := slices.SortedFunc(maps.Keys(counts), func(a, b color.RGBA) int { return cmp.Compare(counts[b], counts[a]) })
	var palette color.Palette
	regions := map[[3]uint8]bool{}
	for i, c := range byCount {
		region := [3]uint8{c.R >> 4, c.G >> 4, c.B >> 4}
		if len(palette) < 256 && (i < 64 || !regions[region]) {
			palette = append(palette, c)
		}
		regions[region] = true
	}
	index := map[color.RGBA]uint8{}
	out := image.NewPaletted(b, palette)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := color.RGBAModel.Convert(from.At(x, y)).(color.RGBA)
			i, ok := index[c]
			if !ok {
				i = uint8(palette.Index(c))
				index[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	return out
}
