// A node in short: what it uses of what it may.
import { html } from '../lib/html.js';
import { about } from '../lib/broker.js';
import { useStore } from '../lib/store.js';
import * as f from '../lib/format.js';
import { href } from '../lib/router.js';
import { Badge, Card, Gauge } from './basic.js';

/** @param {{node: any}} props */
export function NodeCard({ node }) {
	if (!node.running) return html`<${Card} title=${node.name}><${Badge} kind="bad">not running</${Badge}></${Card}>`;
	return html`<${Card} title=${html`<a class="name" href=${href(['nodes', node.name])}>${node.name}</a>`} tools=${html`<span class="muted small">up ${f.duration(node.uptime)}</span>`}>
		<${NodeGauges} node=${node} />
	</${Card}>`;
}

/** @param {{node: any}} props */
export function NodeGauges({ node }) {
	return html`<div class="grid">
		<${Gauge} label="Memory" used=${node.mem_used} limit=${node.mem_limit} show=${f.bytes} note=${node.mem_alarm ? 'Memory alarm: publishers are blocked.' : ''} />
		${node.disk_free > 0 && html`<${Gauge} label="Disk free" used=${node.disk_free} limit=${node.disk_free_limit} show=${f.bytes} low note=${node.disk_free_alarm ? 'Disk alarm: publishers are blocked.' : ''} />`}
		<${Gauge} label="File descriptors" used=${node.fd_used} limit=${node.fd_total} />
		<${Gauge} label="Sockets" used=${node.sockets_used} limit=${node.sockets_total} />
		<${Gauge} label=${useStore(about) ? 'Goroutines' : 'Processes'} used=${node.proc_used} limit=${node.proc_total} />
	</div>`;
}
