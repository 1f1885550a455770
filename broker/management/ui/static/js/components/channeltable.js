// The columns of channels, for their own page and that of a connection.
import { html } from '../lib/html.js';
import { href } from '../lib/router.js';
import * as f from '../lib/format.js';
import { Badge, Empty, NameLink } from './basic.js';
import { num, rateColumn, vhostColumn } from './cells.js';
import { Table } from './table.js';

/** @type {import('./table.js').Column[]} */
const COLUMNS = [
	vhostColumn,
	{ id: 'name', title: 'Channel', key: true, sort: 'name', cell: (c) => html`<${NameLink} parts=${['channels', c.name]}>${c.name}</${NameLink}>` },
	{ id: 'user', title: 'User', sort: 'user', wide: true, cell: (c) => html`<span class="name clip" style=${{ maxWidth: '9rem' }}>${c.user}</span>` },
	{ id: 'mode', title: 'Mode', wide: true, fields: ['confirm', 'transactional'], cell: (c) => html`<span class="row tight">${c.confirm && html`<${Badge} title="Publisher confirms">C</${Badge}>`}${c.transactional && html`<${Badge} title="Transactional">T</${Badge}>`}</span>` },
	{ id: 'state', title: 'State', sort: 'state', wide: true, fields: ['state', 'idle_since'], cell: (c) => html`<${Badge} kind=${c.state === 'flow' ? 'warn' : c.idle_since ? '' : 'good'}>${c.idle_since ? 'idle' : c.state}</${Badge}>` },
	{ id: 'unconfirmed', title: 'Unconfirmed', number: true, hidden: true, sort: 'messages_unconfirmed', cell: (c) => num(c.messages_unconfirmed) },
	{ id: 'prefetch', title: 'Prefetch', number: true, wide: true, sort: 'prefetch_count', fields: ['prefetch_count', 'global_prefetch_count'], cell: (c) => (c.global_prefetch_count ? `${f.number(c.global_prefetch_count)} (global)` : c.prefetch_count ? f.number(c.prefetch_count) : '∞') },
	{ id: 'unacked', title: 'Unacked', number: true, sort: 'messages_unacknowledged', cell: (c) => num(c.messages_unacknowledged) },
	rateColumn('publish', 'Publish'), rateColumn('confirm', 'Confirm', { wide: true }),
	rateColumn('drop_unroutable', 'Unroutable (drop)', { hidden: true }), rateColumn('return_unroutable', 'Unroutable (return)', { hidden: true }),
	rateColumn('deliver_get', 'Deliver / Get'), rateColumn('ack', 'Ack', { wide: true, wider: true }), rateColumn('redeliver', 'Redelivered', { hidden: true }),
	{ id: 'consumers', title: 'Consumers', number: true, hidden: true, sort: 'consumer_count', cell: (c) => num(c.consumer_count) },
	{ id: 'uncommitted', title: 'Uncommitted', number: true, hidden: true, sort: 'messages_uncommitted', cell: (c) => num(c.messages_uncommitted) },
];

/** @param {{path: string, bare?: boolean}} props */
export const ChannelTable = ({ path, bare }) => html`<${Table} name="channels" label="channels" path=${path} bare=${bare} columns=${COLUMNS} fields=${['name', 'vhost']}
	id=${(c) => c.name} link=${(c) => href(['channels', c.name])} empty=${html`<${Empty} title="No channels" />`} />`;
