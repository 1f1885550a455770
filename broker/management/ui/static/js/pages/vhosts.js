// Virtual hosts: the list, and adding one.
import { html } from '../lib/html.js';
import { del, path, put } from '../lib/api.js';
import { href, setQuery, useRoute } from '../lib/router.js';
import * as f from '../lib/format.js';
import { Badge, Card, Empty, NameLink, PageHead } from '../components/basic.js';
import { num, rateColumn } from '../components/cells.js';
import { ask, eightAtATime } from '../components/dialog.js';
import { Check, Choice, Submit, Text, useForm } from '../components/form.js';
import { Icon } from '../components/icon.js';
import { Table } from '../components/table.js';
import { say } from '../components/toast.js';

/** @param {any} v */
const state = (v) => Object.values(v.cluster_state || {})[0] || 'running';

/** @type {import('../components/table.js').Column[]} */
const COLUMNS = [
	{ id: 'name', title: 'Name', key: true, sort: 'name', cell: (v) => html`<${NameLink} parts=${['vhosts', v.name]}>${v.name}</${NameLink}>${v.description && html`<span class="name clip small muted">${v.description}</span>`}` },
	{ id: 'tags', title: 'Tags', wide: true, fields: ['tags'], cell: (v) => html`<span class="row tight">${(v.tags || []).map((t) => html`<${Badge} key=${t}>${t}</${Badge}>`)}</span>` },
	{ id: 'type', title: 'Default queue type', hidden: true, sort: 'default_queue_type', cell: (v) => (v.default_queue_type === 'undefined' ? '' : v.default_queue_type) },
	{ id: 'state', title: 'State', wide: true, fields: ['cluster_state'], cell: (v) => html`<${Badge} kind=${state(v) === 'running' ? 'good' : 'bad'}>${state(v)}</${Badge}>` },
	{ id: 'ready', title: 'Ready', number: true, sort: 'messages_ready', cell: (v) => num(v.messages_ready ?? 0) },
	{ id: 'unacked', title: 'Unacked', number: true, sort: 'messages_unacknowledged', cell: (v) => num(v.messages_unacknowledged ?? 0) },
	{ id: 'recv', title: 'From clients', number: true, wide: true, sort: 'recv_oct_details.rate', cell: (v) => f.byteRate(v.recv_oct_details?.rate ?? 0) },
	{ id: 'send', title: 'To clients', number: true, wide: true, sort: 'send_oct_details.rate', cell: (v) => f.byteRate(v.send_oct_details?.rate ?? 0) },
	rateColumn('publish', 'Publish'), rateColumn('deliver_get', 'Deliver / Get'),
	{ id: 'tracing', title: 'Tracing', hidden: true, sort: 'tracing', cell: (v) => (v.tracing ? 'on' : 'off') },
];

export default function Vhosts() {
	const { query } = useRoute();
	return html`<${PageHead} title="Virtual hosts"><button class="btn primary" onClick=${() => setQuery({ add: query.add ? '' : 'true' })}><${Icon} name="plus" />Add a virtual host</button></${PageHead}>
		<div class="stack loose">${query.add && html`<${AddVhost} />`}
			<${Card} flush><${Table} name="vhosts" label="virtual hosts" path="vhosts" columns=${COLUMNS} id=${(v) => v.name} link=${(v) => href(['vhosts', v.name])} bulk=${bulk} empty=${html`<${Empty} title="No virtual hosts" />`} /></${Card}></div>`;
}

/** @param {any[]} list @param {() => void} done */
function bulk(list, done) {
	const messages = list.reduce((sum, v) => sum + (v.messages || 0), 0);
	return html`<button class="btn danger" onClick=${() => ask({
		title: `Delete ${f.count(list.length, 'virtual host')}?`, action: 'Delete', type: list.length > 1 ? String(list.length) : list[0].name,
		text: `All their queues, exchanges, policies and permissions go, with ${f.count(messages, 'message')}; their connections are closed.`, hits: list.map((v) => ({ name: v.name, detail: f.count(v.messages || 0, 'message') })),
		run: async (progress) => { try { await eightAtATime(list, (v) => del(path`vhosts/${v.name}`), progress); } finally { done(); } return `${f.count(list.length, 'virtual host')} deleted.`; },
	})}><${Icon} name="trash" />Delete</button>`;
}

function AddVhost() {
	const form = useForm({ name: '', description: '', tags: '', default_queue_type: '', tracing: false }, async (v) => {
		await put(path`vhosts/${v.name}`, { description: v.description, tags: v.tags, tracing: v.tracing, ...(v.default_queue_type ? { default_queue_type: v.default_queue_type } : {}) });
		say(`Virtual host ${v.name} is there; you have all permissions in it.`);
	});
	const v = form.values;
	return html`<${Card} title="Add a virtual host"><form class="form" onSubmit=${form.submit}>
		<${Text} label="Name" value=${v.name} onChange=${form.set('name')} required />
		<${Text} label="Description" value=${v.description} onChange=${form.set('description')} />
		<${Text} label="Tags" hint="Separated by commas." value=${v.tags} onChange=${form.set('tags')} />
		<${Choice} label="Default queue type" value=${v.default_queue_type} onChange=${form.set('default_queue_type')} options=${[['', 'Classic, unless clients ask for another'], ['classic', 'Classic'], ['quorum', 'Quorum'], ['stream', 'Stream']]} />
		<div class="field"><span class="label">Firehose</span><${Check} label="Tracing to amq.rabbitmq.trace" value=${v.tracing} onChange=${form.set('tracing')} /></div>
		<${Submit} form=${form} text="Add the virtual host"><button type="button" class="btn" onClick=${() => setQuery({ add: '' })}>Close</button></${Submit}>
	</form></${Card}>`;
}
