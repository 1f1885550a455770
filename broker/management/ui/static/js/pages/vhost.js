// One virtual host: totals, limits, permissions, tracing, deleting it.
import { html, useMemo } from '../lib/html.js';
import { del, path, put, query } from '../lib/api.js';
import { useLive } from '../lib/live.js';
import { go, href } from '../lib/router.js';
import { depthLines, octLines, rateLines, samplesQuery } from '../lib/series.js';
import * as f from '../lib/format.js';
import { Card, ErrorNote, Facts, Note, PageHead, Waiting } from '../components/basic.js';
import { Chart, RangePicker, useRange } from '../components/chart.js';
import { ask } from '../components/dialog.js';
import { Icon } from '../components/icon.js';
import { PermissionEditor } from '../components/permissions.js';
import { say } from '../components/toast.js';

const RATES = ['publish', 'confirm', 'deliver', 'deliver_no_ack', 'ack', 'redeliver', 'get', 'get_no_ack', 'return_unroutable', 'drop_unroutable'];

/** @param {{name: string}} props */
export default function Vhost({ name }) {
	const [range, setRange] = useRange();
	const live = useLive(path`vhosts/${name}` + query(samplesQuery(range, ['lengths', 'msg_rates', 'data_rates'])), { keep: true });
	const v = live.data;
	const depth = useMemo(() => depthLines(v), [v]);
	const rates = useMemo(() => rateLines(v?.message_stats, RATES), [v]);
	const octets = useMemo(() => octLines(v), [v]);
	const crumb = { text: 'Virtual hosts', to: '#/vhosts' };
	if (!v) return html`<${PageHead} title=${name} crumb=${crumb} />${live.error?.status === 404 ? html`<${Note} kind="warn" title="There is no such virtual host." />` : html`<${Waiting} live=${live} />`}`;
	const trace = async () => {
		try {
			await put(path`vhosts/${name}`, { tracing: !v.tracing, ...(v.description ? { description: v.description } : {}), ...(v.tags?.length ? { tags: v.tags.join(',') } : {}) });
			say(v.tracing ? 'Tracing is off.' : 'Tracing is on: copies of messages go to amq.rabbitmq.trace.');
		} catch (err) {
			say(err.message);
		}
		live.reload();
	};
	return html`<${PageHead} title=${name} crumb=${crumb} sub=${v.description}><${RangePicker} range=${range} onChange=${setRange} /></${PageHead}>
		<div class="stack loose"><${ErrorNote} error=${live.error} />
			<div class="grid"><${Chart} title="Queued messages" lines=${depth} /><${Chart} title="Message rates" lines=${rates} show=${f.rate} /><${Chart} title="Data rates" lines=${octets} show=${f.byteRate} />
				<${Card} title="Details"><div class="stack"><${Facts} rows=${[['Tags', (v.tags || []).join(', ')], ['Default queue type', v.default_queue_type === 'undefined' ? '' : v.default_queue_type], ['State', Object.values(v.cluster_state || {}).join(', ')],
					['Queues', html`<a href=${href(['queues', name])}>show</a>`], ['Exchanges', html`<a href=${href(['exchanges', name])}>show</a>`], ['Limits', html`<a href="#/limits">show</a>`],
					['Tracing', v.tracing ? 'on' : 'off']]} />
					<div class="row"><button class="btn" aria-pressed=${String(Boolean(v.tracing))} onClick=${trace}><${Icon} name="trace" />${v.tracing ? 'Stop tracing' : 'Start tracing'}</button>
						<button class="btn danger" onClick=${() => ask({ title: `Delete virtual host ${name}?`, action: 'Delete', type: name, text: `All its queues, exchanges, policies and permissions go, with ${f.count(v.messages || 0, 'message')}; its connections are closed.`, run: async () => { await del(path`vhosts/${name}`); go(['vhosts']); return `Virtual host ${name} is deleted.`; } })}><${Icon} name="trash" />Delete</button></div></div></${Card}></div>
			<${PermissionEditor} vhost=${name} />
		</div>`;
}
