// One queue: its tabs, and what all of them share.
import { html } from '../lib/html.js';
import { path, query } from '../lib/api.js';
import { useExtension } from '../lib/broker.js';
import { useLive } from '../lib/live.js';
import { href, useRoute } from '../lib/router.js';
import { samplesQuery } from '../lib/series.js';
import * as f from '../lib/format.js';
import { ErrorNote, Note, PageHead, Tabs, Waiting } from '../components/basic.js';
import { QueueFeatures, State } from '../components/cells.js';
import { useRange } from '../components/chart.js';
import { Icon } from '../components/icon.js';
import { QueueOverview } from './queue/overview.js';
import { Messages } from './queue/messages.js';
import { StreamMessages } from './queue/stream.js';
import { Unacked } from './queue/unacked.js';
import { QueueBindings, QueueConsumers } from './queue/around.js';
import { Settings } from './queue/settings.js';
import { Danger } from './queue/danger.js';
import { QueueDeadLetters } from './queue/deadletters.js';

/** @param {{vhost: string, name: string}} props */
export default function Queue({ vhost, name }) {
	const { query: q } = useRoute();
	const [range, setRange] = useRange();
	const hasUnacked = useExtension('unacked');
	const hasDead = useExtension('deadletters');
	const hasStreams = useExtension('streams');
	const hasTopology = useExtension('topology');
	const tab = q.tab || 'overview';
	const live = useLive(path`queues/${vhost}/${name}` + query(tab === 'overview' ? samplesQuery(range, ['lengths', 'msg_rates']) : {}), { keep: true });
	const queue = live.data;
	const crumb = { text: 'Queues and Streams', to: '#/queues' };
	if (!queue) {
		return html`<${PageHead} title=${name} crumb=${crumb} />
			${live.error?.status === 404 ? html`<${Note} kind="warn" title="There is no such queue.">It may have been deleted, or have expired.</${Note}>` : html`<${Waiting} live=${live} />`}`;
	}
	const tabs = [
		{ id: 'overview', text: 'Overview' }, { id: 'messages', text: 'Messages' },
		...(hasUnacked ? [{ id: 'unacked', text: `Unacked ${queue.messages_unacknowledged ? f.number(queue.messages_unacknowledged) : ''}` }] : []),
		{ id: 'consumers', text: `Consumers ${queue.consumers || ''}` }, { id: 'bindings', text: 'Bindings' },
		...(hasDead ? [{ id: 'dead', text: 'Dead letters' }] : []),
		{ id: 'settings', text: 'Arguments and policy' }, { id: 'danger', text: 'Danger zone' },
	];
	const gone = live.error?.status === 404;
	return html`
		<${PageHead} title=${name} crumb=${crumb} sub=${html`<span class="row"><${State} state=${queue.idle_since && queue.state === 'running' ? 'idle' : queue.state} /><span>${queue.type} ${queue.type === 'stream' ? '' : 'queue'} in <a class="name" href=${href(['vhosts', vhost])}>${vhost}</a></span><${QueueFeatures} q=${queue} all /></span>`}>
			<a class="btn" href=${href(['publish'], { vhost, exchange: '', routing_key: name })}><${Icon} name="publish" />Publish</a>
			${hasTopology && html`<a class="btn" href=${href(['topology'], { vhost, focus: 'q/' + name })}><${Icon} name="topology" />Topology</a>`}
		</${PageHead}>
		${gone ? html`<${Note} kind="warn" title="This queue is gone.">What you see is the last that was known of it.</${Note}>` : html`<${ErrorNote} error=${live.error} />`}
		<${Tabs} label="Parts of this queue" tabs=${tabs} now=${tab} link=${(id) => href(['queues', vhost, name], { tab: id === 'overview' ? '' : id })} />
		${tab === 'overview' && html`<${QueueOverview} queue=${queue} range=${range} setRange=${setRange} />`}
		${tab === 'messages' && html`<${hasStreams && queue.type === 'stream' ? StreamMessages : Messages} queue=${queue} />`}
		${tab === 'unacked' && html`<${Unacked} queue=${queue} />`}
		${tab === 'consumers' && html`<${QueueConsumers} queue=${queue} />`}
		${tab === 'bindings' && html`<${QueueBindings} queue=${queue} />`}
		${tab === 'dead' && html`<${QueueDeadLetters} queue=${queue} />`}
		${tab === 'settings' && html`<${Settings} queue=${queue} />`}
		${tab === 'danger' && html`<${Danger} queue=${queue} />`}`;
}
