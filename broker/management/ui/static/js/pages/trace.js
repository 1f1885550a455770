// Traces: start and stop one per virtual host, and follow a message through the broker.
import { html } from '../lib/html.js';
import { del, download, path, put, query, vhostFilter } from '../lib/api.js';
import { useVhosts } from '../lib/broker.js';
import { useLive } from '../lib/live.js';
import { exchangeTitle, setQuery, useRoute } from '../lib/router.js';
import { may } from '../lib/session.js';
import { useStore } from '../lib/store.js';
import * as f from '../lib/format.js';
import { Badge, Card, Empty, ErrorNote, Facts, Note, PageHead, Waiting } from '../components/basic.js';
import { QueueLink } from '../components/cells.js';
import { ask } from '../components/dialog.js';
import { Submit, Text, useForm } from '../components/form.js';
import { Icon } from '../components/icon.js';
import { LifeLine } from '../components/lifeline.js';
import { say } from '../components/toast.js';

/** Where a message can be. */
const STATES = ['queued', 'delivered', 'acked', 'delayed', 'dead-lettered', 'rejected', 'expired', 'dropped', 'purged', 'unroutable', 'unroutable, returned', 'refused', 'cancelled', 'rolled back'];

export default function Trace() {
	const { query: q } = useRoute();
	const filter = useStore(vhostFilter);
	const vhosts = useVhosts();
	const traces = useLive('rabbet/traces');
	const list = traces.data || [];
	const vhost = q.vhost || filter || list[0]?.vhost || '/';
	const now = list.find((t) => t.vhost === vhost);
	return html`<${PageHead} title="Trace" sub="The life of each message: published, queued, delivered, acked.">
			${now && html`<button class="btn" onClick=${() => download(path`rabbet/traces/${vhost}/export`, 'trace.jsonl').catch((err) => say(err.message))}><${Icon} name="save" />Export</button>
			${may.policies() && html`<button class="btn danger" onClick=${() => ask({ title: `Stop the trace of ${vhost}?`, action: 'Stop', text: `What it has recorded (${f.count(now.kept, 'message')}) is forgotten. Export it first if you want to keep it.`, run: async () => { await del(path`rabbet/traces/${vhost}`); traces.reload(); return 'The trace is stopped.'; } })}>Stop</button>`}`}</${PageHead}>
		<div class="stack loose"><${ErrorNote} error=${traces.error} />
			${vhosts.length > 1 && html`<div class="row">${vhosts.map((v) => html`<button key=${v} class="btn small" aria-pressed=${String(v === vhost)} onClick=${() => setQuery({ vhost: v, id: '', before: '' })}><span class="name">${v}</span>${list.some((t) => t.vhost === v) && html`<span class="dot" title="traced" />`}</button>`)}</div>`}
			${!traces.data ? html`<${Waiting} live=${traces} />` : now ? html`<${Traced} trace=${now} />` : !may.policies() ? html`<${Note} title="Nothing is traced now.">An administrator or a policymaker starts a trace.</${Note}>` : html`<${Start} key=${vhost} vhost=${vhost} reload=${traces.reload} />`}
		</div>`;
}

/** @param {{vhost: string, reload: () => void}} props */
function Start({ vhost, reload }) {
	const form = useForm({ exchange: '', routing_key: '', queue: '', header: '', header_value: '', text: '', message_id: '', correlation_id: '', capacity: '10000', payload_bytes: '1024' }, async ({ capacity, payload_bytes: bytes, header, header_value: value, ...rest }) => {
		const filter = Object.fromEntries(Object.entries(rest).filter(([, v]) => v !== ''));
		if (header) filter.header = { [header]: value };
		await put(path`rabbet/traces/${vhost}`, { filter, capacity: Number(capacity), payload_bytes: Number(bytes) });
		say(`Messages of ${vhost} are traced.`);
		reload();
	});
	const text = (key, label, more = {}) => html`<${Text} label=${label} value=${form.values[key]} onChange=${form.set(key)} ...${more} />`;
	return html`<${Card} title=${html`Trace messages of <span class="name">${vhost}</span>`}><form class="form" onSubmit=${form.submit}>
		<p class="full muted">Nothing is traced now. A trace records messages that come from then on; all that is given below must hold.</p>
		${text('exchange', 'Exchange', { hint: 'amq.default is the default one.' })}${text('routing_key', 'Routing key', { hint: 'A topic pattern: order.#' })}${text('queue', 'Queue')}${text('text', 'Text in the payload')}${text('message_id', 'Message ID')}${text('correlation_id', 'Correlation ID')}${text('header', 'Header')}${text('header_value', 'its value')}
		${text('capacity', 'Messages kept', { type: 'number', min: 1, max: 100000, hint: 'The oldest are forgotten first.' })}${text('payload_bytes', 'Bytes of payload kept', { type: 'number', min: 0, max: 65536 })}
		<${Submit} form=${form} text="Start the trace" /></form></${Card}>`;
}

/** @param {{trace: any}} props */
function Traced({ trace }) {
	const { query: q } = useRoute();
	const base = path`rabbet/traces/${trace.vhost}/messages`;
	const live = useLive(base + query({ before: q.before, limit: 50, exchange: q.exchange, routing_key: q.key, queue: q.queue, message_id: q.message, state: q.state, q: q.text }), { keep: true });
	const messages = live.data?.messages || [];
	const field = (key, label) => html`<input type="search" aria-label=${label} placeholder=${label} class="inline" style=${{ width: '10rem' }} value=${q[key] || ''} onChange=${(e) => setQuery({ [key]: e.target.value, before: '' })} />`;
	return html`
		<${Card} title="This trace"><${Facts} rows=${[['Since', f.time(trace.started_at)], ['Filter', Object.keys(trace.filter || {}).length > 0 ? html`<code class="name">${Object.entries(trace.filter).filter(([, v]) => v !== null && v !== '' && JSON.stringify(v) !== '{}').map(([k, v]) => `${k} = ${f.value(v)}`).join(', ') || 'everything'}</code>` : 'everything'], ['Recorded', `${f.number(trace.recorded)}, of which ${f.number(trace.kept)} are kept (at most ${f.number(trace.capacity)})`]]} /></${Card}>
		<div class="grid">
			<${Card} flush title="Messages"><div class="table-tools">${field('text', 'Text')}${field('exchange', 'Exchange')}${field('key', 'Routing key')}${field('queue', 'Queue')}${field('message', 'Message ID')}
				<select class="inline" aria-label="State" value=${q.state || ''} onChange=${(e) => setQuery({ state: e.target.value, before: '' })}><option value="">Any state</option>${STATES.map((s) => html`<option key=${s} value=${s}>${s}</option>`)}</select></div>
				${live.error && html`<div class="table-tools"><${ErrorNote} error=${live.error} /></div>`}
				${!live.data ? null : messages.length === 0 ? html`<${Empty} title="No message yet" />` : html`<div class="scroll"><table class="data"><thead><tr><th scope="col">Time</th><th scope="col">Exchange and key</th><th scope="col">State</th><th scope="col" class="wide">Queues</th></tr></thead>
				<tbody>${messages.map((m) => html`<tr key=${m.id} class=${q.id === m.id ? 'on' : ''} data-row><td class="num nowrap">${f.time(m.at)}</td><td class="key"><button class="btn plain small name clip" onClick=${() => setQuery({ id: m.id })}>${exchangeTitle(m.exchange)} · ${m.routing_key || '(no key)'}</button>${m.message_id && html`<span class="small muted name clip">${m.message_id}</span>`}</td>
					<td><${TraceState} state=${m.state} /></td><td class="wide">${(m.queues || []).map((name) => html`<${QueueLink} key=${name} vhost=${trace.vhost} name=${name} /> `)}</td></tr>`)}</tbody></table></div>
				<div class="pager"><span class="spacer" />${q.before && html`<button class="btn small" onClick=${() => setQuery({ before: '' })}>Newest</button>`}<button class="btn small" disabled=${live.data.next === null} onClick=${() => setQuery({ before: live.data.next })}>Older<${Icon} name="right" size=${12} /></button></div>`}</${Card}>
			${q.id ? html`<${LifeLine} where=${path`rabbet/traces/${trace.vhost}/messages/${q.id}`} vhost=${trace.vhost} />` : html`<${Note}>Choose a message to see its life.</${Note}>`}
		</div>`;
}

/** @param {{state: string}} props */
const TraceState = ({ state }) => html`<${Badge} kind=${/ack/.test(state) ? 'good' : /dead|drop|unrout|expir|reject/.test(state) ? 'bad' : /deliver/.test(state) ? 'info' : ''}>${state}</${Badge}>`;
