// The columns of consumers, for their own page and those of queue and channel.
import { html } from '../lib/html.js';
import { del, path, query } from '../lib/api.js';
import { useExtension } from '../lib/broker.js';
import * as f from '../lib/format.js';
import { Badge, NameLink } from './basic.js';
import { ArgumentsCell, QueueLink, vhostColumn } from './cells.js';
import { ask, eightAtATime } from './dialog.js';
import { Table } from './table.js';

/** @type {import('./table.js').Column[]} */
const COLUMNS = [
	{ ...vhostColumn, sort: 'queue.vhost', cell: (c) => html`<span class="name">${c.queue?.vhost}</span>` },
	{ id: 'tag', title: 'Consumer tag', key: true, sort: 'consumer_tag', cell: (c) => html`<span class="name clip" title=${c.consumer_tag}>${c.consumer_tag}</span>` },
	{ id: 'queue', title: 'Queue', sort: 'queue.name', cell: (c) => html`<${QueueLink} vhost=${c.queue.vhost} name=${c.queue.name} />` },
	{ id: 'channel', title: 'Channel', sort: 'channel_details.name', wide: true, cell: (c) => (c.channel_details?.name ? html`<${NameLink} parts=${['channels', c.channel_details.name]}>${c.channel_details.name}</${NameLink}>` : '–') },
	{ id: 'user', title: 'User', sort: 'channel_details.user', hidden: true, cell: (c) => html`<span class="name">${c.channel_details?.user || ''}</span>` },
	{ id: 'ack', title: 'Ack required', wide: true, cell: (c) => (c.ack_required ? 'yes' : 'automatic ack') },
	{ id: 'exclusive', title: 'Exclusive', hidden: true, cell: (c) => (c.exclusive ? 'yes' : 'no') },
	{ id: 'prefetch', title: 'Prefetch', number: true, wide: true, sort: 'prefetch_count', cell: (c) => (c.prefetch_count === 0 ? '∞' : f.number(c.prefetch_count)) },
	{ id: 'active', title: 'Active', sort: 'activity_status', cell: (c) => html`<${Badge} kind=${c.active === false ? '' : 'good'}>${c.activity_status === 'up' ? 'active' : (c.activity_status || '').replaceAll('_', ' ')}</${Badge}>` },
	{ id: 'timeout', title: 'Timeout', hidden: true, number: true, cell: (c) => f.duration(c.consumer_timeout) },
	{ id: 'arguments', title: 'Arguments', wide: true, cell: (c) => html`<${ArgumentsCell} table=${c.arguments} />` },
];

/** @param {{path?: string, items?: any[], without?: string[], bare?: boolean}} props */
export function ConsumerTable({ path: where, items, without = [], bare }) {
	const cancels = useExtension('unacked');
	return html`<${Table} name="consumers" label="consumers" path=${where} items=${items} bare=${bare} columns=${COLUMNS.filter((c) => !without.includes(c.id))}
		id=${(c) => [c.queue.vhost, c.queue.name, c.channel_details?.name, c.consumer_tag].join('\n')} bulk=${cancels ? bulk : undefined} />`;
}

/** @param {any[]} consumers @param {() => void} done */
function bulk(consumers, done) {
	return html`<button class="btn danger" onClick=${() => ask({
		title: `Cancel ${f.count(consumers.length, 'consumer')}?`, action: 'Cancel them', type: consumers.length > 1 ? String(consumers.length) : undefined,
		text: 'Their clients are told by basic.cancel. What they hold unacked stays with them until they settle it.',
		hits: consumers.map((c) => ({ name: c.consumer_tag, detail: c.queue.name })),
		run: async (progress) => {
			try {
				await eightAtATime(consumers, (c) => del(path`rabbet/consumers/${c.queue.vhost}/${c.queue.name}/${c.consumer_tag}` + query({ channel: c.channel_details?.name })), progress);
			} finally {
				done();
			}
			return `${f.count(consumers.length, 'consumer')} cancelled.`;
		},
	})}>Cancel</button>`;
}
