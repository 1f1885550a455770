// What is wrong right now, each with the way to it.
import { html, useEffect, useRef } from '../lib/html.js';
import { useLive } from '../lib/live.js';
import { may } from '../lib/session.js';
import { href } from '../lib/router.js';
import * as f from '../lib/format.js';
import { Card } from './basic.js';
import { Icon } from './icon.js';

const WATCHED = 'queues?page=1&page_size=200&pagination=true&sort=messages_ready&sort_reverse=true&columns=name,vhost,messages_ready,messages_ready_details.rate,messages_unacknowledged,consumers,state,arguments';

/** @typedef {{kind: string, text: any, to?: string}} Finding */

/** @param {{overview: any}} props */
export function Wrong({ overview }) {
	const queues = useLive(WATCHED, { every: 20000 });
	const connections = useLive('connections?page=1&page_size=100&pagination=true&sort=state&columns=name,state,user_provided_name', { every: 10000 });
	const nodes = useLive(may.monitor() ? 'nodes?columns=name,mem_alarm,disk_free_alarm,running,partitions' : null);
	const items = [
		...alarms(nodes.data || []), ...ofRates(overview.message_stats || {}),
		...ofQueues(queues.data?.items || []), ...ofConnections(connections.data?.items || []),
	];
	const growth = useGrowth(queues.data?.items);
	items.push(...growth);
	if (!queues.data) return null;
	return html`<${Card} title=${items.length === 0 ? 'Nothing is wrong' : f.count(items.length, 'thing') + ' to look at'} tools=${items.length === 0 && html`<span class="good"><${Icon} name="check" /></span>`}>
		${items.length === 0 ? html`<p class="muted">No alarm, no blocked connection, no growing queue, no messages without a consumer, nothing unroutable.</p>`
			: html`<ul class="stack" style=${{ gap: '0.4rem' }}>${items.slice(0, 12).map((item, i) => html`<li key=${i} class="row" style=${{ flexWrap: 'nowrap', alignItems: 'flex-start' }}><span class=${item.kind} style=${{ flex: 'none', marginTop: '2px' }}><${Icon} name="warning" /></span><span class="name">${item.to ? html`<a href=${item.to}>${item.text}</a>` : item.text}</span></li>`)}</ul>`}
	</${Card}>`;
}

/** @param {any[]} nodes @returns {Finding[]} */
function alarms(nodes) {
	return nodes.flatMap((node) => [
		node.mem_alarm && { kind: 'bad', text: `Memory alarm on ${node.name}: publishers are blocked`, to: href(['nodes', node.name]) },
		node.disk_free_alarm && { kind: 'bad', text: `Disk alarm on ${node.name}: publishers are blocked`, to: href(['nodes', node.name]) },
		node.running === false && { kind: 'bad', text: `${node.name} does not run`, to: href(['nodes', node.name]) },
	].filter(Boolean));
}

/** @param {any} stats @returns {Finding[]} */
function ofRates(stats) {
	const out = [];
	if (stats.return_unroutable_details?.rate > 0) out.push({ kind: 'warn', text: `${f.rate(stats.return_unroutable_details.rate)} unroutable messages are returned to their publishers`, to: href(['channels'], { sort: 'message_stats.return_unroutable_details.rate', sort_reverse: true }) });
	if (stats.drop_unroutable_details?.rate > 0) out.push({ kind: 'warn', text: `${f.rate(stats.drop_unroutable_details.rate)} unroutable messages are dropped: no binding, not mandatory`, to: href(['channels'], { sort: 'message_stats.drop_unroutable_details.rate', sort_reverse: true }) });
	return out;
}

/** @param {any[]} queues @returns {Finding[]} */
function ofQueues(queues) {
	const idle = queues.filter((q) => q.messages_ready > 0 && q.consumers === 0);
	const down = queues.filter((q) => ['down', 'crashed', 'stopped', 'minority'].includes(q.state));
	/** @type {Finding[]} */
	const out = down.map((q) => ({ kind: 'bad', text: `Queue ${q.name} is ${q.state}`, to: href(['queues', q.vhost, q.name]) }));
	for (const q of idle.slice(0, 4)) out.push({ kind: 'warn', text: `Queue ${q.name} has ${f.count(q.messages_ready, 'message')} and no consumer`, to: href(['queues', q.vhost, q.name]) });
	if (idle.length > 4) out.push({ kind: 'warn', text: `${f.count(idle.length - 4, 'more queue')} with messages and no consumer`, to: href(['queues'], { sort: 'messages_ready', sort_reverse: true }) });
	for (const q of queues) {
		const limit = q.arguments?.['x-max-length'];
		if (limit > 0 && q.messages_ready >= limit) out.push({ kind: 'warn', text: `Queue ${q.name} is full (${f.number(q.messages_ready)} of ${f.number(limit)})`, to: href(['queues', q.vhost, q.name]) });
	}
	return out;
}

/** @param {any[]} connections @returns {Finding[]} */
function ofConnections(connections) {
	return connections.filter((c) => c.state === 'blocked' || c.state === 'blocking' || c.state === 'flow')
		.map((c) => ({ kind: c.state === 'flow' ? 'warn' : 'bad', text: `Connection ${c.user_provided_name || c.name} is ${c.state === 'flow' ? 'slowed down (flow)' : c.state}`, to: href(['connections', c.name]) }));
}

/** Queues with consumers that have grown in each of the last ten looks. @param {any[] | undefined} queues @returns {Finding[]} */
function useGrowth(queues) {
	const seen = useRef(/** @type {Map<string, number[]>} */ (new Map()));
	useEffect(() => {
		if (!queues) return;
		const next = new Map();
		for (const q of queues) {
			const key = q.vhost + '\n' + q.name;
			next.set(key, [...(seen.current.get(key) || []), q.messages_ready].slice(-10));
		}
		seen.current = next;
	}, [queues]);
	return (queues || []).filter((q) => {
		const values = seen.current.get(q.vhost + '\n' + q.name) || [];
		return q.consumers > 0 && values.length === 10 && values[9] > 100 && values.every((v, i) => i === 0 || v > values[i - 1]);
	}).map((q) => ({ kind: 'warn', text: `Queue ${q.name} grows: its ${f.count(q.consumers, 'consumer')} cannot keep up`, to: href(['queues', q.vhost, q.name]) }));
}
