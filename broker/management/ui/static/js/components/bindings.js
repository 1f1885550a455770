// Bindings of a queue or an exchange: the list, adding one, unbinding.
import { html, useState } from '../lib/html.js';
import { del, path, post } from '../lib/api.js';
import { exchangePath } from '../lib/router.js';
import * as f from '../lib/format.js';
import { Badge, Card, Empty } from './basic.js';
import { ArgumentsCell, ExchangeLink, QueueLink } from './cells.js';
import { ask, eightAtATime } from './dialog.js';
import { Arguments, argumentsOf, Choice, Presets, Submit, Text, useForm } from './form.js';
import { Suggest } from './suggest.js';
import { Table } from './table.js';
import { say } from './toast.js';

/** @param {any} b */
const bindingPath = (b) => path`bindings/${b.vhost}/e/${exchangePath(b.source)}/${b.destination_type === 'queue' ? 'q' : 'e'}/${b.destination}/${b.properties_key}`;

/**
 * @param {{bindings: any[], title: string, end: "source" | "destination", reload: () => void, note?: any}} props
 *   end: which end to show, the other being the page's own object
 */
export function BindingList({ bindings, title, end, reload, note }) {
	const columns = [
		end === 'source'
			? { id: 'source', title: 'From exchange', key: true, sort: 'source', cell: (b) => html`<${ExchangeLink} vhost=${b.vhost} name=${b.source} />` }
			: { id: 'destination', title: 'To', key: true, sort: 'destination', cell: (b) => html`<span class="row tight"><${Badge} kind=${b.destination_type === 'queue' ? 'info' : ''}>${b.destination_type}</${Badge}>${b.destination_type === 'queue' ? html`<${QueueLink} vhost=${b.vhost} name=${b.destination} />` : html`<${ExchangeLink} vhost=${b.vhost} name=${b.destination} />`}</span>` },
		{ id: 'routing_key', title: 'Routing key', sort: 'routing_key', cell: (b) => html`<code class="name" dir="auto">${b.routing_key}</code>` },
		{ id: 'arguments', title: 'Arguments', cell: (b) => html`<${ArgumentsCell} table=${b.arguments} />` },
	];
	const bulk = (list, done) => {
		const real = list.filter((b) => b.source !== '');
		return html`<button class="btn danger" disabled=${real.length === 0} onClick=${() => ask({
			title: `Unbind ${f.count(real.length, 'binding')}?`, action: 'Unbind', type: real.length > 1 ? String(real.length) : undefined,
			hits: real.map((b) => ({ name: `${b.source} → ${b.destination}`, detail: b.routing_key })),
			run: async (progress) => { try { await eightAtATime(real, (b) => del(bindingPath(b)), progress); } finally { done(); reload(); } return `${f.count(real.length, 'binding')} gone.`; },
		})}>Unbind</button>`;
	};
	return html`<${Card} flush title=${title}>
		${note}
		${bindings.length === 0 ? html`<${Empty} title="No bindings" />` : html`<${Table} name="bindings" label="bindings" bare items=${bindings} columns=${columns} bulk=${bulk}
			id=${(b) => [b.source, b.destination_type, b.destination, b.properties_key].join('\n')} />`}
	</${Card}>`;
}

const HEADERS_PRESETS = [{ title: 'Headers', items: [
	{ text: 'x-match all', key: 'x-match', value: 'all', help: 'All headers must match.' }, { text: 'x-match any', key: 'x-match', value: 'any', help: 'One match suffices.' },
	{ text: 'x-match all-with-x', key: 'x-match', value: 'all-with-x', help: 'All, with those that begin with x- too.' }, { text: 'x-match any-with-x', key: 'x-match', value: 'any-with-x' },
] }];

/** @param {{vhost: string, queue?: string, exchange?: string, type?: string, reload: () => void}} props */
export function AddBinding({ vhost, queue, exchange, type, reload }) {
	const [args, setArgs] = useState(/** @type {any[]} */ ([]));
	const form = useForm({ kind: 'queue', name: '', routing_key: '' }, async (v) => {
		const to = queue !== undefined ? { kind: 'q', destination: queue, source: v.name } : { kind: v.kind === 'queue' ? 'q' : 'e', destination: v.name, source: exchange };
		await post(path`bindings/${vhost}/e/${exchangePath(to.source || '')}/${to.kind}/${to.destination}`, { routing_key: v.routing_key, arguments: argumentsOf(args) });
		say('Bound.');
		setArgs([]);
		reload();
	});
	const v = form.values;
	return html`<${Card} title=${queue !== undefined ? 'Bind to this queue' : 'Bind from this exchange'}><form class="form" onSubmit=${form.submit}>
		${queue === undefined && html`<${Choice} label="To" value=${v.kind} onChange=${form.set('kind')} options=${[['queue', 'Queue'], ['exchange', 'Exchange']]} />`}
		<${Suggest} label=${queue !== undefined ? 'From exchange' : 'Name'} kind=${queue !== undefined || v.kind === 'exchange' ? 'exchanges' : 'queues'} vhost=${vhost} value=${v.name} onChange=${form.set('name')} required />
		<${Text} label="Routing key" value=${v.routing_key} onChange=${form.set('routing_key')} />
		<${Arguments} label="Arguments" rows=${args} onChange=${setArgs} presets=${(!type || type === 'headers') && html`<${Presets} groups=${HEADERS_PRESETS} rows=${args} onChange=${setArgs} />`} />
		<${Submit} form=${form} text="Bind" />
	</form></${Card}>`;
}
