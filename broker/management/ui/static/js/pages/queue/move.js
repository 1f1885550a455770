// Moving messages to another queue or exchange.
import { html } from '../../lib/html.js';
import { path, post, get } from '../../lib/api.js';
import * as f from '../../lib/format.js';
import { Note } from '../../components/basic.js';
import { Dialog } from '../../components/dialog.js';
import { Choice, Submit, Text, useForm } from '../../components/form.js';
import { Suggest } from '../../components/suggest.js';
import { say } from '../../components/toast.js';

/** @param {{queue: any, ids: string[], onClose: () => void, done: () => void}} props ids: none for all that is ready */
export function MoveDialog({ queue, ids, onClose, done }) {
	const form = useForm({ to: 'queue', name: '', routing_key: '', count: '' }, async (v) => {
		const { vhost } = queue;
		const destination = v.to === 'queue' ? { queue: v.name, vhost } : { exchange: v.name, vhost, ...(v.routing_key !== '' ? { routing_key: v.routing_key } : {}) };
		// What does not exist is told before anything is touched.
		await get(v.to === 'queue' ? path`queues/${vhost}/${v.name}` + '?columns=name' : path`exchanges/${vhost}/${v.name || 'amq.default'}` + '?columns=name')
			.catch((err) => { if (err.status === 404) err.message = `There is no ${v.to} “${v.name}” in this virtual host.`; throw err; });
		const answer = await post(path`rabbet/queues/${vhost}/${queue.name}/move`, { ...(ids.length > 0 ? { ids } : { count: Number(v.count) || 0 }), destination });
		const missing = (answer.missing || []).length;
		const unroutable = (answer.unroutable || []).length;
		say(`${f.count(answer.moved, 'message')} moved to ${v.name}.${missing ? ` ${f.number(missing)} were no longer ready.` : ''}${unroutable ? ` ${f.number(unroutable)} could not be routed and stayed.` : ''}`);
		done();
		onClose();
	});
	const v = form.values;
	return html`<${Dialog} title=${ids.length > 0 ? `Move ${f.count(ids.length, 'message')}` : 'Move ready messages'} onClose=${onClose}>
		<form class="body form" onSubmit=${form.submit}>
			<${Choice} label="To" value=${v.to} onChange=${form.set('to')} options=${[['queue', 'A queue'], ['exchange', 'An exchange']]} />
			<${Suggest} label="Name" kind=${v.to === 'queue' ? 'queues' : 'exchanges'} vhost=${queue.vhost} value=${v.name} onChange=${form.set('name')} required />
			${v.to === 'exchange' && html`<${Text} label="Routing key" hint="Empty: each message keeps its own." value=${v.routing_key} onChange=${form.set('routing_key')} />`}
			${ids.length === 0 && html`<${Text} label="How many" type="number" min="1" hint=${`Empty: all that is ready, ${f.number(queue.messages_ready)} now.`} value=${v.count} onChange=${form.set('count')} />`}
			<div class="full"><${Note}>A message leaves this queue only once it is in the other place.</${Note}></div>
			<${Submit} form=${form} text="Move" disabled=${v.to === 'queue' && v.name === queue.name} />
		</form>
	</${Dialog}>`;
}
