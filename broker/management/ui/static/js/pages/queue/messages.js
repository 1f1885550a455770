// Messages of a queue: looked at without changing them. Taking is apart, and red.
import { html, useState } from '../../lib/html.js';
import { apiURL, del, path, query, saveFile } from '../../lib/api.js';
import { useExtension } from '../../lib/broker.js';
import { useLive } from '../../lib/live.js';
import { useRoute, setQuery, href, exchangeTitle } from '../../lib/router.js';
import { kept } from '../../lib/store.js';
import { asCurl, deathSentence } from '../../lib/payload.js';
import * as f from '../../lib/format.js';
import { Badge, Card, Copy, Empty, ErrorNote, Facts, Note, Waiting } from '../../components/basic.js';
import { ask, Dialog, eightAtATime } from '../../components/dialog.js';
import { Icon } from '../../components/icon.js';
import { Payload } from '../../components/payload.js';
import { say } from '../../components/toast.js';
import { MoveDialog } from './move.js';
import { Take } from './take.js';

/** @param {{queue: any}} props */
export function Messages({ queue }) {
	const peeks = useExtension('messages');
	return html`<div class="stack loose">${peeks && queue.type !== 'stream' ? html`<${Peek} queue=${queue} />` : null}<${Take} queue=${queue} /></div>`;
}

/** @param {{queue: any}} props */
function Peek({ queue }) {
	const { query: q } = useRoute();
	const from = Number(q.from) || 0;
	const limit = Number(q.limit) || 50;
	const live = useLive(path`rabbet/queues/${queue.vhost}/${queue.name}/messages` + query({ from, limit, truncate: 2000, q: q.text }), { keep: true });
	const [picked, setPicked] = useState(/** @type {string[]} */ ([]));
	const [open, setOpen] = useState(/** @type {any} */ (null));
	const [moving, setMoving] = useState(false);
	const [text, setText] = useState(q.text || '');
	const search = (e) => { e.preventDefault(); setQuery({ text, from: '' }); };
	const messages = live.data?.messages || [];
	const done = () => { setPicked([]); live.reload(); };
	return html`<${Card} flush title="Ready messages" tools=${html`<${Badge} kind="good" title="Looking changes nothing: no redelivered mark, no change of order, no delivery count.">peek: nothing changes</${Badge}>`}>
		<form class="table-tools" onSubmit=${search}>
			<input type="search" class="filter" data-filter placeholder="Search payload, key and properties" aria-label="Search payload, key and properties" value=${text} onInput=${(e) => { setText(e.target.value); if (e.target.value === '' && q.text) setQuery({ text: '', from: '' }); }} />
			<button class="btn">Search</button>
			<span class="muted small num" role="status">${live.data && (q.text ? `${f.count(messages.length, 'message')} found among ${f.number(live.data.scanned)} looked at` : `${f.number(live.data.total)} ready`)}</span>
			<span class="spacer" />
			<label class="row small">from position <input type="number" min="0" class="inline" style=${{ width: '7rem' }} value=${from} onChange=${(e) => setQuery({ from: e.target.value })} /></label>
		</form>
		${live.error && html`<div class="table-tools"><${ErrorNote} error=${live.error} /></div>`}
		${!live.data ? !live.error && html`<div class="table-tools"><${Waiting} live=${live} /></div>`
			: messages.length === 0 ? html`<${Empty} title=${q.text ? 'No message has that' : 'No ready messages'}>${queue.messages_unacknowledged > 0 ? `${f.count(queue.messages_unacknowledged, 'message is', 'messages are')} out with consumers: see Unacked.` : ''}</${Empty}>`
				: html`<${MessageTable} messages=${messages} picked=${picked} setPicked=${setPicked} open=${setOpen} />`}
		${picked.length > 0 && html`<div class="bulk-bar" role="region" aria-label="Chosen"><strong class="num">${f.number(picked.length)} chosen</strong><span class="spacer" />
			<button class="btn" onClick=${() => setMoving(true)}><${Icon} name="move" />Move</button>
			<button class="btn" onClick=${() => saveFile(queue.name.replace(/[^\w.-]+/g, '_') + '.json', JSON.stringify(messages.filter((m) => picked.includes(m.id)), null, 2))}><${Icon} name="save" />Save as JSON</button>
			<button class="btn danger" onClick=${() => deleteMessages(queue, picked, done)}><${Icon} name="trash" />Delete</button><button class="btn plain" onClick=${() => setPicked([])}>Clear</button></div>`}
		${live.data && (from > 0 || live.data.next !== null) && html`<div class="pager"><span class="num">from ${f.number(from)}</span><span class="spacer" />
			<button class="btn small" disabled=${from === 0} onClick=${() => setQuery({ from: Math.max(0, from - limit) || '' })}><${Icon} name="left" size=${12} />Back</button>
			<button class="btn small" disabled=${live.data.next === null} onClick=${() => setQuery({ from: live.data.next })}>Next<${Icon} name="right" size=${12} /></button></div>`}
		${queue.messages_ready > 0 && picked.length === 0 && html`<div class="pager"><button class="btn small" onClick=${() => setMoving(true)}><${Icon} name="move" size=${13} />Move all</button></div>`}
		${open && html`<${MessageDialog} queue=${queue} message=${open} onClose=${() => setOpen(null)} changed=${done} />`}
		${moving && html`<${MoveDialog} queue=${queue} ids=${picked} onClose=${() => setMoving(false)} done=${done} />`}
	</${Card}>`;
}

/** The messages; without setPicked none can be chosen. @param {{messages: any[], picked?: string[], setPicked?: (ids: string[]) => void, open: (m: any) => void, more?: any[], place?: string}} props */
export function MessageTable({ messages, picked = [], setPicked, open, more = [], place = 'Position' }) {
	const toggle = (id) => setPicked?.(picked.includes(id) ? picked.filter((i) => i !== id) : [...picked, id]);
	const all = messages.every((m) => picked.includes(m.id));
	return html`<div class="scroll"><table class="data"><thead><tr>
		${setPicked && html`<th class="pick" scope="col"><input type="checkbox" aria-label="Choose all" checked=${all} onChange=${() => setPicked(all ? [] : messages.map((m) => m.id))} /></th>`}
		<th scope="col" class="n">${place}</th><th scope="col">Payload</th><th scope="col" class="wide">Exchange</th><th scope="col">Routing key</th>${more.map((c) => html`<th scope="col" key=${c.title}>${c.title}</th>`)}<th scope="col" class="wide">Marks</th><th scope="col" class="n wide">Size</th></tr></thead>
		<tbody>${messages.map((m) => html`<tr key=${m.id} class=${picked.includes(m.id) ? 'on' : ''} data-row>
			${setPicked && html`<td class="pick"><input type="checkbox" aria-label=${`Choose message ${m.position}`} checked=${picked.includes(m.id)} onChange=${() => toggle(m.id)} /></td>`}
			<td class="n">${f.number(m.position)}</td>
			<td class="key"><button type="button" class="btn plain small mono name clip" dir="auto" onClick=${() => open(m)}>${preview(m)}</button></td>
			<td class="wide"><span class="name clip" style=${{ maxWidth: '12rem' }}>${exchangeTitle(m.exchange)}</span></td>
			<td><span class="name clip" style=${{ maxWidth: '14rem' }} dir="auto">${m.routing_key}</span></td>
			${more.map((c) => html`<td key=${c.title}>${c.cell(m)}</td>`)}
			<td class="wide"><${Marks} m=${m} /></td><td class="n wide">${f.bytes(m.payload_bytes)}</td></tr>`)}</tbody></table></div>`;
}

/** @param {any} m */
export const preview = (m) => (m.payload_bytes === 0 ? '(empty)' : m.payload_encoding === 'base64' ? `(${f.bytes(m.payload_bytes)} of binary)` : m.payload.slice(0, 160).replace(/\s+/g, ' '));

/** @param {{m: any}} props */
export function Marks({ m }) {
	const left = m.expires_at ? m.expires_at - Date.now() : null;
	return html`<span class="row tight">
		${m.redelivered && html`<${Badge} kind="warn" title="It has been delivered before">redelivered</${Badge}>`}
		${m.delivery_count > 0 && html`<${Badge} title="Delivery count">${m.delivery_count}×</${Badge}>`}
		${m.priority > 0 && html`<${Badge} title="Priority">Pri ${m.priority}</${Badge}>`}
		${left !== null && html`<${Badge} kind=${left < 10000 ? 'warn' : ''} title=${`expires ${f.time(m.expires_at)}`}>${left > 0 ? `${f.duration(left)} left` : 'expired'}</${Badge}>`}
		${m.properties?.headers?.['x-death'] && html`<${Badge} kind="bad" title=${deathSentence(m.properties.headers)}>dead letter</${Badge}>`}
	</span>`;
}

/** One message in full. @param {any} props */
export function MessageDialog({ queue, message, onClose, changed, place = 'Message at position' }) {
	const live = useLive(message.truncated ? path`rabbet/queues/${queue.vhost}/${queue.name}/messages/${message.id}` : null, { every: 0 });
	const m = live.data || message;
	const { headers = {}, ...properties } = m.properties || {};
	const again = () => {
		kept.set('draft', { vhost: queue.vhost, exchange: m.exchange, routing_key: m.routing_key, properties: m.properties, payload: m.payload, encoding: m.payload_encoding });
	};
	const sentence = deathSentence(headers);
	return html`<${Dialog} title=${`${place} ${f.number(m.position)}`} wide onClose=${onClose} footer=${html`
			<${Copy} label="Copy as JSON" text=${JSON.stringify(m, null, 2)} /><${Copy} label="Copy as curl" text=${asCurl(m, { base: apiURL(''), vhost: queue.vhost })} /><span class="spacer" />
			<a class="btn" href=${href(['publish'], { draft: true })} onClick=${() => { again(); onClose(); }}><${Icon} name="publish" />Publish again</a>
			${changed && html`<button class="btn danger" onClick=${() => { onClose(); deleteMessages(queue, [m.id], changed); }}><${Icon} name="trash" />Delete</button>`}`}>
		<div class="body">
			${sentence && html`<${Note} kind="warn">${sentence}</${Note}>`}
			<${ErrorNote} error=${live.error} />
			<div class="grid"><${Facts} rows=${[['Exchange', html`<span class="name">${exchangeTitle(m.exchange)}</span>`], ['Routing key', html`<span class="name" dir="auto">${m.routing_key}</span>`], ['Marks', html`<${Marks} m=${m} />`],
				...Object.entries(properties).map(([k, v]) => [k.replaceAll('_', ' '), html`<span class="name">${k === 'timestamp' ? `${f.time(Number(v) * 1000)} (${v})` : f.value(v)}</span>`])]} />
				<div><h3>Headers</h3>${Object.keys(headers).length === 0 ? html`<p class="muted">None</p>` : html`<${Facts} rows=${Object.entries(headers).map(([k, v]) => [html`<span class="name">${k}</span>`, html`<code class="name">${f.value(v)}</code>`])} />`}</div></div>
			<${Payload} payload=${m.payload} encoding=${m.payload_encoding} size=${m.payload_bytes} truncated=${m.truncated} properties=${m.properties} name=${(m.properties?.message_id || 'payload').replace(/[^\w.-]+/g, '_')} />
		</div>
	</${Dialog}>`;
}

/** @param {any} queue @param {string[]} ids @param {() => void} done */
function deleteMessages(queue, ids, done) {
	ask({
		title: `Delete ${f.count(ids.length, 'message')}?`, action: 'Delete', type: ids.length > 1 ? String(ids.length) : undefined,
		text: `They leave queue ${queue.name} for good, without being dead-lettered.`, hits: ids.map((id) => ({ name: `message ${id}` })),
		run: async (progress) => {
			let missing = 0;
			try {
				await eightAtATime(ids, (id) => del(path`rabbet/queues/${queue.vhost}/${queue.name}/messages/${id}`).catch((err) => { if (err.status !== 404) throw err; missing++; }), progress);
			} finally {
				done();
			}
			if (missing > 0) say(`${f.count(missing, 'message was', 'messages were')} no longer ready.`);
			return `${f.count(ids.length - missing, 'message')} deleted.`;
		},
	});
}
