// What happens in the broker, as it happens.
import { html, useRef } from '../lib/html.js';
import { saveFile, vhostFilter } from '../lib/api.js';
import { paused } from '../lib/refresh.js';
import { exchangePath, href, setQuery, useRoute } from '../lib/router.js';
import { useStore } from '../lib/store.js';
import { useEvents } from '../lib/pushed.js';
import * as f from '../lib/format.js';
import { Badge, Card, Empty, PageHead } from '../components/basic.js';
import { Icon } from '../components/icon.js';

const KINDS = ['connection', 'channel', 'queue', 'exchange', 'binding', 'consumer', 'vhost', 'policy', 'parameter', 'user', 'permission', 'alarm'];

const HOW = { pushed: 'As they happen.', polled: 'As they happen; the page asks for them every two seconds, since a proxy holds back what the broker sends.', '': 'Waiting for the stream of events.' };

export default function Events() {
	const { query: q } = useRoute();
	const vhost = useStore(vhostFilter);
	const stopped = useStore(paused);
	const { events: all, how } = useEvents();
	// A pause holds what is shown; what comes meanwhile is there afterwards.
	const held = useRef(all);
	if (!stopped) held.current = all;
	const text = (q.text || '').toLowerCase();
	const shown = held.current.filter((e) => (!vhost || !e.vhost || e.vhost === vhost) && (!q.kind || e.event.startsWith(q.kind + '.')) && (!text || JSON.stringify(e).toLowerCase().includes(text)));
	return html`<${PageHead} title="Events" sub=${HOW[how]}><button class="btn" disabled=${shown.length === 0} onClick=${() => saveFile('events.jsonl', shown.map((e) => JSON.stringify(e)).join('\n') + '\n')}><${Icon} name="save" />Save</button></${PageHead}>
		<${Card} flush>
			<div class="table-tools"><input type="search" class="filter" data-filter aria-label="Filter events" placeholder="Filter events" value=${q.text || ''} onInput=${(e) => setQuery({ text: e.target.value })} />
				<select class="inline" aria-label="Kind of events" value=${q.kind || ''} onChange=${(e) => setQuery({ kind: e.target.value })}><option value="">all kinds</option>${KINDS.map((k) => html`<option key=${k} value=${k}>${k}</option>`)}</select>
				<span class="muted small num" role="status">${f.count(shown.length, 'event')}${stopped ? ', paused' : ''}</span></div>
			${shown.length === 0 ? html`<${Empty} title="No events yet">Declare a queue, connect a client: it shows here at once.</${Empty}>` : html`<div class="scroll"><table class="data"><thead><tr><th scope="col">Time</th><th scope="col">Event</th><th scope="col">Name</th><th scope="col" class="wide">Virtual host</th><th scope="col" class="wide">User</th><th scope="col">Details</th></tr></thead>
			<tbody>${shown.slice(0, 300).map((e) => html`<tr key=${e.key} data-row><td class="num nowrap">${f.time(e.at)}</td><td><${Badge} kind=${kind(e.event)}>${e.event}</${Badge}></td><td class="key"><${EventName} e=${e} /></td><td class="wide"><span class="name">${e.vhost ?? ''}</span></td><td class="wide"><span class="name">${e.user ?? ''}</span></td>
				<td class="small muted"><span class="name">${details(e)}</span></td></tr>`)}</tbody></table></div>`}
		</${Card}>`;
}

/** @param {string} type */
const kind = (type) => (/failure|alarm.set|gap/.test(type) ? 'bad' : /deleted|closed|cleared/.test(type) ? 'warn' : /created|set|success/.test(type) ? 'good' : '');

/** @param {any} e */
function details(e) {
	const { key, id, event, at, vhost, name, user, ...rest } = e;
	return Object.entries(rest).filter(([, v]) => v !== null && v !== '' && JSON.stringify(v) !== '{}').map(([k, v]) => `${k}: ${f.value(v)}`).join(', ');
}

/** @param {{e: any}} props */
function EventName({ e }) {
	const [what, happened] = e.event.split('.');
	const gone = /deleted|closed|cleared/.test(happened);
	/** @type {Record<string, string[]>} */
	const ways = { queue: ['queues', e.vhost, e.name], exchange: ['exchanges', e.vhost, exchangePath(e.name ?? '')], connection: ['connections', e.name], vhost: ['vhosts', e.name], channel: ['channels', e.name] };
	const way = ways[what];
	return way && !gone && e.name !== null && e.name !== undefined ? html`<a class="name clip" href=${href(way)}>${e.name}</a>` : html`<span class="name clip">${e.name ?? ''}</span>`;
}
