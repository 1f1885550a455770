package uitest

import (
	"encoding/json"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
)

// What modules compute without the page: an expression of a module m, and its value.
func TestLogicOfModules(t *testing.T) {
	r := start(t)
	p := open(t, r.url)
	run(p, chromedp.Navigate(r.url+"/"))
	p.wait("document.querySelector('form')")
	for _, tc := range []struct{ module, expression, want string }{
		{"format", "[0, 1234567, null, NaN].map(m.number)", `["0","1,234,567","–","–"]`},
		{"format", "[0, 0.2, 12.34, 4321.9].map(m.rate)", `["0/s","0.20/s","12.3/s","4,322/s"]`},
		{"format", "[0, 1023, 1536, 5e9].map(m.bytes)", `["0 B","1023 B","1.5 KiB","4.7 GiB"]`},
		{"format", "[0, 850, 3200, 65000, 7500000, 200000000].map(m.duration)", `["0 ms","850 ms","3.2 s","1 min 5 s","2 h 5 min","2 d 7 h"]`},
		{"format", "m.at({a: {b: [1]}}, 'a.b.0')", `1`},
		{"format", "m.at(null, 'a.b') ?? 'nothing'", `"nothing"`},
		{"format", "['q10', 'q9', null, 3].sort(m.compare)", `[null,3,"q9","q10"]`},
		{"router", "m.parse('#/queues/%2F/a%2Fb?tab=messages&x=1%262')", `{"parts":["queues","/","a/b"],"query":{"tab":"messages","x":"1&2"},"hash":"#/queues/%2F/a%2Fb?tab=messages&x=1%262"}`},
		{"router", "m.href(['queues', '/', '%'], {tab: 'x', no: ''})", `"#/queues/%2F/%25?tab=x"`},
		{"router", "m.parse('#/queues/%E0%A4%A').parts", `["queues","%E0%A4%A"]`},
		{"series", "m.align([{details: {samples: [{sample: 30, timestamp: 10000}, {sample: 10, timestamp: 5000}, {sample: 50, timestamp: 0}]}}])", `[[5,10],[0,4]]`},
		{"series", "m.align([{gauge: true, details: {samples: [{sample: 3, timestamp: 5000}]}}, {details: undefined}])", `[[5],[3],[null]]`},
		{"pushed", "m.merged({messages: 1, messages_details: {rate: 0, samples: [{sample: 1, timestamp: 5000}, {sample: 0, timestamp: 0}]}, policy: 'p'}, {messages: 7, messages_details: {rate: 2}}, 11000)", `{"messages":7,"messages_details":{"rate":2,"samples":[{"sample":7,"timestamp":10000},{"sample":1,"timestamp":5000}]},"policy":"p"}`},
		{"pushed", "['overview?lengths_age=60', 'queues/%2F/q', 'queues/%2F', 'queues?page=1', 'queues/%2F/q/bindings', 'nodes/n', 'connections/c/channels'].map(m.objectOf)", `["overview","queues/%2F/q","","","","nodes/n",""]`},
		{"payload", "[m.looksLike('{\"a\":1}'), m.looksLike('<a/>'), m.looksLike('{no'), m.utf8(new Uint8Array([255]))]", `["json","xml","text",null]`},
		{"payload", "m.hexDump(new Uint8Array([0, 65, 255]))", `"000000  00 41 ff                                         .A."`},
		{"payload", "m.tokens('{\"k\": [\"v\", 1, null]}').map(([kind]) => kind)", `["","key","","","string","","number","","word",""]`},
		{"payload", "m.deathSentence({'x-death': [{queue: 'q', reason: 'rejected', count: 2, exchange: 'x', 'routing-keys': ['k']}]})", `"It was rejected in queue q 2 times. It had come by exchange x with key k."`},
		{"payload", "m.asCurl({exchange: '', routing_key: \"it's\", payload: 'p', payload_encoding: 'string'}, {base: 'http://h/api/', vhost: '/'}).includes(\"it'\\\\''s\")", `true`},
		{"draft", "m.bodyOf({...m.emptyDraft('/'), routing_key: 'k', headers: [{key: 'a', value: '1', type: 'number'}, {key: 'a', value: 'x', type: 'string'}], properties: [{key: 'expiration', value: '5', type: 'number'}]})", `{"properties":{"expiration":"5","headers":{"a":[1,"x"]},"delivery_mode":1},"routing_key":"k","payload":"","payload_encoding":"string"}`},
		{"draft", "(() => { try { m.bodyOf({...m.emptyDraft('/'), properties: [{key: 'nonsense', value: '', type: 'string'}]}) } catch (e) { return e.message } })()", `"There is no property “nonsense”. A header of that name is possible."`},
		{"draft", "m.expand({...m.emptyDraft('/'), payload: 'n {{n}}', routing_key: '{{n}}'}, 7).payload", `"n 7"`},
		{"draft", "/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(m.expand({...m.emptyDraft('/'), payload: '{{uuid}}'}, 1).payload)", `true`},
		{"queue", "m.effective({arguments: {'x-max-length': 10, 'x-overflow': 'drop-head'}}, {policy: {name: 'p', definition: {'max-length': 5, overflow: 'reject-publish'}}})", `[{"key":"max-length","value":5,"origin":"policy p","losers":["argument: 10"]},{"key":"overflow","value":"drop-head","origin":"argument","losers":["policy p: reject-publish"]}]`},
		{"queue", "[m.refusedBy('stream', 'x-max-priority') !== '', m.refusedBy('classic', 'x-max-priority'), m.refusedBy('quorum', 'x-anything')]", `[true,"",""]`},
		{"graph", "m.merge([{from: 'a', to: 'b', type: 'binding', routing_key: 'x'}, {from: 'a', to: 'b', type: 'binding', routing_key: 'y', rate: 2}])", `[{"from":"a","to":"b","type":"binding","routing_key":"x, y","rate":2}]`},
		{"graph", "m.near({nodes: ['a', 'b', 'c'].map((id) => ({id, name: id})), edges: [{from: 'a', to: 'b'}, {from: 'b', to: 'c'}]}, 'a', 1).nodes.map((n) => n.id)", `["a","b"]`},
		{"graph", "m.mermaid({nodes: [{id: 'x/\"', type: 'exchange', name: '\"'}], edges: []})", `"flowchart LR\n  n0([\"#34;\"])\n"`},
		{"stream", "(() => { const got = []; m.dispatch('event: a\\nid: 7\\ndata: {\"x\":\\ndata: 1}', (...all) => got.push(all)); m.dispatch(': ping', (...all) => got.push(all)); return got })()", `[["a",{"x":1},"7"]]`},
		{"password", "new Set(Array.from({length: 50}, m.generatePassword)).size === 50 && m.generatePassword().length === 24", `true`},
	} {
		expression := "import(document.querySelector('script[type=module]').src.replace('app.js', 'lib/' + %s + '.js')).then((m) => JSON.stringify(" + tc.expression + "))"
		got := js[string](p, expression, tc.module)
		assert.JSONEq(t, tc.want, got, "%s: %s", tc.module, tc.expression)
		assert.True(t, json.Valid([]byte(tc.want)))
	}
}
