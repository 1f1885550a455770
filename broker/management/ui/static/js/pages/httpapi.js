// The HTTP API, tried from here: everything on the page comes from it.
import { html, useState } from '../lib/html.js';
import { apiURL, request } from '../lib/api.js';
import { tokens } from '../lib/payload.js';
import * as f from '../lib/format.js';
import { Card, Copy, PageHead } from '../components/basic.js';
import { Submit, Text, useForm } from '../components/form.js';

const EXAMPLES = ['overview', 'queues?page=1&page_size=10&sort=messages&sort_reverse=true', 'queues?columns=vhost,name,messages', 'connections?columns=name,user,state', 'exchanges/%2F', 'bindings/%2F', 'nodes', 'health/checks/alarms', 'definitions', 'whoami'];

export default function HttpApi() {
	const [answer, setAnswer] = useState(/** @type {any} */ (null));
	const form = useForm({ where: 'overview' }, async (v) => {
		const started = performance.now();
		const where = v.where.replace(/^\/?(api\/)?/, '');
		const response = await request('GET', where, { raw: true });
		const text = await response.text();
		setAnswer({ where, text: pretty(text), size: text.length, ms: performance.now() - started, type: response.headers.get('content-type') });
		return false;
	});
	return html`<${PageHead} title="HTTP API" sub=${html`Everything on these pages comes from it: RabbitMQ’s management API, and more under <code>/api/rabbet</code>. <a href=${apiURL('index.html')} target="_blank" rel="noopener">All routes</a>`} />
		<div class="stack loose"><${Card} title="Ask it"><form class="form" onSubmit=${form.submit}>
			<${Text} label="GET /api/" value=${form.values.where} onChange=${form.set('where')} full />
			<div class="full presets">${EXAMPLES.map((e) => html`<button type="button" key=${e} class="btn small mono" onClick=${() => form.set('where')(e)}>${e}</button>`)}</div>
			<${Submit} form=${form} text="Ask"><${Copy} label="Copy as curl" text=${`curl -u USER:PASSWORD '${apiURL(form.values.where)}'`} /></${Submit}></form></${Card}>
			${answer && html`<${Card} title=${html`<code class="name">/api/${answer.where}</code>`} tools=${html`<span class="muted small num">${f.bytes(answer.size)} in ${f.duration(answer.ms)}</span><${Copy} text=${answer.text} />`}><pre class="payload" tabindex="0">${answer.text.length < 200000 ? tokens(answer.text).map(([kind, word]) => (kind ? html`<span class=${'tok-' + kind}>${word}</span>` : word)) : answer.text}</pre></${Card}>`}
		</div>`;
}

/** @param {string} text */
function pretty(text) {
	try {
		return JSON.stringify(JSON.parse(text), null, 2);
	} catch {
		return text;
	}
}
