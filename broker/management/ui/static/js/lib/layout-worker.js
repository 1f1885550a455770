// Lays a graph out, away from the page's thread.
import dagre from '../../vendor/dagre/dagre.mjs';

self.onmessage = ({ data }) => {
	const { nodes, edges } = data;
	const graph = new dagre.graphlib.Graph({ multigraph: true });
	graph.setGraph({ rankdir: 'LR', nodesep: 18, ranksep: 70, edgesep: 12, marginx: 16, marginy: 16 });
	graph.setDefaultEdgeLabel(() => ({}));
	for (const node of nodes) graph.setNode(node.id, { width: node.width, height: node.height });
	edges.forEach((edge, i) => graph.setEdge(edge.from, edge.to, { width: edge.labelWidth, height: edge.labelWidth ? 14 : 0, labelpos: 'c' }, String(i)));
	dagre.layout(graph);
	const size = graph.graph();
	postMessage({
		width: size.width, height: size.height,
		nodes: nodes.map((n) => { const { x, y } = graph.node(n.id); return { id: n.id, x, y }; }),
		edges: edges.map((e, i) => { const { points, x, y } = graph.edge(e.from, e.to, String(i)); return { points, x, y }; }),
	});
};
