// The dead letters of one queue: looked at, retried, edited, deleted; one, many or all of a kind.
import { html, useState } from '../lib/html.js';
import { path, query } from '../lib/api.js';
import { useLive } from '../lib/live.js';
import { href, setQuery, useRoute } from '../lib/router.js';
import { deathSentence } from '../lib/payload.js';
import * as f from '../lib/format.js';
import { Card, Empty, ErrorNote, PageHead, Waiting } from '../components/basic.js';
import { QueueLink } from '../components/cells.js';
import { Reason } from '../components/deadgroups.js';
import { Icon } from '../components/icon.js';
import { MessageDialog, MessageTable } from './queue/messages.js';
import { RetryDialog } from '../components/retry.js';

/** @param {{vhost: string, name: string}} props */
export default function DeadQueue({ vhost, name }) {
	const { query: q } = useRoute();
	const from = Number(q.from) || 0;
	const live = useLive(path`rabbet/deadletters/${vhost}/${name}` + query({ from, limit: 50, queue: q.queue, reason: q.reason, q: q.text }), { keep: true });
	const [picked, setPicked] = useState(/** @type {string[]} */ ([]));
	const [open, setOpen] = useState(/** @type {any} */ (null));
	const [retry, setRetry] = useState(/** @type {any} */ (null));
	const messages = live.data?.messages || [];
	const done = () => { setPicked([]); live.reload(); };
	const more = [{ title: 'Died in', cell: (m) => m.death && html`<span title=${deathSentence(m.properties?.headers)}><${QueueLink} vhost=${vhost} name=${m.death.queue} /> <${Reason} reason=${m.death.reason} />${m.death.count > 1 && html` <span class="muted">${m.death.count}×</span>`}</span>` }];
	const filter = Object.fromEntries([['queue', q.queue], ['reason', q.reason], ['q', q.text]].filter(([, v]) => v));
	return html`<${PageHead} title=${name} crumb=${{ text: 'Dead letters', to: '#/dead-letters' }} sub=${html`<a href=${href(['queues', vhost, name])}>The queue</a>`}>
			<button class="btn primary" disabled=${!live.data || live.data.total === 0} onClick=${() => setRetry({ filter })}><${Icon} name="retry" />Retry ${Object.keys(filter).length > 0 ? 'all that match' : 'all'}</button></${PageHead}>
		<${Card} flush>
			<div class="table-tools">
				<input type="search" class="filter" data-filter aria-label="Search payload, key and properties" placeholder="Search payload, key and properties" value=${q.text || ''} onChange=${(e) => setQuery({ text: e.target.value, from: '' })} />
				${q.queue && html`<button class="btn small" onClick=${() => setQuery({ queue: '', from: '' })}>died in <span class="name">${q.queue}</span><${Icon} name="close" size=${12} /></button>`}
				${q.reason && html`<button class="btn small" onClick=${() => setQuery({ reason: '', from: '' })}>${q.reason}<${Icon} name="close" size=${12} /></button>`}
				<span class="muted small num" role="status">${live.data && `${f.count(messages.length, 'message')} of ${f.number(live.data.total)}`}</span></div>
			${live.error && html`<div class="table-tools"><${ErrorNote} error=${live.error} /></div>`}
			${!live.data ? !live.error && html`<div class="table-tools"><${Waiting} live=${live} /></div>` : messages.length === 0 ? html`<${Empty} title="No dead letters here" />`
				: html`<${MessageTable} messages=${messages} picked=${picked} setPicked=${setPicked} open=${setOpen} more=${more} />`}
			${picked.length > 0 && html`<div class="bulk-bar" role="region" aria-label="Chosen"><strong class="num">${f.number(picked.length)} chosen</strong><span class="spacer" /><button class="btn primary" onClick=${() => setRetry({ ids: picked, message: picked.length === 1 ? messages.find((m) => m.id === picked[0]) : null })}><${Icon} name="retry" />Retry</button><button class="btn plain" onClick=${() => setPicked([])}>Clear</button></div>`}
			${live.data && (from > 0 || live.data.next !== null) && html`<div class="pager"><span class="num">from ${f.number(from)}</span><span class="spacer" /><button class="btn small" disabled=${from === 0} onClick=${() => setQuery({ from: '' })}>First</button><button class="btn small" disabled=${live.data.next === null} onClick=${() => setQuery({ from: live.data.next })}>Next<${Icon} name="right" size=${12} /></button></div>`}
		</${Card}>
		${open && html`<${MessageDialog} queue=${{ vhost, name }} message=${open} onClose=${() => setOpen(null)} changed=${done} />`}
		${retry && html`<${RetryDialog} vhost=${vhost} queue=${name} ...${retry} onClose=${() => setRetry(null)} done=${done} />`}`;
}
