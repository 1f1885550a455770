package management

import (
	"html"
	"net/http"
	"slices"
	"strings"
)

// all are the routes, by pattern.
func (r *router) all() []*route {
	var list []*route
	var walk func(*branch)
	walk = func(b *branch) {
		if b == nil {
			return
		}
		if b.route != nil {
			list = append(list, b.route)
		}
		for _, next := range b.static {
			walk(next)
		}
		walk(b.variable)
	}
	walk(&r.root)
	slices.SortFunc(list, func(a, b *route) int { return strings.Compare(a.pattern, b.pattern) })
	return list
}

// helpStyle is what the pages of help and tools share.
const helpStyle = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
	`<meta name="color-scheme" content="light dark"><style>body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}` +
	`code,pre{font-family:ui-monospace,monospace}td,th{text-align:left;padding:.15rem 1.5rem .15rem 0;vertical-align:top}</style>`

const helpText = `<title>HTTP API</title><h1>HTTP API</h1>
<p>The HTTP API of RabbitMQ's management plugin, and below <code>/api/rabbet</code> what Rabbet adds to it.
Log in by HTTP Basic; the user needs one of the tags <code>management</code>, <code>policymaker</code>,
<code>monitoring</code>, <code>administrator</code>. Bodies and answers are JSON.</p>
<ul>
<li>Each part of a path is percent-encoded by itself: the virtual host <code>/</code> is <code>%2F</code>, the default
exchange <code>amq.default</code>.</li>
<li><code>GET</code> answers 200, <code>PUT</code> 201 for what is new and 204 otherwise, <code>DELETE</code> 204. What
fails has a body with <code>error</code> and <code>reason</code>; 401 is also what a user may not do.</li>
<li>Lists take <code>sort</code>, <code>sort_reverse</code>, <code>columns</code> and, many of them, <code>page</code>,
<code>page_size</code> (up to 500), <code>name</code>, <code>use_regex</code>. The header <code>X-Vhost</code> limits them
to one virtual host.</li>
<li>Statistics come with samples for <code>msg_rates_age</code> and <code>msg_rates_incr</code>, <code>lengths_…</code>,
<code>data_rates_…</code>, <code>node_stats_…</code>, in seconds.</li>
</ul>
<pre>curl -u guest:guest http://localhost:15672/api/queues/%2F?columns=name,messages</pre>
<table><thead><tr><th scope="col">Path</th><th scope="col">Methods</th></tr></thead><tbody>
`

// helpPage explains the API: all routes that there are.
func (r *router) helpPage() []byte {
	var b strings.Builder
	b.WriteString(helpStyle + helpText)
	for _, one := range r.all() {
		allow := strings.TrimSuffix(one.allow, ", "+http.MethodOptions)
		b.WriteString("<tr><td><code>/api" + html.EscapeString(one.pattern) + "</code></td><td>" + allow + "</td></tr>\n")
	}
	b.WriteString("</tbody></table></html>\n")
	return []byte(b.String())
}

// toolsPage stands where RabbitMQ offers rabbitmqadmin.
const toolsPage = helpStyle + `<title>Command line</title><h1>Command line</h1>
<p>The program that serves this page is <code>rabbitmqadmin</code> too, when it is called by that name, and needs no Python:</p>
<pre>ln -s "$(command -v rabbet)" rabbitmqadmin
./rabbitmqadmin --host=localhost --username=guest --password=guest list queues name messages</pre>
<p>RabbitMQ's own <code>rabbitmqadmin</code>, of either version, works with this broker as well.</p></html>
`

// showHTML answers with a page that needs nothing but itself.
func (q *request) showHTML(page []byte) {
	h := q.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	_, _ = q.w.Write(page) // a client that has gone
}
