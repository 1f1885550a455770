// Graphs of exchanges and queues, and what to show of them. Nothing here touches the page.

/**
 * @typedef {{id: string, type: "exchange" | "queue" | "consumer", name: string, kind: string, durable?: boolean, messages?: number | null, consumers?: number | null, mark?: string}} Node
 * @typedef {{from: string, to: string, type: string, routing_key?: string | null, arguments?: any, rate?: number | null}} Edge
 * @typedef {{nodes: Node[], edges: Edge[]}} Graph
 */

/**
 * The picture of one exchange's bindings.
 * @param {string} name @param {string} type @param {any[]} into @param {any[]} out
 * @returns {Graph}
 */
export function bindingsGraph(name, type, into, out) {
	/** @type {Map<string, Node>} */
	const nodes = new Map();
	const add = (node) => { if (!nodes.has(node.id)) nodes.set(node.id, node); };
	add({ id: 'x/' + name, type: 'exchange', name, kind: type });
	const edges = [...into, ...out].filter((b) => b.source !== '').map((b) => {
		const to = (b.destination_type === 'queue' ? 'q/' : 'x/') + b.destination;
		add({ id: 'x/' + b.source, type: 'exchange', name: b.source, kind: '' });
		add({ id: to, type: b.destination_type, name: b.destination, kind: '' });
		return { from: 'x/' + b.source, to, type: 'binding', routing_key: b.routing_key, arguments: b.arguments };
	});
	return { nodes: [...nodes.values()], edges: merge(edges) };
}

/** Several bindings between the same two become one edge with all their keys. @param {Edge[]} edges @returns {Edge[]} */
export function merge(edges) {
	/** @type {Map<string, Edge & {keys: string[]}>} */
	const found = new Map();
	for (const edge of edges) {
		const id = [edge.from, edge.to, edge.type === 'exchange' ? 'binding' : edge.type].join('\n');
		const old = found.get(id);
		const key = edge.routing_key || (edge.arguments && Object.keys(edge.arguments).length > 0 ? '{…}' : '');
		if (old) {
			if (key) old.keys.push(key);
			old.rate = (old.rate || 0) + (edge.rate || 0);
		} else {
			found.set(id, { ...edge, keys: key ? [key] : [] });
		}
	}
	return [...found.values()].map(({ keys, ...edge }) => ({ ...edge, routing_key: keys.length > 2 ? `${keys[0]} and ${keys.length - 1} more` : keys.join(', ') }));
}

/** Marks dead ends (nothing leads on) and what nothing leads to. @param {Graph} graph @returns {Graph} */
export function mark(graph) {
	const from = new Set(graph.edges.map((e) => e.from));
	const to = new Set(graph.edges.map((e) => e.to));
	return {
		edges: graph.edges,
		nodes: graph.nodes.map((node) => {
			let text = '';
			if (node.type === 'exchange' && !from.has(node.id)) text = 'dead end: nothing is bound to it';
			if (node.type === 'queue' && !to.has(node.id)) text = 'only reached by the default exchange';
			return { ...node, mark: text };
		}),
	};
}

/** Exchanges and queues, with a node for each queue's consumers. @param {Graph} graph @returns {Graph} */
export function withConsumers(graph) {
	const queues = graph.nodes.filter((n) => n.type === 'queue' && (n.consumers || 0) > 0);
	return {
		nodes: [...graph.nodes, ...queues.map((q) => ({ id: 'c/' + q.name, type: /** @type {const} */ ('consumer'), name: `${q.consumers} ${q.consumers === 1 ? 'consumer' : 'consumers'}`, kind: '' }))],
		edges: [...graph.edges, ...queues.map((q) => ({ from: q.id, to: 'c/' + q.name, type: 'consumer' }))],
	};
}

/** What is within so many hops of a node. @param {Graph} graph @param {string} id @param {number} hops @returns {Graph} */
export function near(graph, id, hops) {
	const kept = new Set([id]);
	for (let i = 0; i < hops; i++) {
		const edge = graph.edges.filter((e) => kept.has(e.from) || kept.has(e.to));
		for (const e of edge) {
			kept.add(e.from);
			kept.add(e.to);
		}
	}
	return { nodes: graph.nodes.filter((n) => kept.has(n.id)), edges: graph.edges.filter((e) => kept.has(e.from) && kept.has(e.to)) };
}

/** Nodes whose names contain text, and their neighbours. @param {Graph} graph @param {string} text @returns {Graph} */
export function named(graph, text) {
	const low = text.toLowerCase();
	const hit = new Set(graph.nodes.filter((n) => n.name.toLowerCase().includes(low)).map((n) => n.id));
	const edges = graph.edges.filter((e) => hit.has(e.from) || hit.has(e.to));
	const kept = new Set([...hit, ...edges.flatMap((e) => [e.from, e.to])]);
	return { nodes: graph.nodes.filter((n) => kept.has(n.id)), edges };
}

/** The graph as a diagram in Mermaid's language. @param {Graph} graph */
export function mermaid(graph) {
	const ids = new Map(graph.nodes.map((n, i) => [n.id, 'n' + i]));
	const text = (s) => '"' + s.replace(/[#"<>\r\n]/g, (c) => `#${c.charCodeAt(0)};`) + '"';
	const node = (n) => (n.type === 'exchange' ? `([${text(n.name)}])` : n.type === 'queue' ? `[(${text(n.name)})]` : `>${text(n.name)}]`);
	return ['flowchart LR', ...graph.nodes.map((n) => `  ${ids.get(n.id)}${node(n)}`),
		...graph.edges.map((e) => `  ${ids.get(e.from)} ${e.type === 'dead-letter' || e.type === 'alternate' ? '-.->' : '-->'}${e.routing_key ? `|${text(e.routing_key)}|` : e.type === 'dead-letter' || e.type === 'alternate' ? `|${e.type}|` : ''} ${ids.get(e.to)}`)].join('\n') + '\n';
}
