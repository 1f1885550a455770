// Definitions: export, and import with a preview of what it would change.
import { html, useState } from '../lib/html.js';
import { path, post, saveFile, get } from '../lib/api.js';
import { useExtension, useVhosts } from '../lib/broker.js';
import * as f from '../lib/format.js';
import { Badge, Card, ErrorNote, Note, PageHead } from '../components/basic.js';
import { Check, Choice, useForm, Submit } from '../components/form.js';
import { Icon } from '../components/icon.js';
import { say } from '../components/toast.js';

export default function Definitions() {
	return html`<${PageHead} title="Definitions" sub="Users, virtual hosts, permissions, policies, queues, exchanges and bindings as one JSON document. No messages." />
		<div class="grid"><${Export} /><${Import} /></div>`;
}

function Export() {
	const vhosts = useVhosts();
	const form = useForm({ vhost: '', users: true, name: 'rabbet-definitions.json' }, async (v) => {
		const document = await get(v.vhost ? path`definitions/${v.vhost}` : 'definitions');
		if (!v.users) for (const key of ['users', 'permissions', 'topic_permissions']) delete document[key];
		saveFile(v.name || 'definitions.json', JSON.stringify(document, null, 2));
		say('The definitions are in your downloads.');
		return false;
	});
	const v = form.values;
	return html`<${Card} title="Export"><form class="form" onSubmit=${form.submit}>
		<${Choice} label="Of" value=${v.vhost} onChange=${form.set('vhost')} options=${[['', 'The whole broker'], ...vhosts]} />
		<div class="field"><span class="label">With</span><${Check} label="Users and permissions" value=${v.users && !v.vhost} disabled=${Boolean(v.vhost)} title=${v.vhost ? 'The definitions of one virtual host have none.' : ''} onChange=${form.set('users')} /></div>
		<${Submit} form=${form} text=${html`<${Icon} name="save" />Download`} />
	</form></${Card}>`;
}

function Import() {
	const vhosts = useVhosts();
	const previews = useExtension('definitions-preview');
	const [file, setFile] = useState(/** @type {any} */ (null));
	const [vhost, setVhost] = useState('');
	const [preview, setPreview] = useState(/** @type {any} */ (null));
	const [error, setError] = useState(/** @type {any} */ (null));
	const [busy, setBusy] = useState(false);
	const look = async (chosen, where) => {
		setError(null);
		setPreview(null);
		setFile(null);
		try {
			const content = JSON.parse(await chosen.text());
			setFile({ name: chosen.name, content, chosen });
			if (previews) setPreview(await post(where ? path`rabbet/definitions/preview/${where}` : 'rabbet/definitions/preview', content));
		} catch (err) {
			setError(err instanceof SyntaxError ? { message: 'The file is not JSON.', details: String(err.message) } : err);
		}
	};
	const take = (e) => { const [chosen] = e.dataTransfer?.files || e.target.files || []; if (chosen) { e.preventDefault(); look(chosen, vhost); } };
	const send = async () => {
		setBusy(true);
		try {
			await post(vhost ? path`definitions/${vhost}` : 'definitions', file.content);
			say('The definitions are imported.');
			setFile(null);
			setPreview(null);
		} catch (err) {
			setError(err);
		}
		setBusy(false);
	};
	return html`<${Card} title="Import"><div class="stack" onDragOver=${(e) => e.preventDefault()} onDrop=${take}>
		<${Choice} label="Into" value=${vhost} onChange=${(v) => { setVhost(v); if (file) look(file.chosen, v); }} options=${[['', 'The whole broker'], ...vhosts]} />
		<label class="field"><span class="label">File</span><input type="file" accept="application/json,.json" onChange=${take} /><span class="hint">Or drop it here. Nothing is sent before you have seen what it would change.</span></label>
		<${ErrorNote} error=${error} />
		${file && previews && preview && html`<${Preview} preview=${preview} />`}
		${file && (!previews || preview) && html`<div class="row"><button class="btn primary" disabled=${busy || preview?.counts.refused > 0} onClick=${send}>Import ${file.name}</button><button class="btn" onClick=${() => { setFile(null); setPreview(null); }}>Forget it</button></div>`}
	</div></${Card}>`;
}

/** @type {[string, string, string][]} */
const GROUPS = [['refused', 'refused', 'bad'], ['new', 'new', 'good'], ['changed', 'changed', 'warn'], ['kept', 'as they are', '']];

/** @param {{preview: any}} props */
function Preview({ preview }) {
	const [shown, setShown] = useState(preview.counts.refused > 0 ? 'refused' : preview.counts.new > 0 ? 'new' : 'changed');
	const list = preview[shown] || [];
	return html`<div class="stack" aria-live="polite">
		${preview.counts.refused > 0 && html`<${Note} kind="bad">The broker would refuse ${f.number(preview.counts.refused)} of them, and stop there.</${Note}>`}
		<div class="row" role="group" aria-label="What the import would do">${GROUPS.map(([id, text, kind]) => html`<button type="button" key=${id} class="btn small" aria-pressed=${String(shown === id)} onClick=${() => setShown(id)}><${Badge} kind=${preview.counts[id] > 0 ? kind : ''}>${f.number(preview.counts[id])}</${Badge}>${text}</button>`)}</div>
		<div class="scroll" tabindex="0" role="region" aria-label="Changes"><table class="data"><thead><tr><th scope="col">What</th><th scope="col">Name</th><th scope="col">Change</th></tr></thead><tbody>
			${list.slice(0, 300).map((d, i) => html`<tr key=${i} class=${'diff-' + shown}><td>${String(d.type).replaceAll('_', ' ')}</td><td class="key"><span class="name">${d.name}</span>${d.vhost && html`<span class="small muted name">in ${d.vhost}</span>`}</td>
				<td class="small">${d.reason && html`<div class="bad">${d.reason}</div>`}${shown === 'changed' && differing(d).map(([key, before, after]) => html`<div key=${key}><span class="muted">${key}</span> <code class="name">${before}</code> → <code class="name">${after}</code></div>`)}</td></tr>`)}
			${list.length === 0 && html`<tr><td colspan="3" class="muted">None</td></tr>`}</tbody></table></div>
		${list.length > 300 && html`<p class="muted small">and ${f.number(list.length - 300)} more</p>`}
	</div>`;
}

/** @param {any} d @returns {string[][]} the keys whose values differ */
function differing(d) {
	const keys = new Set([...Object.keys(d.before || {}), ...Object.keys(d.after || {})]);
	return [...keys].filter((key) => JSON.stringify(d.before?.[key]) !== JSON.stringify(d.after?.[key])).map((key) => [key, f.value(d.before?.[key]) || '–', f.value(d.after?.[key]) || '–']);
}
