// Messages of a stream: read from an offset or a time on. A stream keeps what was read.
import { html, useState } from '../../lib/html.js';
import { path, query } from '../../lib/api.js';
import { useLive } from '../../lib/live.js';
import { setQuery, useRoute } from '../../lib/router.js';
import * as f from '../../lib/format.js';
import { Badge, Card, Empty, ErrorNote, Segmented, Waiting } from '../../components/basic.js';
import { Icon } from '../../components/icon.js';
import { MessageDialog, MessageTable } from './messages.js';

/** Where to begin: the way that an offset is written. @param {string} offset */
const wayOf = (offset) => (/^\d+$/.test(offset) ? 'offset' : offset === 'first' || offset === 'last' ? offset : 'time');

/** The hour of a clock on the wall, as the control for it takes it. @param {number} at */
const local = (at) => new Date(at - new Date(at).getTimezoneOffset() * 60000).toISOString().slice(0, 19);

/** @param {{queue: any}} props */
export function StreamMessages({ queue }) {
	const { query: q } = useRoute();
	const offset = q.offset || 'first';
	const limit = Number(q.limit) || 50;
	const way = wayOf(offset);
	const live = useLive(path`rabbet/queues/${queue.vhost}/${queue.name}/messages` + query({ offset, limit, truncate: 2000, q: q.text }), { keep: true });
	const [open, setOpen] = useState(/** @type {any} */ (null));
	const [text, setText] = useState(q.text || '');
	const data = live.data;
	const messages = data?.messages || [];
	const from = data?.from ?? 0;
	/** @param {string} next */
	const begin = (next) => setQuery({ offset: next === 'offset' ? String(from) : next === 'time' ? new Date(Date.now() - 3600000).toISOString().slice(0, 19) + 'Z' : next });
	const search = (e) => { e.preventDefault(); setQuery({ text }); };
	return html`<${Card} flush title="Messages" tools=${html`<${Badge} kind="good" title="A stream keeps what was read.">peek: nothing changes</${Badge}>`}>
		<form class="table-tools" onSubmit=${search}>
			<input type="search" class="filter" data-filter placeholder="Search payload, key and properties" aria-label="Search payload, key and properties" value=${text} onInput=${(e) => { setText(e.target.value); if (e.target.value === '' && q.text) setQuery({ text: '' }); }} />
			<button class="btn">Search</button>
			<span class="muted small num" role="status">${data && (q.text ? `${f.count(messages.length, 'message')} found among ${f.number(data.scanned)} looked at` : `${f.number(data.total)} in the stream`)}</span>
			<span class="spacer" />
			<${Segmented} label="From" value=${way} onChange=${begin} options=${[['first', 'First'], ['last', 'Last'], ['offset', 'Offset'], ['time', 'Time']].map(([value, label]) => ({ value, text: label }))} />
			${way === 'offset' && html`<input type="number" min="0" class="inline" style=${{ width: '9rem' }} aria-label="From offset" value=${offset} onChange=${(e) => setQuery({ offset: e.target.value || '0' })} />`}
			${way === 'time' && html`<input type="datetime-local" step="1" class="inline" aria-label="From time" value=${Number.isNaN(Date.parse(offset)) ? '' : local(Date.parse(offset))} onChange=${(e) => e.target.value && setQuery({ offset: new Date(e.target.value).toISOString() })} />`}
		</form>
		${live.error && html`<div class="table-tools"><${ErrorNote} error=${live.error} /></div>`}
		${!data ? !live.error && html`<div class="table-tools"><${Waiting} live=${live} /></div>`
			: messages.length === 0 ? html`<${Empty} title=${q.text ? 'No message has that' : 'No messages from there on'} />`
				: html`<${MessageTable} messages=${messages} open=${setOpen} place="Offset" />`}
		${data && (from > 0 || data.next !== null) && html`<div class="pager"><span class="num">from offset ${f.number(from)}</span><span class="spacer" />
			<button class="btn small" disabled=${from === 0} onClick=${() => setQuery({ offset: String(Math.max(0, from - limit)) })}><${Icon} name="left" size=${12} />Back</button>
			<button class="btn small" disabled=${data.next === null} onClick=${() => setQuery({ offset: String(data.next) })}>Next<${Icon} name="right" size=${12} /></button></div>`}
		${open && html`<${MessageDialog} queue=${queue} message=${open} place="Message at offset" onClose=${() => setOpen(null)} />`}
	</${Card}>`;
}
