// One user: tags, password, permissions, connections.
import { html, useEffect, useState } from '../lib/html.js';
import { del, path, put } from '../lib/api.js';
import { useLive } from '../lib/live.js';
import { go, href } from '../lib/router.js';
import { may, session, tagsOf } from '../lib/session.js';
import { generatePassword } from '../lib/password.js';
import * as f from '../lib/format.js';
import { Card, Empty, ErrorNote, Facts, NameLink, Note, PageHead, Waiting } from '../components/basic.js';
import { ask } from '../components/dialog.js';
import { Check, Submit, useForm } from '../components/form.js';
import { Icon } from '../components/icon.js';
import { PasswordField, TagsField } from '../components/userfields.js';
import { PermissionEditor } from '../components/permissions.js';
import { say } from '../components/toast.js';

/** @param {{name: string}} props */
export default function User({ name }) {
	const live = useLive(may.administer() ? path`users/${name}` : null);
	const connections = useLive(path`connections/username/${name}`);
	const crumb = { text: 'Users', to: '#/users' };
	const list = connections.data || [];
	const closeAll = () => ask({ title: `Close ${f.count(list.length, 'connection')} of ${name}?`, action: 'Close', type: list.length > 1 ? String(list.length) : undefined, text: 'Clients with recovery connect again.', hits: list.map((c) => ({ name: c.name })), run: async () => { await del(path`connections/username/${name}`); return 'Closed.'; } });
	const connected = html`<${Card} flush title="Connections" tools=${list.length > 0 && html`<button class="btn small danger" onClick=${closeAll}>Close all</button>`}>${list.length === 0 ? html`<${Empty} title="Not connected" />` : html`<div class="table-tools"><ul class="stack">${list.slice(0, 100).map((c) => html`<li key=${c.name}><${NameLink} parts=${['connections', c.name]}>${c.name}</${NameLink}></li>`)}</ul></div>`}</${Card}>`;
	if (!may.administer()) return html`<${PageHead} title=${name} /><div class="stack loose"><${Card} title="Tags"><p>${name === session.value.user ? session.value.tags.join(', ') : 'Administrators see them.'}</p></${Card}>${connected}</div>`;
	if (!live.data) return html`<${PageHead} title=${name} crumb=${crumb} />${live.error?.status === 404 ? html`<${Note} kind="warn" title="There is no such user." />` : html`<${Waiting} live=${live} />`}`;
	return html`<${PageHead} title=${name} crumb=${crumb} sub=${tagsOf(live.data.tags).join(', ') || 'no tags'}>
			<button class="btn danger" onClick=${() => ask({ title: `Delete user ${name}?`, action: 'Delete', type: name === session.value.user ? name : undefined, text: 'The permissions go, and the connections are closed.', run: async () => { await del(path`users/${name}`); go(['users']); return `User ${name} is deleted.`; } })}><${Icon} name="trash" />Delete</button></${PageHead}>
		<div class="stack loose"><${ErrorNote} error=${live.error} />
			<div class="grid"><${Update} user=${live.data} reload=${live.reload} />${connected}
				<${Card} title="Details"><${Facts} rows=${[['Password', live.data.password_hash ? `hashed with ${String(live.data.hashing_algorithm || '').replace('rabbit_password_hashing_', '')}` : 'none'], ['Limits', html`<a href=${href(['limits'])}>show</a>`]]} /></${Card}></div>
			<${PermissionEditor} user=${name} />
		</div>`;
}

/** @param {{user: any, reload: () => void}} props */
function Update({ user, reload }) {
	const tags = tagsOf(user.tags).join(',');
	const [change, setChange] = useState(false);
	const form = useForm({ tags, password: '' }, async (v) => {
		const secret = !change ? (user.password_hash ? { password_hash: user.password_hash, hashing_algorithm: user.hashing_algorithm } : { password_hash: '' }) : v.password ? { password: v.password } : { password_hash: '' };
		await put(path`users/${user.name}`, { tags: v.tags, ...secret });
		say(`User ${user.name} is changed.`);
		setChange(false);
		reload();
		return false;
	});
	useEffect(() => form.set('tags')(tags), [tags]);
	return html`<${Card} title="Change"><form class="form" onSubmit=${form.submit}>
		<div class="full"><${TagsField} value=${form.values.tags} onChange=${form.set('tags')} /></div>
		<div class="full stack"><${Check} label="A new password" value=${change} onChange=${setChange} />${change && html`<${PasswordField} label="New password" value=${form.values.password} onChange=${form.set('password')} generate=${() => form.set('password')(generatePassword())} />`}</div>
		<${Submit} form=${form} text="Save" /></form></${Card}>`;
}
