// One channel: rates, settings, consumers.
import { html, useMemo } from '../lib/html.js';
import { path, query } from '../lib/api.js';
import { useLive } from '../lib/live.js';
import { href } from '../lib/router.js';
import { rateLines, samplesQuery } from '../lib/series.js';
import * as f from '../lib/format.js';
import { Card, Empty, ErrorNote, Facts, NameLink, Note, PageHead, Waiting } from '../components/basic.js';
import { Chart, RangePicker, useRange } from '../components/chart.js';
import { ConsumerTable } from '../components/consumertable.js';

const RATES = ['publish', 'confirm', 'deliver', 'deliver_no_ack', 'ack', 'redeliver', 'get', 'get_no_ack', 'get_empty', 'return_unroutable', 'drop_unroutable'];

/** @param {{name: string}} props */
export default function Channel({ name }) {
	const [range, setRange] = useRange();
	const live = useLive(path`channels/${name}` + query(samplesQuery(range, ['msg_rates'])), { keep: true });
	const c = live.data;
	const lines = useMemo(() => rateLines(c?.message_stats, RATES), [c]);
	const crumb = { text: 'Channels', to: '#/channels' };
	if (!c) return html`<${PageHead} title=${name} crumb=${crumb} />${live.error?.status === 404 ? html`<${Note} kind="warn" title="There is no such channel.">It has been closed.</${Note}>` : html`<${Waiting} live=${live} />`}`;
	const consumers = c.consumer_details || [];
	return html`<${PageHead} title=${name} crumb=${crumb}><${RangePicker} range=${range} onChange=${setRange} /></${PageHead}>
		<div class="stack loose">
			${live.error?.status === 404 ? html`<${Note} kind="warn" title="This channel is closed." />` : html`<${ErrorNote} error=${live.error} />`}
			<div class="grid">
				<${Chart} title="Message rates" lines=${lines} show=${f.rate} />
				<${Card} title="Details"><${Facts} rows=${[
					['Connection', html`<${NameLink} parts=${['connections', c.connection_details?.name]}>${c.connection_details?.name}</${NameLink}>`], ['Number', c.number],
					['User', html`<a class="name" href=${href(['users', c.user])}>${c.user}</a>`], ['Virtual host', html`<span class="name">${c.vhost}</span>`],
					['Mode', c.transactional ? 'transactional' : c.confirm ? 'publisher confirms' : 'plain'], ['State', c.idle_since ? `idle since ${f.time(c.idle_since)}` : c.state],
					['Prefetch, each consumer', c.prefetch_count || 'unlimited'], ['Prefetch, whole channel', c.global_prefetch_count || 'unlimited'],
					['Unacked', f.number(c.messages_unacknowledged)], ['Unconfirmed', f.number(c.messages_unconfirmed)], ['Uncommitted', f.number(c.messages_uncommitted)], ['Acks uncommitted', f.number(c.acks_uncommitted)],
				]} /></${Card}>
			</div>
			<${Card} flush title="Consumers">${consumers.length > 0 ? html`<${ConsumerTable} items=${consumers} bare without=${['vhost', 'channel']} />` : html`<${Empty} title="No consumers" />`}</${Card}>
		</div>`;
}
