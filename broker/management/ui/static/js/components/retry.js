// Retrying dead letters: where to, how fast, edited if it is one; a dry run first.
import { html, useState } from '../lib/html.js';
import { post } from '../lib/api.js';
import * as f from '../lib/format.js';
import { exchangeTitle } from '../lib/router.js';
import { Note } from './basic.js';
import { Dialog } from './dialog.js';
import { Area, Check, Choice, Submit, Text, useForm } from './form.js';
import { Suggest } from './suggest.js';
import { say } from './toast.js';

/** @param {{vhost: string, queue: string, ids?: string[], filter?: any, message?: any, onClose: () => void, done: () => void}} props */
export function RetryDialog({ vhost, queue, ids, filter, message, onClose, done }) {
	const [plan, setPlan] = useState(/** @type {any} */ (null));
	const [edit, setEdit] = useState(false);
	const form = useForm({ to: 'origin', name: '', routing_key: '', rate: '0', limit: '1000', payload: message?.payload ?? '' }, async (v) => {
		const body = {
			vhost, queue, ...(ids ? { ids } : { filter, limit: Number(v.limit) || 1000 }), rate: Number(v.rate) || 0,
			destination: v.to === 'origin' ? null : v.to === 'queue' ? { queue: v.name } : { exchange: v.name, routing_key: v.routing_key },
			edit: edit && message ? { payload: v.payload, payload_encoding: message.payload_encoding, properties: message.properties } : null,
		};
		if (!plan) {
			setPlan(await post('rabbet/retry', { ...body, dry_run: true }));
			return false;
		}
		const answer = await post('rabbet/retry', { ...body, dry_run: false });
		say(`${f.count(answer.retried, 'message')} retried.${answer.failed?.length ? ` ${f.number(answer.failed.length)} stayed: ${answer.failed[0].reason}` : ''}`);
		done();
		onClose();
		return true;
	});
	const v = form.values;
	const set = (key) => (value) => { setPlan(null); form.set(key)(value); };
	const title = ids ? `Retry ${f.count(ids.length, 'dead letter')}` : 'Retry dead letters';
	return html`<${Dialog} title=${title} wide=${edit} onClose=${onClose}><form class="body form" onSubmit=${form.submit}>
		<${Choice} label="To" value=${v.to} onChange=${set('to')} options=${[['origin', 'Where they came from'], ['queue', 'A queue'], ['exchange', 'An exchange']]} />
		${v.to !== 'origin' && html`<${Suggest} label="Name" kind=${v.to === 'queue' ? 'queues' : 'exchanges'} vhost=${vhost} value=${v.name} onChange=${set('name')} />`}
		${v.to === 'exchange' && html`<${Text} label="Routing key" value=${v.routing_key} onChange=${set('routing_key')} />`}
		<${Text} label="A second" type="number" min="0" value=${v.rate} onChange=${set('rate')} hint="0: all at once." />
		${!ids && html`<${Text} label="At most" type="number" min="1" value=${v.limit} onChange=${set('limit')} />`}
		${message && message.payload_encoding === 'string' && !message.truncated && html`<div class="full"><${Check} label="Edit it first" value=${edit} onChange=${(on) => { setPlan(null); setEdit(on); }} /></div>`}
		${edit && html`<${Area} label="Payload" value=${v.payload} onChange=${set('payload')} rows="8" />`}
		${plan && html`<${Plan} plan=${plan} />`}
		<div class="full"><${Note}>Each keeps its x-death, gets x-rabbet-retry-count, and leaves this queue only once it is where it goes.</${Note}></div>
		<${Submit} form=${form} text=${plan ? `Retry ${f.number(plan.plan?.length ?? plan.retried)}` : 'Show what would happen'} disabled=${plan && plan.plan?.length === 0} />
	</form></${Dialog}>`;
}

/** @param {{plan: any}} props */
function Plan({ plan }) {
	/** @type {Map<string, number>} */
	const ways = new Map();
	for (const p of plan.plan || []) {
		const key = `${exchangeTitle(p.exchange)} with key ${p.routing_key || '(empty)'}`;
		ways.set(key, (ways.get(key) || 0) + 1);
	}
	return html`<div class="full stack" aria-live="polite"><strong>Nothing has been sent yet. This would happen:</strong>
		<ul class="hit-list">${[...ways].map(([way, n]) => html`<li key=${way}><span class="name">to ${way}</span><span class="muted nowrap">${f.count(n, 'message')}</span></li>`)}
		${(plan.failed || []).slice(0, 20).map((x) => html`<li key=${x.id}><span class="bad name">${x.reason}</span><span class="muted nowrap">stays</span></li>`)}
		${ways.size === 0 && !(plan.failed || []).length && html`<li class="muted">No message matches.</li>`}</ul></div>`;
}
