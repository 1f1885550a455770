// Users: the list, adding and deleting.
import { html, useState } from '../lib/html.js';
import { path, post, put } from '../lib/api.js';
import { useLive } from '../lib/live.js';
import { href, setQuery, useRoute } from '../lib/router.js';
import { session, tagsOf } from '../lib/session.js';
import { generatePassword } from '../lib/password.js';
import * as f from '../lib/format.js';
import { Badge, Card, Empty, NameLink, PageHead } from '../components/basic.js';
import { ask } from '../components/dialog.js';
import { Check, Submit, Text, useForm } from '../components/form.js';
import { Icon } from '../components/icon.js';
import { Table } from '../components/table.js';
import { PasswordField, TagsField } from '../components/userfields.js';
import { say } from '../components/toast.js';

export default function Users() {
	const { query } = useRoute();
	const permissions = useLive('permissions', { every: 10000 });
	const vhosts = (name) => (permissions.data || []).filter((p) => p.user === name).map((p) => p.vhost);
	/** @type {import('../components/table.js').Column[]} */
	const columns = [
		{ id: 'name', title: 'Name', key: true, sort: 'name', cell: (u) => html`<${NameLink} parts=${['users', u.name]}>${u.name}</${NameLink}>` },
		{ id: 'tags', title: 'Tags', sort: 'tags', cell: (u) => html`<span class="row tight">${tagsOf(u.tags).map((t) => html`<${Badge} key=${t} kind=${t === 'administrator' ? 'accent' : ''}>${t}</${Badge}>`)}</span>` },
		{ id: 'vhosts', title: 'Can enter', cell: (u) => { const list = vhosts(u.name); return permissions.data && (list.length === 0 ? html`<${Badge} kind="warn">no access</${Badge}>` : html`<span class="name">${list.join(', ')}</span>`); } },
		{ id: 'password', title: 'Has password', wide: true, cell: (u) => (u.password_hash ? 'yes' : 'no') },
	];
	return html`<${PageHead} title="Users"><button class="btn primary" onClick=${() => setQuery({ add: query.add ? '' : 'true' })}><${Icon} name="plus" />Add a user</button></${PageHead}>
		<div class="stack loose">${query.add && html`<${AddUser} />`}
			<${Card} flush><${Table} name="users" label="users" path="users" columns=${columns} id=${(u) => u.name} link=${(u) => href(['users', u.name])} bulk=${bulk} empty=${html`<${Empty} title="No users" />`} /></${Card}></div>`;
}

/** @param {any[]} list @param {() => void} done */
function bulk(list, done) {
	const own = list.some((u) => u.name === session.value.user);
	return html`<button class="btn danger" onClick=${() => ask({
		title: `Delete ${f.count(list.length, 'user')}?`, action: 'Delete', type: list.length > 1 || own ? String(list.length) : undefined,
		text: `Their permissions go, and their connections are closed.${own ? ' You are among them: you will be logged out.' : ''}`, hits: list.map((u) => ({ name: u.name, detail: tagsOf(u.tags).join(', ') })),
		run: async () => { try { await post('users/bulk-delete', { users: list.map((u) => u.name) }); } finally { done(); } return `${f.count(list.length, 'user')} deleted.`; },
	})}><${Icon} name="trash" />Delete</button>`;
}

function AddUser() {
	const [access, setAccess] = useState(true);
	const form = useForm({ name: '', password: '', tags: '' }, async (v) => {
		await put(path`users/${v.name}`, { password: v.password, tags: v.tags });
		if (access) await put(path`permissions/${'/'}/${v.name}`, { configure: '.*', write: '.*', read: '.*' });
		say(`User ${v.name} is there.`);
	});
	const v = form.values;
	return html`<${Card} title="Add a user"><form class="form" onSubmit=${form.submit}>
		<${Text} label="User name" value=${v.name} onChange=${form.set('name')} required />
		<${PasswordField} value=${v.password} onChange=${form.set('password')} generate=${() => form.set('password')(generatePassword())} />
		<${TagsField} value=${v.tags} onChange=${form.set('tags')} />
		<div class="field full"><${Check} label="All permissions in virtual host /" value=${access} onChange=${setAccess} /></div>
		<${Submit} form=${form} text="Add the user"><button type="button" class="btn" onClick=${() => setQuery({ add: '' })}>Close</button></${Submit}>
	</form></${Card}>`;
}
