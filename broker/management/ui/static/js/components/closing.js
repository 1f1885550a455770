// Closing connections, with a reason that their clients are told.
import { html, useState } from '../lib/html.js';
import { Store } from '../lib/store.js';
import * as f from '../lib/format.js';
import { ask, eightAtATime } from './dialog.js';

const reason = new Store('');

function Reason() {
	const [text, setText] = useState(reason.value);
	return html`<span class="stack"><span>Their clients get the reply CONNECTION_FORCED with this reason; unacked messages go back to their queues.</span>
		<label class="field"><span class="label">Reason</span><input value=${text} placeholder="Closed via management plugin" onInput=${(e) => { setText(e.target.value); reason.set(e.target.value); }} /></label></span>`;
}

/**
 * @param {any[]} list connections
 * @param {(name: string, headers: Record<string, string>) => Promise<any>} close
 * @param {() => void} [done]
 */
export function closeConnections(list, close, done) {
	reason.set('');
	ask({
		title: `Close ${f.count(list.length, 'connection')}?`, action: 'Close', type: list.length > 1 ? String(list.length) : undefined,
		text: html`<${Reason} />`, hits: list.map((c) => ({ name: c.user_provided_name || c.client_properties?.connection_name || c.name, detail: c.user })),
		run: async (progress) => {
			const text = Array.from(new TextEncoder().encode(reason.value.replace(/[\r\n\0]/g, ' ')), (b) => String.fromCharCode(b)).join('');
			const headers = text ? { 'X-Reason': text } : /** @type {Record<string, string>} */ ({});
			try {
				await eightAtATime(list, (c) => close(c.name, headers).catch((err) => { if (err.status !== 404) throw err; }), progress);
			} finally {
				done?.();
			}
			return `${f.count(list.length, 'connection')} closed.`;
		},
	});
}
