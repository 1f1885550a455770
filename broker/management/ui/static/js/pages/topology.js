// The topology as a picture: exchanges, queues, consumers, dead-letter and alternate ways.
import { html, useMemo, useRef, useState } from '../lib/html.js';
import { path, post, saveFile, vhostFilter } from '../lib/api.js';
import { useVhosts } from '../lib/broker.js';
import { useLive } from '../lib/live.js';
import { exchangePath, setQuery, useRoute } from '../lib/router.js';
import { useStore } from '../lib/store.js';
import { mark, merge, mermaid, named, near, withConsumers } from '../lib/graph.js';
import * as f from '../lib/format.js';
import { Card, Empty, ErrorNote, Note, PageHead, Waiting } from '../components/basic.js';
import { Dialog } from '../components/dialog.js';
import { Check, Submit, Text, useForm } from '../components/form.js';
import { Graph } from '../components/graph.js';
import { Icon } from '../components/icon.js';
import { say } from '../components/toast.js';

/** More nodes than this are not drawn at once. */
const MOST = 300;

export default function Topology() {
	const { query: q } = useRoute();
	const filter = useStore(vhostFilter);
	const vhosts = useVhosts();
	const vhost = q.vhost || filter || (vhosts.includes('/') || vhosts.length === 0 ? '/' : vhosts[0]);
	const live = useLive(path`rabbet/topology/${vhost}`, { keep: true });
	const [binding, setBinding] = useState(/** @type {any} */ (null));
	const svg = useRef(/** @type {any} */ (null));
	const graph = useMemo(() => shown(live.data, vhost, q), [live.data, vhost, q.text, q.focus, q.hops, q.consumers, q.predeclared]);
	const all = live.data?.vhosts.find((v) => v.vhost === vhost);
	const tooMany = graph && graph.nodes.length > MOST;
	return html`<${PageHead} title="Topology">
			<button class="btn" disabled=${!graph || tooMany} onClick=${() => saveFile('topology.svg', svgText(svg.current))}><${Icon} name="save" />SVG</button>
			<button class="btn" disabled=${!graph} onClick=${() => graph && saveFile('topology.mmd', mermaid(graph))}><${Icon} name="save" />Mermaid</button></${PageHead}>
		<${Card} flush>
			<div class="table-tools">
				${vhosts.length > 1 && html`<label class="row tight small">Virtual host <select class="inline" value=${vhost} onChange=${(e) => setQuery({ vhost: e.target.value, focus: '' })}>${vhosts.map((v) => html`<option key=${v} value=${v}>${v}</option>`)}</select></label>`}
				<input type="search" class="filter" data-filter aria-label="Filter by name" placeholder="Filter by name" value=${q.text || ''} onInput=${(e) => setQuery({ text: e.target.value })} />
				${q.focus && html`<span class="badge accent">around <span class="name">${q.focus.slice(2)}</span></span><label class="row tight small">hops <select class="inline" value=${q.hops || '2'} onChange=${(e) => setQuery({ hops: e.target.value })}>${['1', '2', '3', '5'].map((n) => html`<option key=${n} value=${n}>${n}</option>`)}</select></label><button class="btn small" onClick=${() => setQuery({ focus: '', hops: '' })}>Show all</button>`}
				<span class="spacer" />
				<${Check} label="Consumers" value=${q.consumers !== 'no'} onChange=${(on) => setQuery({ consumers: on ? '' : 'no' })} />
				<${Check} label="Unused amq. exchanges" value=${q.predeclared === 'yes'} onChange=${(on) => setQuery({ predeclared: on ? 'yes' : '' })} />
			</div>
			${live.error && html`<div class="table-tools"><${ErrorNote} error=${live.error} /></div>`}
			${!graph ? !live.error && html`<div class="table-tools"><${Waiting} live=${live} /></div>` : graph.nodes.length === 0 ? html`<${Empty} title=${all?.nodes.length ? 'Nothing has that name' : 'Nothing is declared here yet'} />`
				: tooMany ? html`<div class="table-tools"><${Note} kind="warn">${f.number(graph.nodes.length)} nodes are too many for a picture. Filter by name, or start from a queue’s page.</${Note}></div>`
					: html`<${Graph} graph=${graph} vhost=${vhost} focus=${q.focus} svgRef=${svg} label="Topology" onBind=${(from, to) => setBinding({ from, to })} />`}
			<div class="table-tools small muted">Solid: bindings, as wide as their rate. Dashed: dead letters; dotted: alternate exchanges. A red frame marks a dead end. Drag an exchange onto another node to bind.</div>
		</${Card}>
		${binding && html`<${BindDialog} vhost=${vhost} ...${binding} onClose=${() => setBinding(null)} done=${live.reload} />`}`;
}

/** @param {any} data @param {string} vhost @param {any} q */
function shown(data, vhost, q) {
	if (!data) return null;
	const found = data.vhosts.find((v) => v.vhost === vhost) || { nodes: [], edges: [] };
	let graph = { nodes: found.nodes, edges: merge(found.edges) };
	if (q.predeclared !== 'yes') {
		const used = new Set(graph.edges.flatMap((e) => [e.from, e.to]));
		graph = { edges: graph.edges, nodes: graph.nodes.filter((n) => n.type !== 'exchange' || used.has(n.id) || !n.name.startsWith('amq.')) };
	}
	graph = mark(graph);
	if (q.consumers !== 'no') graph = withConsumers(graph);
	if (q.focus) graph = near(graph, q.focus, Number(q.hops) || 2);
	if (q.text) graph = named(graph, q.text);
	return graph;
}

/** The drawing as a file that stands alone: colours as they are now. @param {SVGElement} svg */
function svgText(svg) {
	const copy = /** @type {SVGElement} */ (svg.cloneNode(true));
	const from = svg.querySelectorAll('*');
	copy.querySelectorAll('*').forEach((el, i) => {
		const style = getComputedStyle(from[i]);
		for (const name of ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'font-size', 'font-family']) el.setAttribute(name, style.getPropertyValue(name));
		for (const name of ['href', 'class', 'draggable']) el.removeAttribute(name);
	});
	copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
	return new XMLSerializer().serializeToString(copy);
}

function BindDialog({ vhost, from, to, onClose, done }) {
	const form = useForm({ routing_key: '' }, async (v) => {
		await post(path`bindings/${vhost}/e/${exchangePath(from.name)}/${to.type === 'queue' ? 'q' : 'e'}/${to.name}`, { routing_key: v.routing_key, arguments: {} });
		say('Bound.');
		done();
		onClose();
	});
	return html`<${Dialog} title="Bind" onClose=${onClose}><form class="body form" onSubmit=${form.submit}>
		<p class="full"><span class="name">${from.name}</span> → <span class="name">${to.name}</span></p>
		<${Text} label="Routing key" value=${form.values.routing_key} onChange=${form.set('routing_key')} full data-autofocus />
		<${Submit} form=${form} text="Bind" /></form></${Dialog}>`;
}
