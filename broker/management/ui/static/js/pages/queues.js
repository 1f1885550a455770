// Queues and streams: the list, bulk purge and delete, and adding one.
import { html, useState } from '../lib/html.js';
import { del, path, put, vhostFilter } from '../lib/api.js';
import { among, useVhosts } from '../lib/broker.js';
import { useStore } from '../lib/store.js';
import { href, useRoute, setQuery } from '../lib/router.js';
import { PRESETS, refusedBy } from '../lib/queue.js';
import * as f from '../lib/format.js';
import { Card, Empty, PageHead } from '../components/basic.js';
import { num, QueueFeatures, QueueLink, rateColumn, State, vhostColumn } from '../components/cells.js';
import { ask, eightAtATime } from '../components/dialog.js';
import { argumentsOf, Arguments, Check, Choice, Presets, Submit, Text, useForm } from '../components/form.js';
import { Icon } from '../components/icon.js';
import { Table } from '../components/table.js';
import { say } from '../components/toast.js';

/** @typedef {import('../components/table.js').Column} Column */

/** @type {Column[]} */
const COLUMNS = [
	vhostColumn,
	{ id: 'name', title: 'Name', key: true, sort: 'name', cell: (q) => html`<${QueueLink} vhost=${q.vhost} name=${q.name} />` },
	{ id: 'type', title: 'Type', sort: 'type', wide: true, cell: (q) => q.type },
	{ id: 'features', title: 'Features', wide: true, fields: ['durable', 'auto_delete', 'exclusive', 'arguments', 'policy', 'operator_policy'], cell: (q) => html`<${QueueFeatures} q=${q} />` },
	{ id: 'state', title: 'State', sort: 'state', wide: true, fields: ['state', 'idle_since'], cell: (q) => html`<${State} state=${q.idle_since && q.state === 'running' ? 'idle' : q.state} />` },
	{ id: 'ready', title: 'Ready', number: true, sort: 'messages_ready', cell: (q) => num(q.messages_ready) },
	{ id: 'unacked', title: 'Unacked', number: true, sort: 'messages_unacknowledged', cell: (q) => num(q.messages_unacknowledged) },
	{ id: 'total', title: 'Total', number: true, sort: 'messages', wide: true, cell: (q) => num(q.messages) },
	rateColumn('publish', 'Incoming'),
	rateColumn('deliver_get', 'Deliver / Get'),
	rateColumn('ack', 'Ack', { wide: true, wider: true }),
	{ id: 'consumers', title: 'Consumers', number: true, sort: 'consumers', wide: true, wider: true, cell: (q) => num(q.consumers) },
	{ id: 'consumer_capacity', title: 'Consumer capacity', number: true, hidden: true, sort: 'consumer_capacity', cell: (q) => (typeof q.consumer_capacity === 'number' ? Math.round(100 * q.consumer_capacity) + ' %' : '–') },
	{ id: 'bytes', title: 'Bytes', number: true, hidden: true, sort: 'message_bytes', cell: (q) => f.bytes(q.message_bytes) },
	{ id: 'bytes_ready', title: 'Bytes ready', number: true, hidden: true, sort: 'message_bytes_ready', cell: (q) => f.bytes(q.message_bytes_ready) },
	{ id: 'persistent', title: 'Persistent', number: true, hidden: true, sort: 'messages_persistent', cell: (q) => num(q.messages_persistent) },
	{ id: 'ram', title: 'In memory', number: true, hidden: true, sort: 'messages_ram', cell: (q) => num(q.messages_ram) },
	{ id: 'memory', title: 'Memory', number: true, hidden: true, sort: 'memory', cell: (q) => f.bytes(q.memory) },
	rateColumn('redeliver', 'Redelivered', { hidden: true }),
	{ id: 'policy', title: 'Policy', hidden: true, sort: 'policy', cell: (q) => html`<span class="name">${q.policy || ''}</span>` },
	{ id: 'node', title: 'Node', hidden: true, sort: 'node', cell: (q) => q.node },
];

const FIELDS = ['name', 'vhost', 'messages'];

export default function Queues() {
	const { query, parts } = useRoute();
	const vhost = parts[1];
	return html`<${PageHead} title="Queues and Streams"><button class="btn primary" aria-expanded=${String(query.add === 'true')} onClick=${() => setQuery({ add: query.add ? '' : 'true' })}><${Icon} name="plus" />Add a queue</button></${PageHead}>
		<div class="stack loose">
			${query.add && html`<${AddQueue} />`}
			<${Card} flush><${Table} name="queues" label="queues" path=${vhost === undefined ? 'queues' : path`queues/${vhost}`} columns=${COLUMNS} fields=${FIELDS}
				id=${(q) => q.vhost + '\n' + q.name} link=${(q) => href(['queues', q.vhost, q.name])} bulk=${bulk}
				empty=${html`<${Empty} title="No queues yet">Clients declare them, or <a href="#/queues?add=true">add one here</a>.</${Empty}>`} /></${Card}>
		</div>`;
}

/** @param {any[]} queues @param {() => void} done */
function bulk(queues, done) {
	const hits = queues.map((q) => ({ name: q.vhost === '/' ? q.name : `${q.vhost}: ${q.name}`, detail: f.count(q.messages || 0, 'message') }));
	const messages = queues.reduce((sum, q) => sum + (q.messages || 0), 0);
	const type = queues.length > 1 ? String(queues.length) : undefined;
	const act = (verb, where, after) => () => ask({
		title: `${verb} ${f.count(queues.length, 'queue')}?`, action: verb, type, hits,
		text: `${verb === 'Delete' ? 'They hold' : 'This discards'} ${f.count(messages, 'message')} by the last count.`,
		run: async (progress) => { try { await eightAtATime(queues, (q) => del(where(q)), progress); } finally { done(); } return `${f.count(queues.length, 'queue')} ${after}.`; },
	});
	return html`<button class="btn danger" onClick=${act('Purge', (q) => path`queues/${q.vhost}/${q.name}/contents`, 'purged')}>Purge</button>
		<button class="btn danger" onClick=${act('Delete', (q) => path`queues/${q.vhost}/${q.name}`, 'deleted')}><${Icon} name="trash" />Delete</button>`;
}

function AddQueue() {
	const filter = useStore(vhostFilter);
	const vhosts = useVhosts();
	const [args, setArgs] = useState(/** @type {any[]} */ ([]));
	const form = useForm({ vhost: filter || '/', type: 'default', name: '', durable: true, auto_delete: false }, async (v) => {
		const all = argumentsOf(args);
		if (v.type !== 'default') all['x-queue-type'] = v.type;
		await put(path`queues/${among(vhosts, v.vhost)}/${v.name}`, { durable: v.durable || v.type === 'quorum' || v.type === 'stream', auto_delete: v.auto_delete && v.type === 'classic' || v.auto_delete && v.type === 'default', arguments: all });
		say(`Queue ${v.name} is there.`);
		setArgs([]);
	});
	const v = form.values;
	const type = v.type === 'default' ? 'classic' : v.type;
	const fixed = type !== 'classic';
	const wrong = args.map((row) => refusedBy(type, row.key)).filter(Boolean);
	return html`<${Card} title="Add a queue"><form class="form" onSubmit=${form.submit}>
		${vhosts.length > 1 && html`<${Choice} label="Virtual host" value=${among(vhosts, v.vhost)} onChange=${form.set('vhost')} options=${vhosts} />`}
		<${Choice} label="Type" value=${v.type} onChange=${form.set('type')} options=${[['default', 'Default of the virtual host'], ['classic', 'Classic'], ['quorum', 'Quorum'], ['stream', 'Stream']]} />
		<${Text} label="Name" value=${v.name} onChange=${form.set('name')} required />
		<div class="field"><span class="label">Kept</span>
			<${Check} label="Durable: survives a restart" value=${fixed || v.durable} disabled=${fixed} title=${fixed ? `A ${type} is always durable.` : ''} onChange=${form.set('durable')} />
			<${Check} label="Auto delete: goes with its last consumer" value=${!fixed && v.auto_delete} disabled=${fixed} title=${fixed ? `A ${type} cannot be auto-delete.` : ''} onChange=${form.set('auto_delete')} />
		</div>
		<${Arguments} label="Arguments" rows=${args} onChange=${setArgs} presets=${html`<${Presets} groups=${PRESETS} rows=${args} onChange=${setArgs} refused=${(key) => refusedBy(type, key)} />`} />
		${wrong.length > 0 && html`<p class="full warn small">${wrong.join(' ')}</p>`}
		<${Submit} form=${form} text="Add the queue"><button type="button" class="btn" onClick=${() => setQuery({ add: '' })}>Close</button></${Submit}>
	</form></${Card}>`;
}
