// Which queues would a message reach? Nothing is published.
import { html, useState } from '../lib/html.js';
import { post } from '../lib/api.js';
import { exchangeTitle } from '../lib/router.js';
import { Badge, Card, Note } from './basic.js';
import { ExchangeLink, QueueLink } from './cells.js';
import { argumentsOf, Arguments, Submit, Text, useForm } from './form.js';

/** @param {{vhost: string, exchange: string, type: string}} props */
export function RouteTester({ vhost, exchange, type }) {
	const [headers, setHeaders] = useState(/** @type {any[]} */ ([]));
	const [answer, setAnswer] = useState(/** @type {any} */ (null));
	const form = useForm({ routing_key: '' }, async (v) => {
		setAnswer({ ...await post('rabbet/route-test', { vhost, exchange, routing_key: v.routing_key, headers: argumentsOf(headers) }), key: v.routing_key });
		return false;
	});
	return html`<div class="grid">
		<${Card} title="Which queues would a message reach?"><form class="form" onSubmit=${form.submit}>
			<${Text} label="Routing key" value=${form.values.routing_key} onChange=${form.set('routing_key')} full />
			<${Arguments} label=${type === 'headers' ? 'Headers' : 'Headers (for headers exchanges on the way)'} rows=${headers} onChange=${setHeaders} keyHint="Header" />
			<${Submit} form=${form} text="Test" /></form></${Card}>
		${answer && html`<${Card} title=${answer.routed ? 'It reaches' : 'It reaches nothing'}><div class="stack" aria-live="polite">
			${answer.routed ? html`<ul class="stack" style=${{ gap: '0.3rem' }}>${answer.queues.map((q) => html`<li key=${q}><${Badge} kind="info">queue</${Badge}> <${QueueLink} vhost=${vhost} name=${q} /></li>`)}${(answer.delayed || []).map((x) => html`<li key=${'d' + x}><${Badge} kind="warn">delayed</${Badge}> <${ExchangeLink} vhost=${vhost} name=${x} /></li>`)}</ul>`
				: html`<${Note} kind="warn">A mandatory message comes back to its publisher; any other is dropped.</${Note}>`}
			${answer.alternate && html`<p class="muted">An alternate exchange took it, since no binding did.</p>`}
			<div><h3>The way</h3><ol class="life">${(answer.steps || []).map((s, i) => html`<li key=${i}>${s.via === 'publish' ? 'published to' : s.via === 'alternate' ? 'by alternate exchange to' : 'by a binding to'} <strong class="name">${exchangeTitle(s.exchange)}</strong> <span class="muted">${s.type}, key ${s.routing_key || 'empty'}</span></li>`)}</ol></div>
		</div></${Card}>`}
	</div>`;
}
