// Permissions of one user or in one virtual host: the list, setting and clearing, topics too.
import { html } from '../lib/html.js';
import { del, path, put } from '../lib/api.js';
import { useLive } from '../lib/live.js';
import { useVhosts } from '../lib/broker.js';
import { exchangeTitle, href } from '../lib/router.js';
import { Card, Empty, ErrorNote } from './basic.js';
import { ask } from './dialog.js';
import { Choice, Submit, Text, useForm } from './form.js';
import { Suggest } from './suggest.js';
import { say } from './toast.js';

/** @param {{user?: string, vhost?: string}} props one of both is given */
export function PermissionEditor({ user, vhost }) {
	const base = user !== undefined ? path`users/${user}` : path`vhosts/${vhost}`;
	const rows = useLive(base + '/permissions');
	const topics = useLive(base + '/topic-permissions');
	return html`<div class="grid">
		<${Card} flush title="Permissions"><${List} live=${rows} heads=${['Configure', 'Write', 'Read']} fields=${['configure', 'write', 'read']} user=${user} kind="permissions" />
			<${SetPermission} user=${user} vhost=${vhost} reload=${rows.reload} /></${Card}>
		<${Card} flush title="Topic permissions"><${List} live=${topics} heads=${['Exchange', 'Write', 'Read']} fields=${['exchange', 'write', 'read']} user=${user} kind="topic-permissions" />
			<${SetTopic} user=${user} vhost=${vhost} reload=${topics.reload} /></${Card}>
	</div>`;
}

function List({ live, heads, fields, user, kind }) {
	const clear = (row) => ask({
		title: kind === 'permissions' ? 'Clear these permissions?' : 'Clear these topic permissions?', action: 'Clear', hits: [{ name: `${row.user} in ${row.vhost}`, detail: row.exchange !== undefined ? exchangeTitle(row.exchange) : '' }],
		text: kind === 'permissions' ? 'The user can no longer enter the virtual host.' : 'Topics are then no longer limited there.',
		run: async () => { await del(kind === 'permissions' ? path`permissions/${row.vhost}/${row.user}` : path`topic-permissions/${row.vhost}/${row.user}`); live.reload(); return 'Cleared.'; },
	});
	if (!live.data) return html`<div class="table-tools"><${ErrorNote} error=${live.error} /></div>`;
	if (live.data.length === 0) return html`<${Empty} title=${kind === 'permissions' ? 'None: no access' : 'None: topics are not limited'} />`;
	return html`<div class="scroll"><table class="data"><thead><tr><th scope="col">${user !== undefined ? 'Virtual host' : 'User'}</th>${heads.map((h) => html`<th scope="col" key=${h}>${h}</th>`)}<th scope="col"><span class="visually-hidden">Actions</span></th></tr></thead>
		<tbody>${live.data.map((row) => html`<tr key=${row.user + '\n' + row.vhost + '\n' + row.exchange} data-row><td><a class="name" href=${user !== undefined ? href(['vhosts', row.vhost]) : href(['users', row.user])}>${user !== undefined ? row.vhost : row.user}</a></td>
			${fields.map((k) => html`<td key=${k}><code class="name">${k === 'exchange' ? exchangeTitle(row[k]) : row[k] === '' ? '(nothing)' : row[k]}</code></td>`)}<td class="right"><button class="btn small" onClick=${() => clear(row)}>Clear</button></td></tr>`)}</tbody></table></div>`;
}

/** Choices of users or virtual hosts, whichever is not fixed. @param {any} props */
function Who({ user, form }) {
	const vhosts = useVhosts();
	const users = useLive(user === undefined ? 'users?columns=name' : null, { every: 15000 });
	return user !== undefined ? html`<${Choice} label="Virtual host" value=${form.values.vhost} onChange=${form.set('vhost')} options=${vhosts} />`
		: html`<${Choice} label="User" value=${form.values.user} onChange=${form.set('user')} options=${[['', 'Choose'], ...(users.data || []).map((u) => u.name)]} required />`;
}

function SetPermission({ user, vhost, reload }) {
	const form = useForm({ user: user ?? '', vhost: vhost ?? '/', configure: '.*', write: '.*', read: '.*' }, async ({ user: u, vhost: v, ...rules }) => {
		await put(path`permissions/${v}/${u}`, rules);
		say(`${u} has the permissions in ${v}.`);
		reload();
	});
	return html`<form class="form table-tools" style=${{ display: 'grid' }} onSubmit=${form.submit}><${Who} user=${user} form=${form} />
		${['configure', 'write', 'read'].map((key) => html`<${Text} key=${key} label=${`${key.charAt(0).toUpperCase()}${key.slice(1)} regexp`} value=${form.values[key]} onChange=${form.set(key)} />`)}
		<${Submit} form=${form} text="Set permission" /></form>`;
}

function SetTopic({ user, vhost, reload }) {
	const form = useForm({ user: user ?? '', vhost: vhost ?? '/', exchange: 'amq.topic', write: '.*', read: '.*' }, async ({ user: u, vhost: v, ...rules }) => {
		await put(path`topic-permissions/${v}/${u}`, rules);
		say(`${u} has the topic permissions in ${v}.`);
		reload();
	});
	return html`<form class="form table-tools" style=${{ display: 'grid' }} onSubmit=${form.submit}><${Who} user=${user} form=${form} />
		<${Suggest} label="Exchange" kind="exchanges" vhost=${form.values.vhost} value=${form.values.exchange} onChange=${form.set('exchange')} />
		${['write', 'read'].map((key) => html`<${Text} key=${key} label=${`${key.charAt(0).toUpperCase()}${key.slice(1)} regexp`} value=${form.values[key]} onChange=${form.set(key)} />`)}
		<${Submit} form=${form} text="Set topic permission" /></form>`;
}
