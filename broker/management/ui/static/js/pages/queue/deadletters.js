// Where a queue's dead letters go, and where those that lie in it have come from.
import { html } from '../../lib/html.js';
import { path } from '../../lib/api.js';
import { useLive } from '../../lib/live.js';
import { href } from '../../lib/router.js';
import * as f from '../../lib/format.js';
import { Card, Facts, Note, Waiting } from '../../components/basic.js';
import { ExchangeLink, QueueLink } from '../../components/cells.js';
import { DeadGroups } from '../../components/deadgroups.js';
import { Icon } from '../../components/icon.js';

/** @param {{queue: any}} props */
export function QueueDeadLetters({ queue }) {
	const live = useLive(path`rabbet/deadletters/${queue.vhost}`, { every: 10000 });
	const exchange = queue.arguments?.['x-dead-letter-exchange'] ?? queue.effective_policy_definition?.['dead-letter-exchange'];
	const key = queue.arguments?.['x-dead-letter-routing-key'] ?? queue.effective_policy_definition?.['dead-letter-routing-key'];
	const here = live.data?.queues.find((q) => q.name === queue.name);
	const targets = (live.data?.queues || []).filter((q) => q.sources.includes(queue.name));
	return html`<div class="stack loose">
		<${Card} title="Dead letters of this queue">${exchange === undefined ? html`<p class="muted">It has no dead letter exchange: what is rejected, expires or is pushed out is lost.</p>`
			: html`<${Facts} rows=${[['Exchange', html`<${ExchangeLink} vhost=${queue.vhost} name=${exchange} />`], ['Routing key', key !== undefined ? html`<code class="name">${key}</code>` : html`<span class="muted">their own</span>`],
				['They arrive in', targets.length === 0 ? html`<span class="bad">no queue: they are lost</span>` : targets.map((q) => html`<div key=${q.name}><${QueueLink} vhost=${queue.vhost} name=${q.name} /> <span class="muted">${f.count(q.messages, 'message')}</span></div>`)]]} />`}</${Card}>
		${!live.data ? html`<${Waiting} live=${live} />` : here ? html`<${Card} flush title="Dead letters that lie here" tools=${html`<a class="btn small" href=${href(['dead-letters', queue.vhost, queue.name])}><${Icon} name="retry" size=${13} />Look and retry</a>`}><${DeadGroups} queue=${here} /></${Card}>`
			: html`<${Note}>No queue sends its dead letters here.</${Note}>`}
	</div>`;
}
