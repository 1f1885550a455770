// Exchanges: the list, and adding one.
import { html, useState } from '../lib/html.js';
import { del, path, put, vhostFilter } from '../lib/api.js';
import { among, useVhosts } from '../lib/broker.js';
import { useLive } from '../lib/live.js';
import { exchangePath, exchangeTitle, href, setQuery, useRoute } from '../lib/router.js';
import { useStore } from '../lib/store.js';
import * as f from '../lib/format.js';
import { Card, Empty, PageHead } from '../components/basic.js';
import { ExchangeFeatures, ExchangeLink, rateColumn, vhostColumn } from '../components/cells.js';
import { ask, eightAtATime } from '../components/dialog.js';
import { argumentsOf, Arguments, Check, Choice, Presets, Submit, Text, useForm } from '../components/form.js';
import { Icon } from '../components/icon.js';
import { Table } from '../components/table.js';
import { say } from '../components/toast.js';

/** @type {import('../components/table.js').Column[]} */
const COLUMNS = [
	vhostColumn,
	{ id: 'name', title: 'Name', key: true, sort: 'name', cell: (x) => html`<${ExchangeLink} vhost=${x.vhost} name=${x.name} />` },
	{ id: 'type', title: 'Type', sort: 'type', cell: (x) => html`<span class="nowrap">${x.type}</span>` },
	{ id: 'features', title: 'Features', wide: true, fields: ['durable', 'auto_delete', 'internal', 'arguments', 'policy'], cell: (x) => html`<${ExchangeFeatures} x=${x} />` },
	rateColumn('publish_in', 'Message rate in'), rateColumn('publish_out', 'Message rate out', { wide: true }),
	{ id: 'policy', title: 'Policy', hidden: true, sort: 'policy', cell: (x) => html`<span class="name">${x.policy || ''}</span>` },
];

export default function Exchanges() {
	const { query, parts } = useRoute();
	return html`<${PageHead} title="Exchanges"><button class="btn primary" aria-expanded=${String(query.add === 'true')} onClick=${() => setQuery({ add: query.add ? '' : 'true' })}><${Icon} name="plus" />Add an exchange</button></${PageHead}>
		<div class="stack loose">
			${query.add && html`<${AddExchange} />`}
			<${Card} flush><${Table} name="exchanges" label="exchanges" path=${parts[1] === undefined ? 'exchanges' : path`exchanges/${parts[1]}`} columns=${COLUMNS} fields=${['name', 'vhost']}
				id=${(x) => x.vhost + '\n' + x.name} link=${(x) => href(['exchanges', x.vhost, exchangePath(x.name)])} bulk=${bulk}
				empty=${html`<${Empty} title="No exchanges" />`} /></${Card}>
		</div>`;
}

/** @param {any[]} list @param {() => void} done */
function bulk(list, done) {
	const own = list.filter((x) => x.name !== '' && !x.name.startsWith('amq.'));
	return html`<button class="btn danger" disabled=${own.length === 0} title=${own.length < list.length ? 'Exchanges named amq. stay.' : undefined} onClick=${() => ask({
		title: `Delete ${f.count(own.length, 'exchange')}?`, action: 'Delete', type: own.length > 1 ? String(own.length) : undefined,
		text: 'Their bindings go with them; what is published to them is then refused.', hits: own.map((x) => ({ name: exchangeTitle(x.name), detail: x.vhost })),
		run: async (progress) => { try { await eightAtATime(own, (x) => del(path`exchanges/${x.vhost}/${x.name}`), progress); } finally { done(); } return `${f.count(own.length, 'exchange')} deleted.`; },
	})}><${Icon} name="trash" />Delete</button>`;
}

const PRESETS = [{ title: 'Presets', items: [
	{ text: 'Alternate exchange', key: 'alternate-exchange', help: 'Where messages go that no binding takes.' },
	{ text: 'Delayed type', key: 'x-delayed-type', value: 'direct', help: 'How an exchange of type x-delayed-message routes what is due.' },
	{ text: 'Hash on header', key: 'hash-header', help: 'For consistent hashing: the header to hash.' },
] }];

function AddExchange() {
	const filter = useStore(vhostFilter);
	const vhosts = useVhosts();
	const { data } = useLive('overview?columns=exchange_types', { every: 0 });
	const [args, setArgs] = useState(/** @type {any[]} */ ([]));
	const form = useForm({ vhost: filter || '/', type: 'direct', name: '', durable: true, auto_delete: false, internal: false }, async ({ vhost, name, ...rest }) => {
		await put(path`exchanges/${among(vhosts, vhost)}/${name}`, { ...rest, arguments: argumentsOf(args) });
		say(`Exchange ${name} is there.`);
		setArgs([]);
	});
	const v = form.values;
	const types = (data?.exchange_types || []).filter((t) => !t.internal_purpose).map((t) => t.name);
	const pickType = (type) => {
		form.set('type')(type);
		if (type.startsWith('x-delayed') && !args.some((row) => row.key === 'x-delayed-type')) setArgs([...args, { key: 'x-delayed-type', value: 'direct', type: 'string' }]);
	};
	return html`<${Card} title="Add an exchange"><form class="form" onSubmit=${form.submit}>
		${vhosts.length > 1 && html`<${Choice} label="Virtual host" value=${among(vhosts, v.vhost)} onChange=${form.set('vhost')} options=${vhosts} />`}
		<${Text} label="Name" value=${v.name} onChange=${form.set('name')} required />
		<${Choice} label="Type" value=${v.type} onChange=${pickType} options=${types.length > 0 ? types : ['direct', 'fanout', 'topic', 'headers']} />
		<div class="field"><span class="label">Kept</span>
			<${Check} label="Durable: survives a restart" value=${v.durable} onChange=${form.set('durable')} />
			<${Check} label="Auto delete: goes with its last binding" value=${v.auto_delete} onChange=${form.set('auto_delete')} />
			<${Check} label="Internal: clients cannot publish to it" value=${v.internal} onChange=${form.set('internal')} /></div>
		<${Arguments} label="Arguments" rows=${args} onChange=${setArgs} presets=${html`<${Presets} groups=${PRESETS} rows=${args} onChange=${setArgs} />`} />
		<${Submit} form=${form} text="Add the exchange"><button type="button" class="btn" onClick=${() => setQuery({ add: '' })}>Close</button></${Submit}>
	</form></${Card}>`;
}
