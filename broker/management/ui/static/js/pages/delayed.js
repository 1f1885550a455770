// Messages that wait in delayed exchanges: when they are due, and changing that.
import { html, useState } from '../lib/html.js';
import { del, path, post, query } from '../lib/api.js';
import { useLive } from '../lib/live.js';
import { setQuery, useRoute } from '../lib/router.js';
import * as f from '../lib/format.js';
import { Card, Empty, ErrorNote, Note, PageHead, Waiting } from '../components/basic.js';
import { ExchangeLink } from '../components/cells.js';
import { ask, Dialog } from '../components/dialog.js';
import { Submit, Text, useForm } from '../components/form.js';
import { Icon } from '../components/icon.js';
import { say } from '../components/toast.js';
import { MessageDialog, preview } from './queue/messages.js';

export default function Delayed() {
	const { query: q } = useRoute();
	const live = useLive('rabbet/delayed');
	const list = live.data?.exchanges || [];
	const chosen = list.find((x) => x.vhost === q.vhost && x.exchange === q.exchange) || list.find((x) => x.messages > 0) || list[0] || null;
	return html`<${PageHead} title="Delayed" sub="Messages that wait in exchanges of type x-delayed-message." />
		<div class="stack loose">
			<${ErrorNote} error=${live.error} />
			${!live.data ? html`<${Waiting} live=${live} />` : list.length === 0 ? html`<${Card}><${Empty} title="No delayed exchanges">Add an exchange of type x-delayed-message; messages with the header x-delay wait in it.</${Empty}></${Card}>`
				: html`<div class="grid small-tiles">${list.map((x) => html`<button key=${x.vhost + '\n' + x.exchange} class="card tile" style=${{ textAlign: 'left', cursor: 'pointer', borderColor: x === chosen ? 'var(--accent)' : '' }} aria-pressed=${String(x === chosen)} onClick=${() => setQuery({ vhost: x.vhost, exchange: x.exchange, after: '' })}>
					<span class="value">${f.number(x.messages)}</span><span class="what"><span class="name">${x.exchange}</span>${x.vhost !== '/' ? ` in ${x.vhost}` : ''}</span><span class="small muted">${x.next_at ? `next ${dueText(x.next_at)}` : 'nothing waits'}</span></button>`)}</div>`}
			${chosen && html`<${Waits} key=${chosen.vhost + '\n' + chosen.exchange} vhost=${chosen.vhost} exchange=${chosen.exchange} after=${q.after} reloadAll=${live.reload} />`}
		</div>`;
}

/** @param {number} at */
const dueText = (at) => { const left = at - Date.now(); return left <= 0 ? 'now' : `in ${f.duration(left)}`; };

/** @param {{vhost: string, exchange: string, after: string, reloadAll: () => void}} props */
function Waits({ vhost, exchange, after, reloadAll }) {
	const live = useLive(path`rabbet/delayed/${vhost}/${exchange}` + query({ limit: 50, truncate: 1000, after }), { keep: true });
	const [open, setOpen] = useState(/** @type {any} */ (null));
	const [changing, setChanging] = useState(/** @type {any} */ (null));
	const done = () => { live.reload(); reloadAll(); };
	const act = async (work, text) => {
		try {
			await work;
			say(text);
		} catch (err) {
			say(err.status === 404 ? 'It was due in the meantime.' : err.message);
		}
		done();
	};
	const messages = live.data?.messages || [];
	const where = (m) => path`rabbet/delayed/${vhost}/${exchange}/${m.id}`;
	return html`<${Card} flush title=${html`<${ExchangeLink} vhost=${vhost} name=${exchange} />`} tools=${messages.length > 0 && html`<button class="btn small danger" onClick=${() => ask({ title: `Cancel all messages that wait in ${exchange}?`, action: 'Cancel them', type: exchange, text: `${f.count(live.data.total, 'message is', 'messages are')} discarded and will never be delivered.`, run: async () => { const answer = await del(path`rabbet/delayed/${vhost}/${exchange}`); done(); return `${f.count(answer?.cancelled ?? live.data.total, 'message')} cancelled.`; } })}>Cancel all</button>`}>
		${live.error && html`<div class="table-tools"><${ErrorNote} error=${live.error} /></div>`}
		${!live.data ? !live.error && html`<div class="table-tools"><${Waiting} live=${live} /></div>` : messages.length === 0 ? html`<${Empty} title="Nothing waits here" />` : html`<div class="scroll"><table class="data"><thead><tr><th scope="col">Due</th><th scope="col">Payload</th><th scope="col">Routing key</th><th scope="col" class="n wide">Size</th><th scope="col"><span class="visually-hidden">Actions</span></th></tr></thead>
			<tbody>${messages.map((m) => html`<tr key=${m.id} data-row><td class="nowrap"><span class="num">${dueText(m.due_at)}</span><div class="small muted">${f.time(m.due_at)}</div></td>
				<td class="key"><button type="button" class="btn plain small mono name clip" dir="auto" onClick=${() => setOpen(m)}>${preview(m)}</button></td><td><span class="name" dir="auto">${m.routing_key}</span></td><td class="n wide">${f.bytes(m.payload_bytes)}</td>
				<td><div class="row tight one-line"><button class="btn small" onClick=${() => act(post(where(m) + '/deliver'), 'It is on its way.')}>Deliver now</button><button class="btn small" onClick=${() => setChanging(m)}>Change time</button>
					<button class="btn small danger" onClick=${() => ask({ title: 'Cancel this message?', action: 'Cancel it', text: 'It is discarded and will never be delivered.', hits: [{ name: preview(m), detail: m.routing_key }], run: async () => { await del(where(m)); done(); return 'Cancelled.'; } })}>Cancel</button></div></td></tr>`)}</tbody></table></div>
			<div class="pager"><span class="num">${f.number(live.data.total)} wait</span><span class="spacer" />${after && html`<button class="btn small" onClick=${() => setQuery({ after: '' })}>First</button>`}<button class="btn small" disabled=${live.data.next === null} onClick=${() => setQuery({ after: live.data.next })}>Next<${Icon} name="right" size=${12} /></button></div>`}
		${open && html`<${MessageDialog} queue=${{ vhost, name: '' }} message=${{ ...open, truncated: false, cut: open.truncated }} onClose=${() => setOpen(null)} />`}
		${changing && html`<${Reschedule} message=${changing} onClose=${() => setChanging(null)} send=${(body) => act(post(where(changing) + '/reschedule', body), 'It is due at the new time.')} />`}
	</${Card}>`;
}

function Reschedule({ message, onClose, send }) {
	const local = (ms) => new Date(ms - new Date(ms).getTimezoneOffset() * 60000).toISOString().slice(0, 19);
	const form = useForm({ at: local(message.due_at) }, async (v) => {
		const due = new Date(v.at).getTime();
		if (Number.isNaN(due)) throw new Error('That is no time.');
		onClose();
		await send({ due_at: due });
	});
	return html`<${Dialog} title="When is it due?" onClose=${onClose}><form class="body form" onSubmit=${form.submit}>
		<${Text} label="Time" type="datetime-local" step="1" value=${form.values.at} onChange=${form.set('at')} full required />
		<div class="full"><${Note}>A time that has passed delivers it at once.</${Note}></div><${Submit} form=${form} text="Change" /></form></${Dialog}>`;
}
