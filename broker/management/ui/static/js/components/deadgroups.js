// Dead letters of one queue, counted by where they died and why.
import { html } from '../lib/html.js';
import { href } from '../lib/router.js';
import * as f from '../lib/format.js';
import { Badge, Empty } from './basic.js';
import { QueueLink } from './cells.js';

/** @type {Record<string, string>} */
const REASONS = { rejected: 'rejected', expired: 'expired', maxlen: 'queue was full', delivery_limit: 'delivered too often' };

/** @param {{reason: string}} props */
export const Reason = ({ reason }) => html`<${Badge} kind=${reason === 'expired' ? 'warn' : 'bad'}>${REASONS[reason] || reason}</${Badge}>`;

/** @param {{queue: any}} props an entry of /api/rabbet/deadletters */
export function DeadGroups({ queue }) {
	if (queue.groups.length === 0) return html`<${Empty} title="No dead letters">${queue.sources.length > 0 ? `Those of ${queue.sources.join(', ')} would come here.` : ''}</${Empty}>`;
	return html`<div class="scroll"><table class="data"><thead><tr><th scope="col">Died in</th><th scope="col">Reason</th><th scope="col" class="n">Messages</th><th scope="col" class="wide">Published to</th><th scope="col" class="wide">Last</th><th scope="col"><span class="visually-hidden">Actions</span></th></tr></thead>
		<tbody>${queue.groups.map((g) => html`<tr key=${[g.queue, g.reason, g.exchange, g.routing_key].join('\n')} data-row>
			<td class="key"><${QueueLink} vhost=${queue.vhost} name=${g.queue} /></td><td><${Reason} reason=${g.reason} /></td><td class="n">${f.number(g.count)}</td>
			<td class="wide"><span class="name">${g.exchange || '(AMQP default)'}</span> <code class="name">${g.routing_key}</code></td><td class="wide nowrap">${f.time(g.last_at)}</td>
			<td class="right"><a class="btn small" href=${href(['dead-letters', queue.vhost, queue.name], { queue: g.queue, reason: g.reason })}>Look</a></td></tr>`)}</tbody></table></div>
		${queue.scanned < queue.messages && html`<p class="table-tools muted small">Counted among the first ${f.number(queue.scanned)} of ${f.number(queue.messages)}.</p>`}`;
}
