// The first tab of a queue: charts, limits, facts.
import { html, useMemo } from '../../lib/html.js';
import { depthLines, rateLines } from '../../lib/series.js';
import { href } from '../../lib/router.js';
import * as f from '../../lib/format.js';
import { Card, Facts, Gauge, NameLink } from '../../components/basic.js';
import { Chart, RangePicker } from '../../components/chart.js';

const RATES = ['publish', 'deliver', 'deliver_no_ack', 'ack', 'redeliver', 'get', 'get_no_ack'];

/** @param {{queue: any, range: string, setRange: (range: string) => void}} props */
export function QueueOverview({ queue, range, setRange }) {
	const depth = useMemo(() => depthLines(queue), [queue]);
	const rates = useMemo(() => rateLines(queue.message_stats, RATES), [queue]);
	return html`<div class="stack loose">
		<div class="row between"><span /><${RangePicker} range=${range} onChange=${setRange} /></div>
		<div class="grid"><${Chart} title="Queued messages" lines=${depth} /><${Chart} title="Message rates" lines=${rates} show=${f.rate} /></div>
		<div class="grid">
			<${Limits} queue=${queue} />
			<${Card} title="Details"><${Facts} rows=${facts(queue)} /></${Card}>
			<${Card} title="Messages"><${Counts} queue=${queue} /></${Card}>
		</div>
	</div>`;
}

/** @param {any} q */
function facts(q) {
	const policy = (name, page) => name && html`<a class="name" href=${href([page], { name })}>${name}</a>`;
	return [
		['Policy', policy(q.policy, 'policies')], ['Operator policy', policy(q.operator_policy, 'operator-policies')],
		['Consumers', f.number(q.consumers)], ['Consumer capacity', q.type !== 'stream' && typeof q.consumer_capacity === 'number' ? Math.round(100 * q.consumer_capacity) + ' %' : undefined],
		['Active consumer', q.single_active_consumer_tag && html`<span class="name">${q.single_active_consumer_tag}</span>`],
		['Owner', q.owner_pid_details?.name && html`<${NameLink} parts=${['connections', q.owner_pid_details.name]}>${q.owner_pid_details.name}</${NameLink}>`],
		['Oldest message', q.head_message_timestamp && f.time(q.head_message_timestamp * (q.head_message_timestamp < 1e11 ? 1000 : 1))],
		['Idle since', q.idle_since && f.time(q.idle_since)],
		['Memory', f.bytes(q.memory)], ['Node', q.node && html`<a class="name" href=${href(['nodes', q.node])}>${q.node}</a>`],
		['Leader', q.leader], ['Members', q.members?.length > 1 ? q.members.join(', ') : undefined],
	];
}

/** The smallest limit of argument, policy and operator policy: what the broker holds the queue to. @param {any} q @param {string} key */
function limitOf(q, key) {
	const values = [q.arguments?.['x-' + key], q.effective_policy_definition?.[key]].filter((v) => typeof v === 'number');
	return values.length > 0 ? Math.min(...values) : undefined;
}

/** @param {{queue: any}} props */
function Limits({ queue }) {
	const length = limitOf(queue, 'max-length');
	const bytes = limitOf(queue, 'max-length-bytes');
	const ttl = limitOf(queue, 'message-ttl');
	const expires = limitOf(queue, 'expires');
	if ([length, bytes, ttl, expires].every((v) => v === undefined)) return null;
	const overflow = queue.arguments?.['x-overflow'] ?? queue.effective_policy_definition?.overflow ?? 'drop-head';
	return html`<${Card} title="Limits"><div class="stack">
		${length !== undefined && html`<${Gauge} label="Length" used=${queue.messages_ready ?? 0} limit=${length} note=${`When full: ${overflow}`} />`}
		${bytes !== undefined && html`<${Gauge} label="Bytes" used=${queue.message_bytes_ready ?? 0} limit=${bytes} show=${f.bytes} note=${`When full: ${overflow}`} />`}
		<${Facts} rows=${[['Message TTL', ttl !== undefined && f.duration(ttl)], ['Expires unused after', expires !== undefined && f.duration(expires)]].filter((r) => r[1])} />
	</div></${Card}>`;
}

/** @param {{queue: any}} props */
function Counts({ queue: q }) {
	const rows = [
		['Messages', q.messages, q.messages_ready, q.messages_unacknowledged, q.messages_persistent, q.messages_ram],
		['Bytes', q.message_bytes, q.message_bytes_ready, q.message_bytes_unacknowledged, q.message_bytes_persistent, q.message_bytes_ram],
	];
	const heads = ['Total', 'Ready', 'Unacked', 'Persistent', 'In memory'];
	return html`<dl class="kv">${heads.map((head, i) => html`<dt key=${head}>${head}</dt><dd class="num">${f.number(rows[0][i + 1])} ${typeof rows[1][i + 1] === 'number' && html`<span class="muted">· ${f.bytes(rows[1][i + 1])}</span>`}</dd>`)}</dl>`;
}
