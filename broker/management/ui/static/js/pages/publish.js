// Publishing from the page. The form keeps what is typed for as long as the tab lives.
import { html, useEffect, useMemo, useState } from '../lib/html.js';
import { apiURL, path, post, vhostFilter } from '../lib/api.js';
import { among, useExtension, useVhosts } from '../lib/broker.js';
import { exchangePath, useRoute } from '../lib/router.js';
import { kept, Store, useStore } from '../lib/store.js';
import { asCurl } from '../lib/payload.js';
import { bodyOf, emptyDraft, expand, fromMessage, PROPERTIES, PROPERTY_HELP } from '../lib/draft.js';
import * as f from '../lib/format.js';
import { Badge, Card, Copy, Note, PageHead } from '../components/basic.js';
import { ExchangeLink, QueueLink } from '../components/cells.js';
import { Area, Arguments, Choice, Submit, Text, useForm } from '../components/form.js';
import { Suggest } from '../components/suggest.js';
import { History } from '../components/history.js';

/** The form's values outlive a visit to another page. */
const draft = new Store(/** @type {any} */ (null));

export default function Publish() {
	const { query: q } = useRoute();
	const filter = useStore(vhostFilter);
	const vhosts = useVhosts();
	const tests = useExtension('route-test');
	const [result, setResult] = useState(/** @type {any} */ (null));
	const start = useMemo(() => startingDraft(q, filter), []);
	const form = useForm(start, async (values) => {
		setResult(await send(values, tests, setResult));
		kept.set('published', [values, ...(kept.get('published') || []).filter((old) => JSON.stringify(old) !== JSON.stringify(values))].slice(0, 30));
		return false;
	});
	const v = form.values;
	useEffect(() => { draft.set(v); }, [v]);
	useEffect(() => { if (among(vhosts, v.vhost) !== v.vhost) form.set('vhost')(vhosts[0]); }, [vhosts.length]);
	const drop = async (e) => {
		const [file] = e.dataTransfer?.files || e.target.files || [];
		if (!file) return;
		e.preventDefault();
		form.setValues({ ...v, ...await readFile(file) });
	};
	return html`<${PageHead} title="Publish" /><div class="grid wide">
		<${Card} title="A message"><form class="form" onSubmit=${form.submit}>
			${vhosts.length > 1 && html`<${Choice} label="Virtual host" value=${v.vhost} onChange=${form.set('vhost')} options=${vhosts} />`}
			<${Suggest} label="Exchange" kind="exchanges" vhost=${v.vhost} value=${v.exchange} onChange=${form.set('exchange')} placeholder="(AMQP default)" hint="Empty: the default exchange, which leads to the queue named by the key." />
			<${Suggest} label="Routing key" kind="queues" vhost=${v.vhost} value=${v.routing_key} onChange=${form.set('routing_key')} />
			<${Choice} label="Delivery mode" value=${v.delivery_mode} onChange=${form.set('delivery_mode')} options=${[['1', '1, not persistent'], ['2', '2, persistent']]} />
			<div class="full" onDragOver=${(e) => e.preventDefault()} onDrop=${drop}>
				<${Area} label="Payload" value=${v.payload} onChange=${form.set('payload')} rows="8" hint=${html`${f.bytes(new TextEncoder().encode(v.payload).length)}. <code>{{n}}</code> is the number of the message, <code>{{uuid}}</code> a new UUID, <code>{{now}}</code> the time. A file may be dropped here, or <label><span class="visually-hidden">Choose a file</span><input type="file" style=${{ maxWidth: '13rem' }} onChange=${drop} /></label>`} /></div>
			<${Choice} label="The payload is" value=${v.encoding} onChange=${form.set('encoding')} options=${[['string', 'Text'], ['base64', 'Base64 of bytes']]} />
			<${Arguments} label="Headers" keyHint="Header" rows=${v.headers} onChange=${form.set('headers')} />
			<${Arguments} label="Properties" keyHint="Property" rows=${v.properties} onChange=${form.set('properties')} presets=${html`<div class="presets">${PROPERTIES.map(([key, type]) => html`<button type="button" key=${key} class="btn small" title=${PROPERTY_HELP[key]} onClick=${() => { if (!v.properties.some((r) => r.key === key)) form.set('properties')([...v.properties, { key, value: '', type }]); }}>${key.replaceAll('_', ' ')}</button>`)}</div>`} />
			<${Text} label="How many times" type="number" min="1" max="100000" value=${v.repeat} onChange=${form.set('repeat')} />
			<${Text} label="A second" type="number" min="0" hint="0: as fast as they go." value=${v.rate} onChange=${form.set('rate')} />
			<${Submit} form=${form} text="Publish"><button type="button" class="btn" onClick=${() => { form.setValues(emptyDraft(v.vhost)); setResult(null); }}>Empty the form</button><${Copy} label="Copy as curl" text=${curl(v)} /></${Submit}>
			<${Result} result=${result} vhost=${v.vhost} />
		</form></${Card}>
		<${History} use=${(values) => form.setValues(values)} current=${v} />
	</div>`;
}

/** @param {any} q @param {string} filter */
function startingDraft(q, filter) {
	const base = draft.value || emptyDraft(filter || '/');
	if (q.draft) {
		const message = kept.get('draft');
		kept.set('draft', null);
		if (message) return fromMessage(message);
	}
	if (q.exchange === undefined && q.routing_key === undefined && q.vhost === undefined) return base;
	return { ...base, vhost: q.vhost || base.vhost, exchange: q.exchange || '', routing_key: q.routing_key ?? base.routing_key };
}

/** @param {any} values */
function curl(values) {
	try {
		const body = bodyOf(values);
		return asCurl({ ...body, exchange: values.exchange }, { base: apiURL(''), vhost: values.vhost });
	} catch (err) {
		return String(err);
	}
}

/** Publishes, as often as asked; says how far it is. @param {any} values @param {boolean} tests @param {(result: any) => void} progress */
async function send(values, tests, progress) {
	const times = Math.max(1, Math.min(100000, Number(values.repeat) || 1));
	const rate = Number(values.rate) || 0;
	const where = path`exchanges/${values.vhost}/${exchangePath(values.exchange)}/publish`;
	let routed = 0;
	const started = performance.now();
	for (let n = 1; n <= times; n++) {
		const { routed: reached } = await post(where, bodyOf(expand(values, n)));
		if (reached) routed++;
		if (rate > 0 && n < times) await new Promise((done) => setTimeout(done, Math.max(0, started + (n * 1000) / rate - performance.now())));
		if (n % 20 === 0) progress({ times, done: n, routed });
	}
	let queues = null;
	if (tests) {
		const { headers } = bodyOf(values).properties;
		queues = await post('rabbet/route-test', { vhost: values.vhost, exchange: values.exchange, routing_key: values.routing_key, headers: headers || {} }).catch(() => null);
	}
	return { times, done: times, routed, queues };
}

/** @param {{result: any, vhost: string}} props */
function Result({ result, vhost }) {
	if (!result) return null;
	const { times, done, routed, queues } = result;
	const kind = routed === done ? 'good' : 'warn';
	return html`<div class="full" aria-live="polite"><${Note} kind=${kind} title=${done < times ? `${f.number(done)} of ${f.number(times)} published.` : `${f.count(done, 'message')} published.`}>
		${routed === 0 ? 'It reached no queue: nothing is bound for it.' : routed < done ? `${f.number(done - routed)} reached no queue.` : ''}
		${queues && routed > 0 && html`<span class="row tight">It went to ${queues.queues.map((name) => html`<${QueueLink} key=${name} vhost=${vhost} name=${name} />`)}${(queues.delayed || []).map((name) => html`<span key=${'d' + name}><${Badge} kind="warn">delayed in</${Badge}> <${ExchangeLink} vhost=${vhost} name=${name} /></span>`)}</span>`}
	</${Note}></div>`;
}

/** @param {File} file */
async function readFile(file) {
	const bytes = new Uint8Array(await file.arrayBuffer());
	try {
		return { payload: new TextDecoder('utf-8', { fatal: true }).decode(bytes), encoding: 'string' };
	} catch {
		let binary = '';
		for (let i = 0; i < bytes.length; i += 8192) binary += String.fromCharCode(...bytes.subarray(i, i + 8192));
		return { payload: btoa(binary), encoding: 'base64' };
	}
}
