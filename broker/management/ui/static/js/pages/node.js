// The node: what it uses, health checks with their commands, files, memory.
import { html, useMemo, useState } from '../lib/html.js';
import { get, path, query, request } from '../lib/api.js';
import { useLive } from '../lib/live.js';
import { href } from '../lib/router.js';
import { may } from '../lib/session.js';
import { samplesQuery } from '../lib/series.js';
import * as f from '../lib/format.js';
import { Badge, Card, Copy, Empty, ErrorNote, Facts, Fold, Gauge, PageHead, Waiting } from '../components/basic.js';
import { Chart, RangePicker, useRange } from '../components/chart.js';
import { Icon } from '../components/icon.js';
import { NodeGauges } from '../components/nodecard.js';

/** @param {{name?: string}} props */
export default function Node({ name }) {
	const list = useLive(name === undefined ? 'nodes?columns=name' : null);
	const node = name ?? list.data?.[0]?.name;
	if (!node) return html`<${PageHead} title="Node and health" /><${Waiting} live=${list} />`;
	return html`<${NodePage} key=${node} name=${node} />`;
}

/** @param {{name: string}} props */
function NodePage({ name }) {
	const [range, setRange] = useRange();
	const live = useLive(path`nodes/${name}` + query(samplesQuery(range, ['node_stats'])), { keep: true });
	const n = live.data;
	const gauge = (key, label, color) => [{ label, color, gauge: true, details: n?.[key + '_details'], now: n?.[key] ?? 0 }];
	const memory = useMemo(() => gauge('mem_used', 'Memory', '--c2'), [n]);
	const disk = useMemo(() => gauge('disk_free', 'Disk free', '--c4'), [n]);
	const files = useMemo(() => [...gauge('fd_used', 'File descriptors', '--c1'), ...gauge('sockets_used', 'Sockets', '--c5'), ...gauge('proc_used', 'Processes or goroutines', '--c6')], [n]);
	if (!n) return html`<${PageHead} title=${name} /><${Waiting} live=${live} />`;
	return html`<${PageHead} title=${name} sub=${html`up ${f.duration(n.uptime)}, process ${n.os_pid}`}><a class="btn" href=${href(['cluster-name'])}>Cluster name</a><${RangePicker} range=${range} onChange=${setRange} /></${PageHead}>
		<div class="stack loose"><${ErrorNote} error=${live.error} />
			<${Card} title="Resources"><${NodeGauges} node=${n} /></${Card}>
			<div class="grid"><${Chart} title="Memory" lines=${memory} show=${f.bytes} /><${Chart} title="Disk free" lines=${disk} show=${f.bytes} /><${Chart} title="Handles" lines=${files} /></div>
			<${Health} />
			<div class="grid"><${Card} title="Details"><${Facts} rows=${[['Type', n.type], ['Processors', n.processors], ['Rates mode', n.rates_mode], ['Data', n.db_dir && html`<code class="name">${n.db_dir}</code>`], ['Configuration', (n.config_files || []).map((file) => html`<div key=${file}><code class="name">${file}</code></div>`)],
				['Logs', (n.log_files || []).map((file) => html`<div key=${file}><code class="name">${file}</code></div>`)], ['Plugins', (n.enabled_plugins || []).join(', ')], ['Exchange types', (n.exchange_types || []).map((t) => t.name).join(', ')], ['SASL mechanisms', (n.auth_mechanisms || []).filter((m) => m.enabled).map((m) => m.name).join(', ')]].filter((r) => !Array.isArray(r[1]) || r[1].length > 0)} /></${Card}>
				<${Memory} name=${name} /></div>
			${may.administer() && html`<${Fold} name="config" title="Effective configuration"><${Config} /></${Fold}>`}
		</div>`;
}

/** @type {[string, string, string][]} path, what it checks, the command */
const CHECKS = [
	['health/checks/alarms', 'No alarm in the cluster', 'rabbitmq-diagnostics check_alarms'],
	['health/checks/local-alarms', 'No alarm on this node', 'rabbitmq-diagnostics check_local_alarms'],
	['health/checks/virtual-hosts', 'All virtual hosts run', 'rabbitmq-diagnostics check_virtual_hosts'],
	['health/checks/protocol-listener/amqp', 'AMQP is listened for', 'rabbitmq-diagnostics check_protocol_listener amqp'],
	['health/checks/certificate-expiration/1/months', 'No certificate expires within a month', 'rabbitmq-diagnostics check_certificate_expiration --unit months --within 1'],
	['health/checks/node-is-quorum-critical', 'Quorum queues have their majority', 'rabbitmq-diagnostics check_if_node_is_quorum_critical'],
	['aliveness-test/%2F', 'A message can be published and got in /', 'rabbitmqadmin show overview'],
];

function Health() {
	const [results, setResults] = useState(/** @type {Record<string, any>} */ ({}));
	const run = async () => {
		setResults({});
		await Promise.all(CHECKS.map(async ([where]) => {
			/** @type {any} */
			let result = { ok: true };
			try {
				await get(where);
			} catch (err) {
				result = { ok: false, error: err };
			}
			setResults((old) => ({ ...old, [where]: result }));
		}));
	};
	return html`<${Card} flush title="Health checks" tools=${html`<button class="btn small" onClick=${run}><${Icon} name="health" size=${13} />Run all</button>`}>
		<div class="scroll"><table class="data"><thead><tr><th scope="col">Check</th><th scope="col">Result</th><th scope="col" class="wide">The same as a command</th></tr></thead>
		<tbody>${CHECKS.map(([where, text, command]) => { const r = results[where]; return html`<tr key=${where}><td>${text}</td><td aria-live="polite">${!r ? html`<span class="zero">–</span>` : r.ok ? html`<${Badge} kind="good">passes</${Badge}>` : html`<${Badge} kind="bad">fails</${Badge}> <span class="small">${r.error.message}</span>`}</td><td class="wide"><span class="row between one-line"><code>${command}</code><${Copy} text=${command} /></span></td></tr>`; })}</tbody></table></div></${Card}>`;
}

/** @param {{name: string}} props */
function Memory({ name }) {
	const live = useLive(path`nodes/${name}/memory`, { every: 10000 });
	const memory = live.data?.memory;
	if (!memory || typeof memory !== 'object') return html`<${Card} title="Memory"><${Empty} title="Not available" /></${Card}>`;
	const total = memory.total?.rss || memory.total || 1;
	const rows = Object.entries(memory).filter(([k, v]) => typeof v === 'number' && v > 0 && k !== 'total').sort((a, b) => Number(b[1]) - Number(a[1]));
	return html`<${Card} title="Memory by use"><div class="stack">${rows.slice(0, 12).map(([key, value]) => html`<${Gauge} key=${key} label=${key.replaceAll('_', ' ')} used=${value} limit=${total} show=${f.bytes} />`)}</div></${Card}>`;
}

function Config() {
	const [text, setText] = useState('');
	const [error, setError] = useState(/** @type {any} */ (null));
	const load = () => request('GET', 'config/effective', { raw: true, headers: { Accept: '*/*' } }).then((r) => r.text()).then(setText, setError);
	return html`<div class="stack"><${ErrorNote} error=${error} />${text ? html`<pre class="payload" tabindex="0">${text}</pre>` : html`<div><button class="btn" onClick=${load}>Show</button></div>`}</div>`;
}
