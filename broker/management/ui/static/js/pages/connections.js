// Connections: the list, and closing one or many.
import { html } from '../lib/html.js';
import { del, path } from '../lib/api.js';
import { href } from '../lib/router.js';
import * as f from '../lib/format.js';
import { Badge, Card, Empty, NameLink, PageHead } from '../components/basic.js';
import { num, vhostColumn } from '../components/cells.js';
import { Spark, useHistory } from '../components/chart.js';
import { closeConnections } from '../components/closing.js';
import { Table } from '../components/table.js';

/** @param {{c: any, field: string}} props */
function OctRate({ c, field }) {
	const now = f.at(c, field + '_details.rate');
	const values = useHistory([c], () => '', () => now).get('') || [];
	return html`<span class="rate">${values.length > 1 && html`<${Spark} values=${values} label="Rate of the last looks" />`}<span>${f.byteRate(now)}</span></span>`;
}

/** @param {{state: string}} props */
export const ConnectionState = ({ state }) => (state ? html`<${Badge} kind=${state === 'running' ? 'good' : state === 'flow' ? 'warn' : /block|clos/.test(state) ? 'bad' : ''}>${state}</${Badge}>` : null);

/** @type {import('../components/table.js').Column[]} */
const COLUMNS = [
	vhostColumn,
	{ id: 'name', title: 'Name', key: true, sort: 'name', fields: ['name', 'user_provided_name', 'client_properties.connection_name'], cell: (c) => html`<${NameLink} parts=${['connections', c.name]}>${c.user_provided_name || c.client_properties?.connection_name || c.name}</${NameLink}>${(c.user_provided_name || c.client_properties?.connection_name) && html`<span class="name clip small muted">${c.name}</span>`}` },
	{ id: 'user', title: 'User', sort: 'user', wide: true, cell: (c) => html`<span class="name clip" style=${{ maxWidth: '9rem' }}>${c.user}</span>` },
	{ id: 'state', title: 'State', sort: 'state', cell: (c) => html`<${ConnectionState} state=${c.state} />` },
	{ id: 'ssl', title: 'TLS', sort: 'ssl', wide: true, cell: (c) => (c.ssl ? html`<${Badge} kind="good">TLS</${Badge}>` : html`<span class="zero">–</span>`) },
	{ id: 'protocol', title: 'Protocol', sort: 'protocol', wide: true, wider: true, cell: (c) => c.protocol },
	{ id: 'channels', title: 'Channels', number: true, wide: true, sort: 'channels', cell: (c) => num(c.channels) },
	{ id: 'recv', title: 'From client', number: true, wide: true, sort: 'recv_oct_details.rate', cell: (c) => html`<${OctRate} c=${c} field="recv_oct" />` },
	{ id: 'send', title: 'To client', number: true, wide: true, sort: 'send_oct_details.rate', cell: (c) => html`<${OctRate} c=${c} field="send_oct" />` },
	{ id: 'heartbeat', title: 'Heartbeat', number: true, hidden: true, sort: 'timeout', cell: (c) => (c.timeout ? c.timeout + ' s' : 'none') },
	{ id: 'connected', title: 'Connected', hidden: true, sort: 'connected_at', cell: (c) => f.time(c.connected_at) },
	{ id: 'client', title: 'Client', hidden: true, fields: ['client_properties'], cell: (c) => html`<span class="name">${[c.client_properties?.product, c.client_properties?.version].filter(Boolean).join(' ')}</span>` },
	{ id: 'peer', title: 'Peer', hidden: true, sort: 'peer_host', fields: ['peer_host', 'peer_port'], cell: (c) => `${c.peer_host}:${c.peer_port}` },
	{ id: 'recv_oct', title: 'Received', number: true, hidden: true, sort: 'recv_oct', cell: (c) => f.bytes(c.recv_oct) },
	{ id: 'send_oct', title: 'Sent', number: true, hidden: true, sort: 'send_oct', cell: (c) => f.bytes(c.send_oct) },
	{ id: 'auth', title: 'SASL', hidden: true, sort: 'auth_mechanism', cell: (c) => c.auth_mechanism },
	{ id: 'node', title: 'Node', hidden: true, sort: 'node', cell: (c) => c.node },
];

export default function Connections() {
	return html`<${PageHead} title="Connections" />
		<${Card} flush><${Table} name="connections" label="connections" path="connections" columns=${COLUMNS} fields=${['name', 'vhost', 'user', 'user_provided_name', 'client_properties.connection_name']}
			id=${(c) => c.name} link=${(c) => href(['connections', c.name])}
			bulk=${(list, done) => html`<button class="btn danger" onClick=${() => closeConnections(list, (name, reason) => del(path`connections/${name}`, reason), done)}>Close</button>`}
			empty=${html`<${Empty} title="No connections">Nobody is connected.</${Empty}>`} /></${Card}>`;
}
