// Who may do what, where: users by virtual hosts, and a tester.
import { html, useMemo, useState } from '../lib/html.js';
import { post } from '../lib/api.js';
import { useExtension, useVhosts } from '../lib/broker.js';
import { useLive } from '../lib/live.js';
import { href, setQuery, useRoute } from '../lib/router.js';
import { tagsOf } from '../lib/session.js';
import { Badge, Card, ErrorNote, Note, PageHead, Waiting } from '../components/basic.js';
import { Choice, Submit, Text, useForm } from '../components/form.js';

/** The most rows and columns of the matrix. */
const MOST = 200;

export default function Permissions() {
	const { query: q } = useRoute();
	const users = useLive('users?columns=name,tags');
	const rows = useLive('permissions');
	const vhosts = useVhosts();
	const tests = useExtension('permission-test');
	const cells = useMemo(() => new Map((rows.data || []).map((p) => [p.user + '\n' + p.vhost, p])), [rows.data]);
	const text = (q.name || '').toLowerCase();
	const shown = (users.data || []).filter((u) => u.name.toLowerCase().includes(text));
	return html`<${PageHead} title="Permissions" sub="Each cell: configure, write, read." />
		<div class="stack loose">
			<${ErrorNote} error=${rows.error || users.error} />
			<${Card} flush><div class="table-tools"><input type="search" class="filter" data-filter aria-label="Filter users" placeholder="Filter users" value=${q.name || ''} onInput=${(e) => setQuery({ name: e.target.value })} /></div>
				${!users.data || !rows.data ? html`<div class="table-tools"><${Waiting} live=${users.error ? users : rows} /></div>` : html`<div class="scroll"><table class="data plain"><thead><tr><th scope="col">User</th>${vhosts.slice(0, MOST).map((v) => html`<th scope="col" key=${v}><a class="name" href=${href(['vhosts', v])}>${v}</a></th>`)}</tr></thead>
				<tbody>${shown.slice(0, MOST).map((u) => html`<tr key=${u.name} data-row data-link=${href(['users', u.name])}><th scope="row" class="key"><a class="name" href=${href(['users', u.name])}>${u.name}</a><div class="small muted">${tagsOf(u.tags).join(', ')}</div></th>
					${vhosts.slice(0, MOST).map((v) => html`<td key=${v}><${Cell} row=${cells.get(u.name + '\n' + v)} /></td>`)}</tr>`)}</tbody></table></div>`}
				${shown.length > MOST && html`<p class="table-tools muted small">The first ${MOST} users are shown: filter for others.</p>`}</${Card}>
			${tests && html`<${Tester} users=${users.data || []} vhosts=${vhosts} />`}
		</div>`;
}

/** @param {{row: any}} props */
function Cell({ row }) {
	if (!row) return html`<span class="zero">no access</span>`;
	if ([row.configure, row.write, row.read].every((p) => p === '.*')) return html`<${Badge} kind="good">everything</${Badge}>`;
	return html`<span class="small">${['configure', 'write', 'read'].map((key) => html`<div key=${key}><span class="muted">${key}</span> <code class="name">${row[key] === '' ? '(nothing)' : row[key]}</code></div>`)}</span>`;
}

/** @param {{users: any[], vhosts: string[]}} props */
function Tester({ users, vhosts }) {
	const [answer, setAnswer] = useState(/** @type {any} */ (null));
	const form = useForm({ user: '', vhost: '/', permission: 'write', resource: 'exchange', name: '', routing_key: '' }, async ({ routing_key: key, ...v }) => {
		setAnswer({ of: form.values, ...await post('rabbet/permission-test', key === '' ? v : { ...v, routing_key: key }) });
		return false;
	});
	const v = form.values;
	const patterns = answer && [['Pattern', answer.pattern], ['Topic pattern', answer.topic_pattern]].filter(([, p]) => p !== null);
	return html`<${Card} title="May this user do that?"><form class="form" onSubmit=${form.submit}>
		<${Choice} label="User" value=${v.user} onChange=${form.set('user')} options=${[['', 'Choose'], ...users.map((u) => u.name)]} required />
		<${Choice} label="Virtual host" value=${v.vhost} onChange=${form.set('vhost')} options=${vhosts} />
		<${Choice} label="Permission" value=${v.permission} onChange=${form.set('permission')} options=${['configure', 'write', 'read']} />
		<${Choice} label="Of" value=${v.resource} onChange=${form.set('resource')} options=${['exchange', 'queue']} />
		<${Text} label="Name" value=${v.name} onChange=${form.set('name')} />
		${v.resource === 'exchange' && v.permission !== 'configure' && html`<${Text} label="Routing key" value=${v.routing_key} onChange=${form.set('routing_key')} hint="For topic exchanges; may be empty." />`}
		<${Submit} form=${form} text="Test" />
		${answer && answer.of === v && !form.error && html`<div class="full" aria-live="polite"><${Note} kind=${answer.allowed ? 'good' : 'bad'} title=${answer.allowed ? 'Yes.' : 'No.'}>${answer.reason}
			${patterns.map(([title, p]) => html`<div key=${title} class="small">${title}: <code class="name">${p}</code></div>`)}</${Note}></div>`}
	</form></${Card}>`;
}
