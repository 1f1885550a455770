// basic.get from the page, in RabbitMQ's four ways: this changes the queue, and looks like it.
import { html, useState } from '../../lib/html.js';
import { path, post } from '../../lib/api.js';
import * as f from '../../lib/format.js';
import { Card, Facts, Fold, Note } from '../../components/basic.js';
import { Choice, Submit, Text, useForm } from '../../components/form.js';
import { Payload } from '../../components/payload.js';
import { exchangeTitle } from '../../lib/router.js';

const MODES = [
	['ack_requeue_true', 'Nack message requeue true'], ['ack_requeue_false', 'Automatic ack'],
	['reject_requeue_true', 'Reject requeue true'], ['reject_requeue_false', 'Reject requeue false'],
];
/** @type {Record<string, string>} */
const EFFECTS = {
	ack_requeue_true: 'They go back to their place, marked as redelivered; the delivery count of a quorum queue rises.',
	ack_requeue_false: 'They are gone from the queue.',
	reject_requeue_true: 'They go back to their place, marked as redelivered; the delivery count of a quorum queue rises.',
	reject_requeue_false: 'They leave the queue, and are dead-lettered where it has a dead letter exchange.',
};

/** @param {{queue: any}} props */
export function Take({ queue }) {
	const [taken, setTaken] = useState(/** @type {any[] | null} */ (null));
	const form = useForm({ ackmode: 'ack_requeue_true', encoding: 'auto', count: '1' }, async (v) => {
		setTaken(await post(path`queues/${queue.vhost}/${queue.name}/get`, { ackmode: v.ackmode, encoding: v.encoding, count: Math.max(1, Number(v.count) || 1), truncate: 50000 }));
		return false;
	});
	const v = form.values;
	if (queue.type === 'stream') return html`<${Note}>basic.get does not work on streams. A consumer with an offset reads them.</${Note}>`;
	return html`<${Fold} name="take" title="Take messages (basic.get)"><div class="stack">
		<form class="form" onSubmit=${form.submit}>
			<${Choice} label="Ack mode" value=${v.ackmode} onChange=${form.set('ackmode')} options=${MODES} hint=${EFFECTS[v.ackmode]} />
			<${Choice} label="Encoding" value=${v.encoding} onChange=${form.set('encoding')} options=${[['auto', 'Auto string / base64'], ['base64', 'base64']]} />
			<${Text} label="Messages" type="number" min="1" max="10000" value=${v.count} onChange=${form.set('count')} />
			<div class="full"><${Note} kind="warn">This changes the queue.</${Note}></div>
			<${Submit} form=${form} text="Take" />
		</form>
		${taken && html`<div class="stack" aria-live="polite"><h3>${taken.length === 0 ? 'The queue had no ready message.' : `${f.count(taken.length, 'message')} taken`}</h3>
			${taken.map((m, i) => html`<${Card} key=${i} title=${`Message ${i + 1}`} tools=${html`<span class="muted small">${f.number(m.message_count)} left behind it</span>`}><div class="stack">
				<${Facts} rows=${[['Exchange', html`<span class="name">${exchangeTitle(m.exchange)}</span>`], ['Routing key', html`<span class="name">${m.routing_key}</span>`], ['Redelivered', m.redelivered ? 'yes' : 'no'], ['Properties', Object.keys(m.properties || {}).length > 0 && html`<code class="name">${JSON.stringify(m.properties)}</code>`]]} />
				<${Payload} payload=${m.payload} encoding=${m.payload_encoding} size=${m.payload_bytes} truncated=${m.payload_bytes > 50000} properties=${m.properties} /></div></${Card}>`)}</div>`}
	</div></${Fold}>`;
}
