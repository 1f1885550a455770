// Limits of virtual hosts and users, as gauges where the use is known.
import { html, useMemo } from '../lib/html.js';
import { del, path, put } from '../lib/api.js';
import { useVhosts } from '../lib/broker.js';
import { useLive } from '../lib/live.js';
import { may } from '../lib/session.js';
import { Card, Empty, ErrorNote, Gauge, PageHead } from '../components/basic.js';
import { ask } from '../components/dialog.js';
import { Choice, Submit, Text, useForm } from '../components/form.js';
import { say } from '../components/toast.js';

/** @type {Record<string, string>} */
const WORDS = { 'max-connections': 'Connections', 'max-queues': 'Queues', 'max-channels': 'Channels' };

/** @param {any} value an object; RabbitMQ before 3.13 sends [] for none */
const entries = (value) => Object.entries(value || {});

export default function Limits() {
	const vhosts = useLive('vhost-limits');
	const users = useLive('user-limits');
	const queues = useLive((vhosts.data || []).length > 0 ? 'queues?disable_stats=true&columns=vhost' : null, { every: 10000 });
	const connections = useLive((vhosts.data || []).length + (users.data || []).length > 0 ? 'connections?columns=vhost,user,channels' : null, { every: 5000 });
	const use = useMemo(() => counts(queues.data || [], connections.data || []), [queues.data, connections.data]);
	return html`<${PageHead} title="Limits" /><div class="stack loose">
		<${Card} title="Virtual hosts"><div class="stack loose"><${ErrorNote} error=${vhosts.error} /><${Gauges} live=${vhosts} what="vhost" use=${use.vhost} />
			${may.administer() && html`<${SetLimit} what="vhost" reload=${vhosts.reload} />`}</div></${Card}>
		<${Card} title="Users"><div class="stack loose"><${ErrorNote} error=${users.error} /><${Gauges} live=${users} what="user" use=${use.user} />
			${may.administer() && html`<${SetLimit} what="user" reload=${users.reload} />`}</div></${Card}></div>`;
}

/** How much of each limit is used, by "name\nlimit". @param {any[]} queues @param {any[]} connections */
function counts(queues, connections) {
	const vhost = new Map();
	const user = new Map();
	const add = (map, key, n = 1) => map.set(key, (map.get(key) || 0) + n);
	for (const q of queues) add(vhost, q.vhost + '\nmax-queues');
	for (const c of connections) {
		add(vhost, c.vhost + '\nmax-connections');
		add(user, c.user + '\nmax-connections');
		add(user, c.user + '\nmax-channels', c.channels || 0);
	}
	return { vhost, user };
}

function Gauges({ live, what, use }) {
	const rows = (live.data || []).flatMap((item) => entries(item.value).map(([key, value]) => ({ name: item[what], key, value: Number(value) })));
	if (live.data && rows.length === 0) return html`<${Empty} title="No limits" />`;
	const clear = (row) => ask({ title: 'Clear this limit?', action: 'Clear', hits: [{ name: row.name, detail: `${WORDS[row.key] || row.key}: ${row.value}` }], run: async () => { await del(path`${what}-limits/${row.name}/${row.key}`); live.reload(); return 'The limit is gone.'; } });
	return html`<div class="grid">${rows.map((row) => html`<div key=${row.name + row.key} class="row" style=${{ flexWrap: 'nowrap' }}><div class="grow"><${Gauge} label=${html`<strong class="name">${row.name}</strong> ${WORDS[row.key] || row.key}`} used=${use.get(row.name + '\n' + row.key) || 0} limit=${row.value} note=${row.value < 0 ? 'No limit.' : row.value === 0 ? 'None are permitted.' : ''} /></div>
		${may.administer() && html`<button class="btn small" onClick=${() => clear(row)}>Clear</button>`}</div>`)}</div>`;
}

/** @param {{what: string, reload: () => void}} props */
function SetLimit({ what, reload }) {
	const vhosts = useVhosts();
	const users = useLive(what === 'user' ? 'users?columns=name' : null, { every: 15000 });
	const names = what === 'user' ? (users.data || []).map((u) => u.name) : vhosts;
	const form = useForm({ name: '', key: 'max-connections', value: '' }, async (v) => {
		await put(path`${what}-limits/${v.name || names[0]}/${v.key}`, { value: Number(v.value) });
		say('The limit holds.');
		reload();
	});
	const v = form.values;
	return html`<form class="form" onSubmit=${form.submit}>
		<${Choice} label=${what === 'user' ? 'User' : 'Virtual host'} value=${v.name || names[0]} onChange=${form.set('name')} options=${names} />
		<${Choice} label="Limit" value=${v.key} onChange=${form.set('key')} options=${what === 'user' ? [['max-connections', 'Connections'], ['max-channels', 'Channels']] : [['max-connections', 'Connections'], ['max-queues', 'Queues']]} />
		<${Text} label="At most" type="number" min="-1" value=${v.value} onChange=${form.set('value')} hint="-1: no limit." required />
		<${Submit} form=${form} text="Set the limit" /></form>`;
}
