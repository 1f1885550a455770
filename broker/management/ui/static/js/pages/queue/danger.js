// What cannot be taken back, in a place of its own.
import { html, useState } from '../../lib/html.js';
import { del, path, query } from '../../lib/api.js';
import { go } from '../../lib/router.js';
import * as f from '../../lib/format.js';
import { Card } from '../../components/basic.js';
import { ask } from '../../components/dialog.js';
import { Check } from '../../components/form.js';
import { Icon } from '../../components/icon.js';

/** @param {{queue: any}} props */
export function Danger({ queue }) {
	const [ifEmpty, setIfEmpty] = useState(false);
	const [ifUnused, setIfUnused] = useState(false);
	const purge = () => ask({
		title: `Purge queue ${queue.name}?`, action: 'Purge', type: queue.messages_ready > 100 ? queue.name : undefined,
		text: `${f.count(queue.messages_ready || 0, 'ready message is', 'ready messages are')} discarded, without being dead-lettered. Unacked messages stay with their consumers.`,
		run: async () => { await del(path`queues/${queue.vhost}/${queue.name}/contents`); return `Queue ${queue.name} is purged.`; },
	});
	const remove = () => ask({
		title: `Delete queue ${queue.name}?`, action: 'Delete', type: queue.messages > 0 || queue.consumers > 0 ? queue.name : undefined,
		text: `With it go ${f.count(queue.messages || 0, 'message')} and its bindings; ${f.count(queue.consumers || 0, 'consumer is', 'consumers are')} cancelled.`,
		run: async () => {
			await del(path`queues/${queue.vhost}/${queue.name}` + query({ 'if-empty': ifEmpty || undefined, 'if-unused': ifUnused || undefined }));
			go(['queues']);
			return `Queue ${queue.name} is deleted.`;
		},
	});
	return html`<div class="grid">
		<${Card} title="Purge"><div class="stack"><p>Discards all ready messages.</p><div><button class="btn danger" disabled=${queue.type === 'stream'} title=${queue.type === 'stream' ? 'Streams cannot be purged.' : undefined} onClick=${purge}>Purge ${f.count(queue.messages_ready || 0, 'message')}</button></div></div></${Card}>
		<${Card} title="Delete"><div class="stack"><p>Deletes the queue with its messages and bindings.</p>
			<${Check} label="Only if it is empty" value=${ifEmpty} onChange=${setIfEmpty} /><${Check} label="Only if nobody consumes" value=${ifUnused} onChange=${setIfUnused} />
			<div><button class="btn danger" onClick=${remove}><${Icon} name="trash" />Delete the queue</button></div></div></${Card}>
	</div>`;
}
