// What leads into a queue.
import { html } from '../../lib/html.js';
import { path } from '../../lib/api.js';
import { useLive } from '../../lib/live.js';
import { ErrorNote, Waiting } from '../../components/basic.js';
import { AddBinding, BindingList } from '../../components/bindings.js';

/** @param {{queue: any}} props */
export function QueueBindings({ queue }) {
	const live = useLive(path`queues/${queue.vhost}/${queue.name}/bindings`);
	return html`<div class="stack loose"><${ErrorNote} error=${live.error} />
		${live.data ? html`<${BindingList} title="Bindings to this queue" end="source" bindings=${live.data} reload=${live.reload} />` : html`<${Waiting} live=${live} />`}
		<${AddBinding} vhost=${queue.vhost} queue=${queue.name} reload=${live.reload} />
	</div>`;
}
