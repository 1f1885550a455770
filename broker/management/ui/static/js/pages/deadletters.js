// Queues that collect dead letters, each counted by where its messages died and why.
import { html } from '../lib/html.js';
import { useLive } from '../lib/live.js';
import { href } from '../lib/router.js';
import * as f from '../lib/format.js';
import { Card, Empty, ErrorNote, PageHead, Waiting } from '../components/basic.js';
import { QueueLink } from '../components/cells.js';
import { Spark, useHistory } from '../components/chart.js';
import { DeadGroups } from '../components/deadgroups.js';
import { Icon } from '../components/icon.js';

export default function DeadLetters() {
	const live = useLive('rabbet/deadletters', { every: 10000 });
	const trends = useHistory(live.data?.queues, (q) => q.vhost + '\n' + q.name, (q) => q.messages);
	const queues = live.data?.queues || [];
	return html`<${PageHead} title="Dead letters" sub="Queues that the dead letter exchange of some queue leads to." />
		<div class="stack loose"><${ErrorNote} error=${live.error} />
			${!live.data ? html`<${Waiting} live=${live} />` : queues.length === 0 ? html`<${Card}><${Empty} title="No queue collects dead letters">Give a queue a dead letter exchange, by argument or policy, and bind a queue to that exchange.</${Empty}></${Card}>`
				: queues.map((q) => html`<${Card} key=${q.vhost + '\n' + q.name} flush title=${html`<${QueueLink} vhost=${q.vhost} name=${q.name} />`}
					tools=${html`<${Spark} values=${trends.get(q.vhost + '\n' + q.name) || [q.messages]} label="Messages of the last looks" /><strong class="num">${f.count(q.messages, 'message')}</strong><a class="btn small" href=${href(['dead-letters', q.vhost, q.name])}><${Icon} name="retry" size=${13} />Look and retry</a>`}><${DeadGroups} queue=${q} /></${Card}>`)}
		</div>`;
}
