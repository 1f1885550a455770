// Who is around a queue: its consumers, and what leads into it.
import { html } from '../../lib/html.js';
import { path } from '../../lib/api.js';
import { useLive } from '../../lib/live.js';
import { Card, Empty, ErrorNote, Waiting } from '../../components/basic.js';
import { AddBinding, BindingList } from '../../components/bindings.js';
import { ConsumerTable } from '../../components/consumertable.js';

/** @param {{queue: any}} props */
export function QueueConsumers({ queue }) {
	const list = queue.consumer_details || [];
	if (list.length === 0) return html`<${Card}><${Empty} title="Nobody consumes from this queue" /></${Card}>`;
	return html`<${Card} flush title="Consumers"><${ConsumerTable} items=${list} bare without=${['vhost', 'queue']} /></${Card}>`;
}

/** @param {{queue: any}} props */
export function QueueBindings({ queue }) {
	const live = useLive(path`queues/${queue.vhost}/${queue.name}/bindings`);
	return html`<div class="stack loose"><${ErrorNote} error=${live.error} />
		${live.data ? html`<${BindingList} title="Bindings to this queue" end="source" bindings=${live.data} reload=${live.reload} />` : html`<${Waiting} live=${live} />`}
		<${AddBinding} vhost=${queue.vhost} queue=${queue.name} reload=${live.reload} />
	</div>`;
}
