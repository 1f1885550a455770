// One connection: who it is, what flows, its channels, and closing it.
import { html, useMemo } from '../lib/html.js';
import { del, path, query } from '../lib/api.js';
import { useLive } from '../lib/live.js';
import { go, href } from '../lib/router.js';
import { octLines, samplesQuery } from '../lib/series.js';
import * as f from '../lib/format.js';
import { Card, ErrorNote, Facts, Fold, Note, PageHead, Waiting } from '../components/basic.js';
import { Chart, RangePicker, useRange } from '../components/chart.js';
import { ChannelTable } from '../components/channeltable.js';
import { closeConnections } from '../components/closing.js';
import { ConnectionState } from './connections.js';

/** @param {{name: string}} props */
export default function Connection({ name }) {
	const [range, setRange] = useRange();
	const live = useLive(path`connections/${name}` + query(samplesQuery(range, ['data_rates'])), { keep: true });
	const c = live.data;
	const lines = useMemo(() => octLines(c), [c]);
	const crumb = { text: 'Connections', to: '#/connections' };
	if (!c) return html`<${PageHead} title=${name} crumb=${crumb} />${live.error?.status === 404 ? html`<${Note} kind="warn" title="There is no such connection.">It has been closed.</${Note}>` : html`<${Waiting} live=${live} />`}`;
	const properties = c.client_properties || {};
	const title = c.user_provided_name || properties.connection_name;
	const gone = live.error?.status === 404;
	const close = () => closeConnections([c], async (n, headers) => { await del(path`connections/${n}`, headers); go(['connections']); });
	return html`<${PageHead} title=${title || name} crumb=${crumb} sub=${html`<span class="row"><${ConnectionState} state=${gone ? 'closed' : c.state} />${title && html`<span class="name">${name}</span>`}</span>`}>
			<${RangePicker} range=${range} onChange=${setRange} /><button class="btn danger" disabled=${gone} onClick=${close}>Close</button></${PageHead}>
		<div class="stack loose">
			${gone ? html`<${Note} kind="warn" title="This connection is closed.">What you see is the last that was known of it.</${Note}>` : html`<${ErrorNote} error=${live.error} />`}
			<div class="grid">
				<${Chart} title="Data rates" lines=${lines} show=${f.byteRate} />
				<${Card} title="Details"><${Facts} rows=${[
					['User', html`<a class="name" href=${href(['users', c.user])}>${c.user}</a>`], ['Virtual host', html`<a class="name" href=${href(['vhosts', c.vhost])}>${c.vhost}</a>`],
					['Protocol', c.protocol], ['SASL mechanism', c.auth_mechanism], ['Connected', c.connected_at && `${f.time(c.connected_at)} (${f.duration(Date.now() - c.connected_at)} ago)`],
					['Heartbeat', c.timeout ? `${c.timeout} s` : 'none'], ['Frame max', f.bytes(c.frame_max)], ['Channels', `${f.number(c.channels)} of ${c.channel_max ? f.number(c.channel_max) : '65,535'}`],
					['Received', `${f.bytes(c.recv_oct)} in ${f.number(c.recv_cnt)} reads`], ['Sent', `${f.bytes(c.send_oct)} in ${f.number(c.send_cnt)} writes`], ['Waiting to be sent', c.send_pend > 0 ? f.bytes(c.send_pend) : undefined], ['Node', c.node],
				]} /></${Card}>
				<${Card} title="Client"><${Facts} rows=${Object.entries(properties).filter(([k]) => k !== 'capabilities').map(([k, v]) => [html`<span class="name">${k}</span>`, html`<span class="name">${f.value(v)}</span>`])} /></${Card}>
				${c.ssl && html`<${Card} title="TLS"><${Facts} rows=${[['Protocol', c.ssl_protocol], ['Cipher', c.ssl_cipher], ['Key exchange', c.ssl_key_exchange], ['Hash', c.ssl_hash], ['Peer certificate', c.peer_cert_subject], ['Issuer', c.peer_cert_issuer], ['Validity', c.peer_cert_validity]]} /></${Card}>`}
			</div>
			<${Card} flush title="Channels"><${ChannelTable} path=${path`connections/${name}/channels`} bare /></${Card}>
			<${Fold} name="capabilities" title="Capabilities"><${Facts} rows=${Object.entries(properties.capabilities || {}).map(([k, v]) => [k, v ? 'yes' : 'no'])} /></${Fold}>
		</div>`;
}
