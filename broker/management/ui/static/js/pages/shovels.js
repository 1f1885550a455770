// Shovels: the list with state and ends, adding one, restarting, deleting.
import { html, useState } from '../lib/html.js';
import { del, path, put, vhostFilter } from '../lib/api.js';
import { among, useVhosts } from '../lib/broker.js';
import { setQuery, useRoute } from '../lib/router.js';
import { may } from '../lib/session.js';
import { useStore } from '../lib/store.js';
import * as f from '../lib/format.js';
import { Badge, Card, Empty, PageHead } from '../components/basic.js';
import { num, vhostColumn } from '../components/cells.js';
import { ask, eightAtATime } from '../components/dialog.js';
import { Check, Choice, Submit, Text, useForm } from '../components/form.js';
import { Icon } from '../components/icon.js';
import { Table } from '../components/table.js';
import { say } from '../components/toast.js';

/** @type {Record<string, string>} */
const KINDS = { running: 'good', starting: 'warn', blocked: 'warn', flow: 'warn', terminated: 'bad' };

/** One end: its URI, and the queue, or the exchange and its key. @param {any} s @param {string} side */
const end = (s, side) => html`<span class="name clip">${s[side + '_queue'] ?? s[side + '_exchange'] ?? ''}${s[side + '_exchange_key'] && html` <span class="muted">${s[side + '_exchange_key']}</span>`}</span><span class="name clip small muted">${s[side + '_uri'] ?? ''}</span>`;

/** @type {import('../components/table.js').Column[]} */
const COLUMNS = [
	vhostColumn,
	{ id: 'name', title: 'Name', key: true, sort: 'name', cell: (s) => html`<span class="name">${s.name}</span>` },
	{ id: 'state', title: 'State', sort: 'state', fields: ['reason'], cell: (s) => html`<${Badge} kind=${KINDS[s.state] || ''}>${s.state}</${Badge}>${s.reason && html`<span class="name clip small muted" title=${s.reason}>${s.reason}</span>`}` },
	{ id: 'source', title: 'Source', fields: ['src_uri', 'src_queue', 'src_exchange', 'src_exchange_key'], cell: (s) => end(s, 'src') },
	{ id: 'destination', title: 'Destination', fields: ['dest_uri', 'dest_queue', 'dest_exchange', 'dest_exchange_key'], cell: (s) => end(s, 'dest') },
	{ id: 'forwarded', title: 'Forwarded', number: true, sort: 'forwarded', cell: (s) => num(s.forwarded ?? 0) },
	{ id: 'pending', title: 'Unconfirmed', number: true, wide: true, sort: 'pending', cell: (s) => num(s.pending ?? 0) },
	{ id: 'changed', title: 'Since', wide: true, sort: 'timestamp', cell: (s) => s.timestamp },
];

export default function Shovels() {
	const { query } = useRoute();
	return html`<${PageHead} title="Shovels">${may.policies() && html`<button class="btn primary" onClick=${() => setQuery({ add: query.add ? '' : 'true' })}><${Icon} name="plus" />Add a shovel</button>`}</${PageHead}>
		<div class="stack loose">${query.add && may.policies() && html`<${AddShovel} />`}
			<${Card} flush><${Table} name="shovels" label="shovels" path="shovels" columns=${COLUMNS} id=${(s) => s.vhost + '\n' + s.name} bulk=${bulk}
				empty=${html`<${Empty} title="No shovels">A shovel moves messages from a queue or an exchange to another broker, or to another place of this one.</${Empty}>`} /></${Card}></div>`;
}

/** @param {any[]} list @param {() => void} done */
const bulk = (list, done) => html`<button class="btn" onClick=${() => change(list, done, 'Restart')}><${Icon} name="refresh" />Restart</button>
	<button class="btn danger" onClick=${() => change(list, done, 'Delete')}><${Icon} name="trash" />Delete</button>`;

/** @param {any[]} list @param {() => void} done @param {'Restart' | 'Delete'} action */
function change(list, done, action) {
	const count = f.count(list.length, 'shovel');
	ask({
		title: `${action} ${count}?`, action, type: action === 'Delete' && list.length > 1 ? String(list.length) : undefined,
		text: 'What is not confirmed yet goes back to its queue, and may be delivered twice.', hits: list.map((s) => ({ name: s.name, detail: s.state })),
		run: async (progress) => {
			try { await eightAtATime(list, (s) => del(action === 'Delete' ? path`parameters/shovel/${s.vhost}/${s.name}` : path`shovels/vhost/${s.vhost}/${s.name}/restart`), progress); } finally { done(); }
			return `${count} ${action === 'Delete' ? 'deleted' : 'restarted'}.`;
		},
	});
}

const START = { vhost: '', name: '', srcURI: 'amqp://', srcKind: 'queue', src: '', srcKey: '', destURI: 'amqp://', destKind: 'queue', dest: '', destKey: '', ack: 'on-confirm', prefetch: '', reconnect: '', after: 'never', headers: false };

/** The value of the parameter; what is empty is left to the defaults. @param {typeof START} v */
function valueOf(v) {
	/** @type {Record<string, any>} */
	const value = { 'src-protocol': 'amqp091', 'src-uri': v.srcURI, [`src-${v.srcKind}`]: v.src, 'dest-protocol': 'amqp091', 'dest-uri': v.destURI, 'ack-mode': v.ack };
	if (v.srcKind === 'exchange') value['src-exchange-key'] = v.srcKey;
	if (v.dest) value[`dest-${v.destKind}`] = v.dest;
	if (v.destKind === 'exchange' && v.destKey) value['dest-exchange-key'] = v.destKey;
	if (v.prefetch) value['src-prefetch-count'] = Number(v.prefetch);
	if (v.reconnect) value['reconnect-delay'] = Number(v.reconnect);
	if (v.after !== 'never') value['src-delete-after'] = /^\d+$/.test(v.after) ? Number(v.after) : v.after;
	if (v.headers) value['dest-add-forward-headers'] = true;
	return value;
}

/** @type {[RegExp, keyof typeof START, string][]} */
const FAULTS = [
	[/src-uri/, 'srcURI', 'Give at least one URI.'], [/dest-uri/, 'destURI', 'Give at least one URI.'],
	[/'src-exchange' or 'src-queue'/, 'src', 'Name a queue or an exchange.'],
	[/^ack-mode/, 'ack', 'The broker does not know this mode.'], [/'no-ack' and numerical/, 'after', 'A number needs acknowledgements.'],
	[/delete-after should/, 'after', 'never, queue-length, or a number of messages.'],
	[/prefetch-count/, 'prefetch', 'A number.'], [/reconnect-delay/, 'reconnect', 'A number of seconds.'],
];

/** What is wrong with a URI, without the URI: it may have a password. @param {string} line */
const uriFault = (line) => (/unexpected_uri_scheme/.test(line) ? 'The scheme is amqp or amqps.' : /port/.test(line) ? 'There is no such port.' : /invalid_vhost/.test(line) ? 'Encode / in the virtual host as %2F.' : 'This is not a valid URI.');

/** The refusals by control. @param {string} reason @param {typeof START} v @returns {Record<string, string>} */
function faultsOf(reason, v) {
	/** @type {Record<string, string>} */
	const faults = {};
	for (const line of reason.split('\n')) {
		const [, uri] = /^"(.*)" not a valid URI/.exec(line) || [];
		const [, denied] = /^user .* may not connect to vhost "(.*)"/.exec(line) || [];
		for (const [key, value] of Object.entries({ srcURI: v.srcURI, destURI: v.destURI })) {
			if (uri !== undefined && value === uri) faults[key] = uriFault(line);
			if (denied !== undefined && value.endsWith('/' + encodeURIComponent(denied))) faults[key] = `You may not enter the virtual host “${denied}”.`;
		}
		for (const [pattern, key, text] of FAULTS) if (uri === undefined && pattern.test(line)) faults[key] = text;
	}
	return faults;
}

function AddShovel() {
	const filter = useStore(vhostFilter);
	const vhosts = useVhosts();
	const [shown, setShown] = useState(false);
	// A URI is hidden from the moment on that it has a password: the part behind ":" is no port.
	const type = (uri) => (shown || !/\/\/[^/,]*:(?!\d*(\/|\?|$))/.test(uri) ? 'text' : 'password');
	const [faults, setFaults] = useState(/** @type {Record<string, string>} */ ({}));
	const form = useForm({ ...START, vhost: filter || '/' }, async (v) => {
		setFaults({});
		try {
			await put(path`parameters/shovel/${among(vhosts, v.vhost)}/${v.name}`, { value: valueOf(v) });
		} catch (err) {
			const found = faultsOf(err.details || '', v);
			setFaults(found);
			throw Object.keys(found).length > 0 ? new Error('The broker refuses what is marked above.') : err;
		}
		say(`Shovel ${v.name} is there.`);
	});
	const v = form.values;
	const kinds = [['queue', 'Queue'], ['exchange', 'Exchange']];
	return html`<${Card} title="Add a shovel"><form class="form" onSubmit=${form.submit}>
		${vhosts.length > 1 && html`<${Choice} label="Virtual host" value=${among(vhosts, v.vhost)} onChange=${form.set('vhost')} options=${vhosts} />`}
		<${Text} label="Name" value=${v.name} onChange=${form.set('name')} required />
		<h3 class="full">Source</h3>
		<${Text} label="Source URI" type=${type(v.srcURI)} value=${v.srcURI} onChange=${form.set('srcURI')} error=${faults.srcURI} hint="amqp:// is this broker." required />
		<${Choice} label="From" value=${v.srcKind} onChange=${form.set('srcKind')} options=${kinds} />
		<${Text} label="Source" value=${v.src} onChange=${form.set('src')} error=${faults.src} hint="A queue is declared if it is missing." required />
		${v.srcKind === 'exchange' && html`<${Text} label="Routing key" value=${v.srcKey} onChange=${form.set('srcKey')} />`}
		<h3 class="full">Destination</h3>
		<${Text} label="Destination URI" type=${type(v.destURI)} value=${v.destURI} onChange=${form.set('destURI')} error=${faults.destURI} required />
		<${Choice} label="To" value=${v.destKind} onChange=${form.set('destKind')} options=${kinds} />
		<${Text} label="Destination" value=${v.dest} onChange=${form.set('dest')} error=${faults.dest} hint="Empty: exchange and key of each message." />
		${v.destKind === 'exchange' && html`<${Text} label="Destination key" value=${v.destKey} onChange=${form.set('destKey')} />`}
		<h3 class="full">How</h3>
		<${Choice} label="Acknowledge" value=${v.ack} onChange=${form.set('ack')} options=${[['on-confirm', 'When confirmed'], ['on-publish', 'When published'], ['no-ack', 'Never']]} />
		<${Text} label="Prefetch" type="number" min="0" value=${v.prefetch} onChange=${form.set('prefetch')} error=${faults.prefetch} hint="1000 by default." />
		<${Text} label="Reconnect delay" type="number" min="0" value=${v.reconnect} onChange=${form.set('reconnect')} error=${faults.reconnect} hint="Seconds; 5 by default." />
		<${Text} label="Delete after" value=${v.after} onChange=${form.set('after')} error=${faults.after} hint="never, queue-length, or a number of messages." />
		<div class="field"><span class="label">Options</span><${Check} label="Add forward headers" value=${v.headers} onChange=${form.set('headers')} /><${Check} label="Show passwords" value=${shown} onChange=${setShown} /></div>
		<${Submit} form=${form} text="Add the shovel"><button type="button" class="btn" onClick=${() => setQuery({ add: '' })}>Close</button></${Submit}>
	</form></${Card}>`;
}
