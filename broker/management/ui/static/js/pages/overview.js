// The overview: what is wrong right now, rates and depths, nodes and doors.
import { html, useMemo } from '../lib/html.js';
import { query, del } from '../lib/api.js';
import { useLive } from '../lib/live.js';
import { href } from '../lib/router.js';
import { may } from '../lib/session.js';
import { depthLines, rateLines, samplesQuery } from '../lib/series.js';
import * as f from '../lib/format.js';
import { ErrorNote, Fold, PageHead, Tile, Waiting, NameLink } from '../components/basic.js';
import { Chart, RangePicker, useRange } from '../components/chart.js';
import { Icon } from '../components/icon.js';
import { ask } from '../components/dialog.js';
import { NodeCard } from '../components/nodecard.js';
import { Wrong } from '../components/wrong.js';

const RATES = ['publish', 'confirm', 'deliver', 'deliver_no_ack', 'ack', 'redeliver', 'get', 'get_no_ack', 'return_unroutable', 'drop_unroutable'];

export default function Overview() {
	const [range, setRange] = useRange();
	const live = useLive('overview' + query(samplesQuery(range, ['lengths', 'msg_rates'])), { keep: true });
	const o = live.data;
	const depth = useMemo(() => depthLines(o?.queue_totals), [o]);
	const rates = useMemo(() => rateLines(o?.message_stats, RATES), [o]);
	const churn = useMemo(() => churnLines(o?.churn_rates), [o]);
	if (!o) return html`<${PageHead} title="Overview" /><${Waiting} live=${live} />`;
	const t = o.object_totals || {};
	const queued = o.queue_totals || {};
	return html`
		<${PageHead} title="Overview"><${RangePicker} range=${range} onChange=${setRange} /></${PageHead}>
		<div class="stack loose">
			<${ErrorNote} error=${live.error} />
			<div class="grid small-tiles">
				<${Tile} value=${f.number(queued.messages_ready ?? 0)} what="Ready" to=${href(['queues'], { sort: 'messages_ready', sort_reverse: true })} />
				<${Tile} value=${f.number(queued.messages_unacknowledged ?? 0)} what="Unacked" to=${href(['queues'], { sort: 'messages_unacknowledged', sort_reverse: true })} />
				<${Tile} value=${f.number(t.queues)} what="Queues" to="#/queues" />
				<${Tile} value=${f.number(t.exchanges)} what="Exchanges" to="#/exchanges" />
				<${Tile} value=${f.number(t.connections)} what="Connections" to="#/connections" />
				<${Tile} value=${f.number(t.channels)} what="Channels" to="#/channels" />
				<${Tile} value=${f.number(t.consumers)} what="Consumers" to="#/consumers" />
			</div>
			<${Wrong} overview=${o} />
			<div class="grid">
				<${Chart} title="Queued messages" lines=${depth} />
				<${Chart} title="Message rates" lines=${rates} show=${f.rate} />
			</div>
			${may.monitor() && html`<${Nodes} />`}
			<${Fold} name="churn" title="Churn"><${Chart} title="Churn rates" lines=${churn} show=${f.rate} /></${Fold}>
			<${Fold} name="ports" title="Ports and contexts"><${Ports} overview=${o} /></${Fold}>
			${may.administer() && html`<div class="row"><a class="btn" href="#/definitions"><${Icon} name="definitions" />Export or import definitions</a><button class="btn" onClick=${resetStatistics}>Reset statistics</button></div>`}
		</div>`;
}

/** @param {any} rates */
function churnLines(rates) {
	return [['connection_created', 'Connections opened', '--c1'], ['connection_closed', 'Connections closed', '--c3'], ['channel_created', 'Channels opened', '--c2'], ['channel_closed', 'Channels closed', '--c7'],
		['queue_declared', 'Queues declared', '--c8'], ['queue_created', 'Queues created', '--c4'], ['queue_deleted', 'Queues deleted', '--c5']]
		.map(([key, label, color]) => ({ label, color, details: rates?.[key + '_details'], now: rates?.[key + '_details']?.rate ?? 0 }));
}

function Nodes() {
	const { data, error } = useLive('nodes');
	return html`<${ErrorNote} error=${error} />${data && html`<div class="grid">${data.map((node) => html`<${NodeCard} key=${node.name} node=${node} />`)}</div>`}`;
}

/** @param {{overview: any}} props */
function Ports({ overview }) {
	const rows = [
		...(overview.listeners || []).map((l) => ({ what: l.protocol, where: l.ip_address, port: l.port, node: l.node })),
		...(overview.contexts || []).map((c) => ({ what: `${c.description}, path ${c.path}`, where: c.ip || '', port: c.port, node: c.node })),
	];
	if (rows.length === 0) return html`<p class="muted">Monitoring users see them.</p>`;
	return html`<div class="scroll" tabindex="0" role="region" aria-label="Listeners"><table class="data"><thead><tr><th scope="col">Protocol or context</th><th scope="col">Bound to</th><th scope="col" class="n">Port</th><th scope="col" class="wide">Node</th></tr></thead>
		<tbody>${rows.map((row, i) => html`<tr key=${i}><td>${row.what}</td><td>${row.where}</td><td class="n">${row.port}</td><td class="wide"><${NameLink} parts=${['nodes', row.node]}>${row.node}</${NameLink}></td></tr>`)}</tbody></table></div>`;
}

function resetStatistics() {
	ask({
		title: 'Reset all statistics?', action: 'Reset',
		text: 'Rates, counters and the history of charts start anew. Messages, queues and connections are not touched.',
		run: async () => { await del('reset'); return 'Statistics start anew.'; },
	});
}
