// Arguments and policies of a queue, each effective value with its origin.
import { html } from '../../lib/html.js';
import { path } from '../../lib/api.js';
import { useLive } from '../../lib/live.js';
import { href } from '../../lib/router.js';
import { effective } from '../../lib/queue.js';
import * as f from '../../lib/format.js';
import { Badge, Card, Empty } from '../../components/basic.js';

/** @param {{queue: any}} props */
export function Settings({ queue }) {
	const policies = useLive(path`policies/${queue.vhost}`, { every: 10000 });
	const operators = useLive(path`operator-policies/${queue.vhost}`, { every: 10000 });
	const named = (live, name) => name && (live.data || []).find((p) => p.name === name);
	const rows = effective(queue, { policy: named(policies, queue.policy), operator: named(operators, queue.operator_policy) });
	return html`<div class="stack loose">
		<${Card} flush title="Effective values">
			${rows.length === 0 ? html`<${Empty} title="No arguments, no policy">A policy whose pattern matches the name changes a queue that is there: <a href=${href(['policies'], { add: true })}>add one</a>.</${Empty}>` : html`
			<div class="scroll" tabindex="0" role="region" aria-label="Effective values"><table class="data"><thead><tr><th scope="col">Key</th><th scope="col">Value</th><th scope="col">Set by</th><th scope="col">Overridden</th></tr></thead>
			<tbody>${rows.map((row) => html`<tr key=${row.key}><td><code class="name">${row.key}</code></td><td><span class=${typeof row.value === 'number' ? 'nowrap' : 'name'}>${shown(row.key, row.value)}</span></td>
				<td><${Badge} kind=${row.origin.startsWith('operator') ? 'warn' : row.origin.startsWith('policy') ? 'info' : ''}>${row.origin}</${Badge}></td><td class="muted">${row.losers.join('; ')}</td></tr>`)}</tbody></table></div>`}
		</${Card}>
		<p class="muted small">Of limits and times to live the smallest value counts; of everything else the argument comes before the policy, and the policy before the operator policy. Arguments never change; policies do, at any time.</p>
	</div>`;
}

/** @param {string} key @param {any} value */
function shown(key, value) {
	if (typeof value !== 'number') return f.value(value);
	if (/ttl|expires|timeout/.test(key)) return `${f.number(value)} (${f.duration(value)})`;
	if (/bytes/.test(key)) return `${f.number(value)} (${f.bytes(value)})`;
	return f.number(value);
}
