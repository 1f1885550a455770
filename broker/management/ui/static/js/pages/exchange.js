// One exchange: rates, bindings as list and picture, and a tester of routes.
import { html, useMemo, useState } from '../lib/html.js';
import { del, path, query } from '../lib/api.js';
import { useExtension } from '../lib/broker.js';
import { useLive } from '../lib/live.js';
import { exchangePath, exchangeTitle, go, href, useRoute } from '../lib/router.js';
import { rateLines, samplesQuery } from '../lib/series.js';
import * as f from '../lib/format.js';
import { Card, ErrorNote, Facts, Note, PageHead, Tabs, Waiting } from '../components/basic.js';
import { AddBinding, BindingList } from '../components/bindings.js';
import { ExchangeFeatures, ExchangeLink } from '../components/cells.js';
import { Chart, RangePicker, useRange } from '../components/chart.js';
import { ask } from '../components/dialog.js';
import { Check } from '../components/form.js';
import { Graph } from '../components/graph.js';
import { bindingsGraph } from '../lib/graph.js';
import { Icon } from '../components/icon.js';
import { RouteTester } from '../components/routetester.js';

/** @param {{vhost: string, name: string}} props */
export default function Exchange({ vhost, name }) {
	const { query: q } = useRoute();
	const [range, setRange] = useRange();
	const tests = useExtension('route-test');
	const tab = q.tab || 'overview';
	const where = path`exchanges/${vhost}/${exchangePath(name)}`;
	const live = useLive(where + query(samplesQuery(range, ['msg_rates'])), { keep: true });
	const x = live.data;
	const lines = useMemo(() => rateLines(x?.message_stats, ['publish_in', 'publish_out']), [x]);
	const crumb = { text: 'Exchanges', to: '#/exchanges' };
	if (!x) return html`<${PageHead} title=${exchangeTitle(name)} crumb=${crumb} />${live.error?.status === 404 ? html`<${Note} kind="warn" title="There is no such exchange.">It may have been deleted.</${Note}>` : html`<${Waiting} live=${live} />`}`;
	const tabs = [{ id: 'overview', text: 'Overview' }, { id: 'bindings', text: 'Bindings' }, ...(tests ? [{ id: 'route', text: 'Route tester' }] : []), { id: 'danger', text: 'Danger zone' }];
	return html`<${PageHead} title=${exchangeTitle(name)} crumb=${crumb} sub=${html`<span class="row"><span>${x.type} exchange in <a class="name" href=${href(['vhosts', vhost])}>${vhost}</a></span><${ExchangeFeatures} x=${x} /></span>`}>
			<a class="btn" aria-disabled=${x.internal ? 'true' : undefined} href=${href(['publish'], { vhost, exchange: name })}><${Icon} name="publish" />Publish</a></${PageHead}>
		${live.error?.status === 404 ? html`<${Note} kind="warn" title="This exchange is gone." />` : html`<${ErrorNote} error=${live.error} />`}
		<${Tabs} label="Parts of this exchange" tabs=${tabs} now=${tab} link=${(id) => href(['exchanges', vhost, exchangePath(name)], { tab: id === 'overview' ? '' : id })} />
		${tab === 'overview' && html`<div class="stack loose"><div class="row between"><span /><${RangePicker} range=${range} onChange=${setRange} /></div><div class="grid">
			<${Chart} title="Message rates" lines=${lines} show=${f.rate} />
			<${Card} title="Details"><${Facts} rows=${[['Type', x.type], ['Durable', x.durable ? 'yes' : 'no'], ['Auto delete', x.auto_delete ? 'yes' : 'no'], ['Internal', x.internal ? 'yes' : 'no'],
				['Alternate exchange', x.arguments?.['alternate-exchange'] !== undefined && html`<${ExchangeLink} vhost=${vhost} name=${x.arguments['alternate-exchange']} />`],
				['Policy', x.policy && html`<a class="name" href=${href(['policies'], { name: x.policy })}>${x.policy}</a>`],
				...Object.entries(x.arguments || {}).filter(([k]) => k !== 'alternate-exchange').map(([k, v]) => [html`<code class="name">${k}</code>`, html`<span class="name">${f.value(v)}</span>`])]} /></${Card}></div></div>`}
		${tab === 'bindings' && html`<${Bindings} vhost=${vhost} name=${name} type=${x.type} where=${where} />`}
		${tab === 'route' && html`<${RouteTester} vhost=${vhost} exchange=${name} type=${x.type} />`}
		${tab === 'danger' && html`<${Danger} vhost=${vhost} name=${name} />`}`;
}

/** @param {{vhost: string, name: string, type: string, where: string}} props */
function Bindings({ vhost, name, type, where }) {
	const out = useLive(where + '/bindings/source');
	const into = useLive(where + '/bindings/destination');
	const [picture, setPicture] = useState(true);
	const reload = () => { out.reload(); into.reload(); };
	const all = useMemo(() => bindingsGraph(name, type, into.data || [], out.data || []), [name, type, into.data, out.data]);
	if (!out.data || !into.data) return html`<${Waiting} live=${out.error ? out : into} />`;
	const drawn = name !== '' && all.edges.length > 0 && all.edges.length <= 60;
	return html`<div class="stack loose">
		${name === '' && html`<${Note}>The default exchange is bound to every queue, with the queue’s name as the key. These bindings cannot be changed.</${Note}>`}
		${drawn && html`<${Card} flush title="Picture" tools=${html`<button class="btn small plain" aria-pressed=${String(picture)} onClick=${() => setPicture(!picture)}>${picture ? 'Hide' : 'Show'}</button>`}>${picture && html`<${Graph} graph=${all} vhost=${vhost} mini label=${`Bindings of ${exchangeTitle(name)}`} />`}</${Card}>`}
		${into.data.length > 0 && html`<${BindingList} title="Bindings to this exchange" end="source" bindings=${into.data} reload=${reload} />`}
		<${BindingList} title="Bindings from this exchange" end="destination" bindings=${out.data} reload=${reload} />
		${name !== '' && html`<${AddBinding} vhost=${vhost} exchange=${name} type=${type} reload=${reload} />`}
	</div>`;
}

/** @param {{vhost: string, name: string}} props */
function Danger({ vhost, name }) {
	const [ifUnused, setIfUnused] = useState(false);
	const fixed = name === '' || name.startsWith('amq.');
	const remove = () => ask({
		title: `Delete exchange ${name}?`, action: 'Delete', text: 'Its bindings go with it; what is published to it is then refused.', hits: [{ name, detail: vhost }],
		run: async () => { await del(path`exchanges/${vhost}/${name}` + query({ 'if-unused': ifUnused || undefined })); go(['exchanges']); return `Exchange ${name} is deleted.`; },
	});
	return html`<${Card} title="Delete"><div class="stack">${fixed ? html`<p class="muted">Predeclared exchanges cannot be deleted.</p>` : html`<${Check} label="Only if nothing is bound to it" value=${ifUnused} onChange=${setIfUnused} />
		<div><button class="btn danger" onClick=${remove}><${Icon} name="trash" />Delete the exchange</button></div>`}</div></${Card}>`;
}
