// A graph as SVG: layers from left to right, each node a link.
import { html, useEffect, useMemo, useRef, useState } from '../lib/html.js';
import { exchangePath, exchangeTitle, href } from '../lib/router.js';
import * as f from '../lib/format.js';

const HEIGHT = 44;
/** @param {string} text @param {number} most */
const short = (text, most) => (text.length > most ? text.slice(0, most - 1) + '…' : text);

/** @param {import('../lib/graph.js').Node} n */
const title = (n) => (n.type === 'exchange' ? exchangeTitle(n.name) : n.name);

/** What stands below a node's name. @param {import('../lib/graph.js').Node} n */
function subOf(n) {
	if (n.type === 'consumer') return '';
	return [n.kind || n.type, typeof n.messages === 'number' && f.count(n.messages, 'message')].filter(Boolean).join(', ');
}

/** @param {import('../lib/graph.js').Node} n */
const widthOf = (n) => Math.min(230, Math.max(96, 26 + 7 * Math.min(28, title(n).length), 22 + 5.7 * Math.min(30, subOf(n).length)));

/**
 * Positions for the nodes and edges; the worker is asked anew only when the shape changes.
 * @param {import('../lib/graph.js').Graph} graph
 */
function useLayout(graph) {
	const [layout, setLayout] = useState(/** @type {any} */ (null));
	const shape = useMemo(() => JSON.stringify([graph.nodes.map((n) => n.id), graph.edges.map((e) => [e.from, e.to, e.type, e.routing_key])]), [graph]);
	useEffect(() => {
		if (graph.nodes.length === 0) {
			setLayout(null);
			return undefined;
		}
		const worker = new Worker(new URL('../lib/layout-worker.js', import.meta.url), { type: 'module' });
		worker.onmessage = ({ data }) => { setLayout({ shape, ...data }); worker.terminate(); };
		worker.postMessage({
			nodes: graph.nodes.map((n) => ({ id: n.id, width: widthOf(n), height: HEIGHT })),
			edges: graph.edges.map((e) => ({ from: e.from, to: e.to, labelWidth: e.routing_key ? 8 + 6.7 * Math.min(26, e.routing_key.length) : 0 })),
		});
		return () => worker.terminate();
	}, [shape]);
	return layout?.shape === shape ? layout : null;
}

/** @param {any} n @param {string} vhost */
function linkOf(n, vhost) {
	if (n.type === 'exchange') return href(['exchanges', vhost, exchangePath(n.name)]);
	return href(['queues', vhost, n.type === 'queue' ? n.name : n.id.slice(2)], n.type === 'queue' ? {} : { tab: 'consumers' });
}

/**
 * @param {{graph: import('../lib/graph.js').Graph, vhost: string, label: string, mini?: boolean, focus?: string, onBind?: (from: any, to: any) => void, svgRef?: any}} props
 *   onBind: called when an exchange is dragged onto another node
 */
export function Graph({ graph, vhost, label, mini, focus, onBind, svgRef }) {
	const layout = useLayout(graph);
	const dragged = useRef(/** @type {any} */ (null));
	if (!layout) return html`<div class=${'graph' + (mini ? ' mini' : '')}><p class="muted" style=${{ padding: '1rem' }} role="status">Laying it out</p></div>`;
	const at = new Map(layout.nodes.map((n) => [n.id, n]));
	const ends = new Map(graph.nodes.map((n) => { const { x, y } = at.get(n.id); return [n.id, { left: x - widthOf(n) / 2, right: x + widthOf(n) / 2, y }]; }));
	const rates = graph.edges.map((e) => e.rate || 0);
	const top = Math.max(1, ...rates);
	const drag = onBind ? (n) => ({
		draggable: n.type === 'exchange',
		onPointerDown: () => { dragged.current = n.type === 'exchange' ? n : null; },
		onPointerUp: (e) => { if (dragged.current && dragged.current.id !== n.id && n.type !== 'consumer') { e.preventDefault(); onBind(dragged.current, n); } dragged.current = null; },
		onDragStart: (e) => e.preventDefault(),
	}) : () => ({});
	return html`<div class=${'graph' + (mini ? ' mini' : '')} tabindex="0" role="region" aria-label=${label}>
		<svg ref=${svgRef} width=${layout.width} height=${layout.height} viewBox=${`0 0 ${layout.width} ${layout.height}`} role="group" aria-label=${`${graph.nodes.length} nodes, ${graph.edges.length} edges`}>
			<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="9" markerHeight="9" orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="var(--line-strong)" /></marker></defs>
			${graph.edges.map((edge, i) => html`<${EdgePath} key=${`${edge.from}\n${edge.to}\n${edge.type}`} edge=${edge} place=${layout.edges[i]} from=${ends.get(edge.from)} to=${ends.get(edge.to)} weight=${(edge.rate || 0) / top} />`)}
			${graph.edges.map((edge, i) => edge.routing_key && html`<text key=${`label\n${edge.from}\n${edge.to}\n${edge.type}`} class="edge-label" x=${layout.edges[i].x} y=${layout.edges[i].y + 4} text-anchor="middle">${short(edge.routing_key, 26)}</text>`)}
			${graph.nodes.map((node) => html`<${NodeBox} key=${node.id} node=${node} place=${at.get(node.id)} vhost=${vhost} focus=${focus === node.id} drag=${drag(node)} />`)}
		</svg></div>`;
}

/**
 * The path of an edge: from the right side of a node to the left side of the next, level at
 * both; one that leads back goes as the layout has it.
 * @param {{x: number, y: number}[]} points @param {any} from @param {any} to
 */
function curve(points, from, to) {
	if (to.left <= from.right) return 'M' + points.map((p) => `${p.x} ${p.y}`).join(' L');
	const way = [{ x: from.right, y: from.y }, ...points.slice(1, -1), { x: to.left, y: to.y }];
	let d = `M${way[0].x} ${way[0].y}`;
	for (let i = 1; i < way.length; i++) {
		const middle = (way[i - 1].x + way[i].x) / 2;
		d += ` C${middle} ${way[i - 1].y} ${middle} ${way[i].y} ${way[i].x} ${way[i].y}`;
	}
	return d;
}

function EdgePath({ edge, place, weight, from, to }) {
	const d = curve(place.points, from, to);
	const kind = edge.type === 'dead-letter' ? ' dead' : edge.type === 'alternate' ? ' alternate' : '';
	const line = useRef(/** @type {any} */ (null));
	useEffect(() => { line.current.style.strokeWidth = weight > 0 ? `${(1.25 + 4 * weight).toFixed(2)}px` : ''; }, [weight]);
	return html`<path ref=${line} class=${'edge' + kind} d=${d} marker-end="url(#arrow)"><title>${[edge.type, edge.routing_key, edge.rate ? f.rate(edge.rate) : ''].filter(Boolean).join(', ')}</title></path>`;
}

function NodeBox({ node, place, vhost, focus, drag }) {
	const width = widthOf(node);
	const sub = subOf(node);
	return html`<a class=${`node ${node.type}${node.mark ? ' marked' : ''}${focus ? ' focus' : ''}`} href=${linkOf(node, vhost)} transform=${`translate(${place.x - width / 2} ${place.y - HEIGHT / 2})`} ...${drag}>
		<title>${title(node)}${node.mark ? '\n' + node.mark : ''}</title>
		<rect width=${width} height=${HEIGHT} rx=${node.type === 'exchange' ? 22 : 6} />
		<text x=${width / 2} y=${sub ? 19 : 26} text-anchor="middle">${short(title(node), 28)}</text>
		${sub && html`<text class="sub" x=${width / 2} y="34" text-anchor="middle">${short(sub, 30)}</text>`}</a>`;
}
