// Policies and operator policies: what each hits now, and what a change would change.
import { html, useEffect, useState } from '../lib/html.js';
import { del, path, post, put, vhostFilter } from '../lib/api.js';
import { among, useExtension, useVhosts } from '../lib/broker.js';
import { href, setQuery, useRoute } from '../lib/router.js';
import { may } from '../lib/session.js';
import { useStore } from '../lib/store.js';
import { APPLY_TO, OPERATOR_PRESETS, POLICY_PRESETS } from '../lib/queue.js';
import * as f from '../lib/format.js';
import { Badge, Card, Empty, Note, PageHead, Tabs } from '../components/basic.js';
import { ArgumentsCell, ExchangeLink, num, QueueLink, vhostColumn } from '../components/cells.js';
import { ask, eightAtATime } from '../components/dialog.js';
import { argumentsOf, Arguments, Choice, Presets, rowsOf, Submit, Text, useForm } from '../components/form.js';
import { Icon } from '../components/icon.js';
import { Table } from '../components/table.js';
import { say } from '../components/toast.js';

export default function Policies() {
	const { query: q, parts } = useRoute();
	const operator = q.tab === 'operator' || parts[0] === 'operator-policies';
	const mayEdit = operator ? may.administer() : may.policies();
	const [editing, setEditing] = useState(/** @type {any} */ (null));
	const base = operator ? 'operator-policies' : 'policies';
	return html`<${PageHead} title="Policies">${mayEdit && html`<button class="btn primary" onClick=${() => { setEditing(null); setQuery({ add: q.add ? '' : 'true' }); }}><${Icon} name="plus" />Add ${operator ? 'an operator policy' : 'a policy'}</button>`}</${PageHead}>
		<${Tabs} label="Kinds of policies" now=${operator ? 'operator' : 'user'} link=${(id) => href([id === 'operator' ? 'operator-policies' : 'policies'])} tabs=${[{ id: 'user', text: 'Policies' }, { id: 'operator', text: 'Operator policies' }]} />
		<div class="stack loose">
			${mayEdit && (q.add || editing) && html`<${Editor} key=${base + (editing ? editing.vhost + editing.name : '')} operator=${operator} policy=${editing} close=${() => { setEditing(null); setQuery({ add: '' }); }} />`}
			<${Card} flush><${Table} key=${base} name=${base} label=${operator ? 'operator policies' : 'policies'} path=${base} columns=${columns(operator, mayEdit && setEditing)} id=${(p) => p.vhost + '\n' + p.name}
				bulk=${mayEdit ? (list, done) => html`<button class="btn danger" onClick=${() => remove(list, base, done)}><${Icon} name="trash" />Delete</button>` : undefined}
				empty=${html`<${Empty} title=${operator ? 'No operator policies' : 'No policies'}>${operator ? 'They bound what users may set: of limits the smallest counts.' : 'A policy sets arguments of all queues or exchanges whose names match, those that are there too.'}</${Empty}>`} /></${Card}>
		</div>`;
}

/** @param {boolean} operator @param {any} edit @returns {import('../components/table.js').Column[]} */
function columns(operator, edit) {
	return [
		vhostColumn,
		{ id: 'name', title: 'Name', key: true, sort: 'name', cell: (p) => (edit ? html`<button class="btn plain small name clip" title="Edit" onClick=${() => { edit(p); scrollTo(0, 0); }}>${p.name}</button>` : html`<span class="name">${p.name}</span>`) },
		{ id: 'pattern', title: 'Pattern', sort: 'pattern', cell: (p) => html`<code class="name">${p.pattern}</code>` },
		{ id: 'apply', title: 'Apply to', sort: 'apply-to', wide: true, cell: (p) => String(p['apply-to']).replace('_', ' ') },
		{ id: 'definition', title: 'Definition', cell: (p) => html`<${ArgumentsCell} table=${p.definition} />` },
		{ id: 'priority', title: 'Priority', number: true, sort: 'priority', cell: (p) => num(p.priority) },
		{ id: 'hits', title: 'Hits now', cell: (p) => html`<a class="nowrap" href=${href(['queues', p.vhost], { name: p.pattern, use_regex: true })}>show</a>` },
	];
}

/** @param {any[]} list @param {string} base @param {() => void} done */
function remove(list, base, done) {
	ask({
		title: `Delete ${f.count(list.length, 'policy', 'policies')}?`, action: 'Delete', type: list.length > 1 ? String(list.length) : undefined,
		text: 'What they match gets the next policy that matches, or none.', hits: list.map((p) => ({ name: p.name, detail: p.pattern })),
		run: async (progress) => { try { await eightAtATime(list, (p) => del(path`${base}/${p.vhost}/${p.name}`), progress); } finally { done(); } return `${f.count(list.length, 'policy', 'policies')} deleted.`; },
	});
}

/** @param {{operator: boolean, policy: any, close: () => void}} props policy: null for a new one */
function Editor({ operator, policy, close }) {
	const filter = useStore(vhostFilter);
	const vhosts = useVhosts();
	const previews = useExtension('policies-preview');
	const [rows, setRows] = useState(/** @type {any[]} */ (rowsOf(policy?.definition || {})));
	const form = useForm({ vhost: policy?.vhost ?? (filter || '/'), name: policy?.name ?? '', pattern: policy?.pattern ?? '', apply: policy?.['apply-to'] ?? (operator ? 'queues' : 'all'), priority: String(policy?.priority ?? 0) }, async (v) => {
		await put(path`${operator ? 'operator-policies' : 'policies'}/${among(vhosts, v.vhost)}/${v.name}`, body(v, rows));
		say(`Policy ${v.name} holds.`);
		close();
	});
	const v = form.values;
	return html`<${Card} title=${policy ? `Change ${policy.name}` : operator ? 'Add an operator policy' : 'Add a policy'}><form class="form" onSubmit=${form.submit}>
		${vhosts.length > 1 && html`<${Choice} label="Virtual host" value=${among(vhosts, v.vhost)} onChange=${form.set('vhost')} options=${vhosts} disabled=${Boolean(policy)} />`}
		<${Text} label="Name" value=${v.name} onChange=${form.set('name')} required disabled=${Boolean(policy)} />
		<${Text} label="Pattern" value=${v.pattern} onChange=${form.set('pattern')} hint="A regular expression for names: ^orders\\." required />
		<${Choice} label="Apply to" value=${v.apply} onChange=${form.set('apply')} options=${operator ? APPLY_TO.filter(([id]) => id.includes('queues') || id === 'streams') : APPLY_TO} />
		<${Text} label="Priority" type="number" value=${v.priority} onChange=${form.set('priority')} hint="The highest that matches holds." />
		<${Arguments} label="Definition" rows=${rows} onChange=${setRows} presets=${html`<${Presets} groups=${operator ? OPERATOR_PRESETS : POLICY_PRESETS} rows=${rows} onChange=${setRows} />`} />
		${previews && v.pattern && html`<${Preview} operator=${operator} vhost=${among(vhosts, v.vhost)} values=${v} rows=${rows} />`}
		<${Submit} form=${form} text=${policy ? 'Save' : 'Add'}><button type="button" class="btn" onClick=${close}>Close</button></${Submit}>
	</form></${Card}>`;
}

/** @param {any} v @param {any[]} rows */
const body = (v, rows) => ({ pattern: v.pattern, definition: argumentsOf(rows), priority: Number(v.priority) || 0, 'apply-to': v.apply });

/** What saving would change, asked for while one types. @param {{operator: boolean, vhost: string, values: any, rows: any[]}} props */
function Preview({ operator, vhost, values, rows }) {
	const [answer, setAnswer] = useState(/** @type {any} */ (null));
	useEffect(() => {
		let current = true;
		const timer = setTimeout(async () => {
			try {
				const got = await post('rabbet/policies/preview', { vhost, name: values.name || 'new', ...body(values, rows), operator });
				if (current) setAnswer(got);
			} catch (err) {
				if (current) setAnswer({ error: err });
			}
		}, 400);
		return () => { current = false; clearTimeout(timer); };
	}, [vhost, values, rows, operator]);
	if (!answer) return null;
	if (answer.error) return html`<div class="full"><${Note} kind="warn">${answer.error.message}</${Note}></div>`;
	const { changes, matched } = answer;
	return html`<div class="full stack" aria-live="polite"><strong>${changes.length === 0 ? `Its pattern matches ${f.number(matched)}, and nothing would change.` : `This would change ${f.number(changes.length)} of the ${f.number(matched)} that its pattern matches:`}</strong>
		${changes.length > 0 && html`<ul class="hit-list">${changes.map((c) => html`<li key=${c.type + c.name}><span><${Badge} kind=${c.type === 'queue' ? 'info' : ''}>${c.type}</${Badge}> ${c.type === 'queue' ? html`<${QueueLink} vhost=${c.vhost} name=${c.name} />` : html`<${ExchangeLink} vhost=${c.vhost} name=${c.name} />`}</span><span class="muted name">${c.before.policy || 'no policy'} → ${c.after.policy || 'none'}</span></li>`)}</ul>`}</div>`;
}
