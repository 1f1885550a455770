// Deliveries that are out with consumers: who holds them, and for how long.
import { html, useState } from '../../lib/html.js';
import { del, path, query } from '../../lib/api.js';
import { useLive } from '../../lib/live.js';
import * as f from '../../lib/format.js';
import { Card, Empty, ErrorNote, NameLink, Note, Waiting } from '../../components/basic.js';
import { ask } from '../../components/dialog.js';
import { MessageDialog, preview } from './messages.js';

/** @param {{queue: any}} props */
export function Unacked({ queue }) {
	const live = useLive(path`rabbet/queues/${queue.vhost}/${queue.name}/unacked` + query({ limit: 500, truncate: 2000 }));
	const [open, setOpen] = useState(/** @type {any} */ (null));
	const list = live.data?.unacked || [];
	return html`<${Card} flush title="Unacked deliveries" tools=${live.data && html`<span class="muted small num">${f.number(list.length)} of ${f.number(live.data.total)}</span>`}>
		${live.error && html`<div class="table-tools"><${ErrorNote} error=${live.error} /></div>`}
		${!live.data ? !live.error && html`<div class="table-tools"><${Waiting} live=${live} /></div>` : list.length === 0 ? html`<${Empty} title="No delivery is unacked" />` : html`
		<div class="scroll"><table class="data"><thead><tr><th scope="col" class="n">Held for</th><th scope="col">Payload</th><th scope="col">Consumer</th><th scope="col">Connection</th><th scope="col" class="n wide">Channel</th><th scope="col" class="n wide">Delivery tag</th><th scope="col" class="n wide">Timeout left</th><th scope="col"><span class="visually-hidden">Actions</span></th></tr></thead>
		<tbody>${list.map((m) => html`<tr key=${m.id} data-row>
			<td class="n">${f.duration(m.held_ms)}</td>
			<td class="key"><button type="button" class="btn plain small mono name clip" dir="auto" onClick=${() => setOpen(m)}>${preview(m)}</button></td>
			<td><span class="name">${m.consumer_tag || 'basic.get'}</span>${m.in_transaction && html` <span class="muted">in a transaction</span>`}</td>
			<td class="key">${m.connection_name ? html`<${NameLink} parts=${['connections', m.connection_name]}>${m.user_provided_name || m.connection_name}</${NameLink}>` : html`<span class="muted">the program itself</span>`}</td>
			<td class="n wide">${m.channel ?? '–'}</td><td class="n wide">${f.number(m.delivery_tag)}</td>
			<td class="n wide">${m.timeout_ms ? timeLeft(m.timeout_ms - m.held_ms) : '–'}</td>
			<td>${m.connection_name && html`<button class="btn small" onClick=${() => giveBack(m)}>Requeue</button>`}</td></tr>`)}</tbody></table></div>`}
		<div class="table-tools"><${Note}>A delivery belongs to its channel. It comes back to the queue when the consumer rejects it, or when the channel or its connection closes: that is what Requeue does.</${Note}></div>
		${open && html`<${MessageDialog} queue=${queue} message=${{ ...open, position: open.position ?? 0 }} onClose=${() => setOpen(null)} />`}
	</${Card}>`;
}

/** @param {number} ms */
const timeLeft = (ms) => html`<span class=${ms < 60000 ? 'bad' : ''}>${ms > 0 ? f.duration(ms) : 'over'}</span>`;

/** @param {any} m */
function giveBack(m) {
	ask({
		title: 'Close the connection that holds it?', action: 'Close the connection',
		text: `All that ${m.user_provided_name || m.connection_name} holds unacked goes back to its queues, marked as redelivered. A client with recovery connects again.`,
		hits: [{ name: m.connection_name, detail: m.user_provided_name || '' }],
		run: async () => { await del(path`connections/${m.connection_name}`, { 'X-Reason': 'Requeue of an unacked message' }); return 'The connection is closed.'; },
	});
}
