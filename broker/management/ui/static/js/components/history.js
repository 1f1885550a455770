// Messages published before and templates, both kept in this browser alone.
import { html, useState } from '../lib/html.js';
import { kept } from '../lib/store.js';
import { exchangeTitle } from '../lib/router.js';
import { Card } from './basic.js';
import { Icon } from './icon.js';

/** @param {{use: (values: any) => void, current: any}} props */
export function History({ use, current }) {
	const [, again] = useState(0);
	const [name, setName] = useState('');
	const templates = kept.get('templates') || [];
	const published = kept.get('published') || [];
	const save = (e) => {
		e.preventDefault();
		if (name.trim() === '') return;
		kept.set('templates', [...templates.filter((t) => t.name !== name), { name, values: current }]);
		setName('');
	};
	const drop = (gone) => { kept.set('templates', templates.filter((t) => t.name !== gone)); again((n) => n + 1); };
	return html`<div class="stack loose">
		<${Card} title="Templates"><div class="stack">
			${templates.length === 0 && html`<p class="muted small">None yet. They stay in this browser.</p>`}
			<ul>${templates.map((t) => html`<li key=${t.name} class="row between" style=${{ flexWrap: 'nowrap' }}><button type="button" class="btn plain small name clip" onClick=${() => use(t.values)}>${t.name}</button><button type="button" class="btn plain icon" aria-label=${`Remove template ${t.name}`} onClick=${() => drop(t.name)}><${Icon} name="close" /></button></li>`)}</ul>
			<form class="row" style=${{ flexWrap: 'nowrap' }} onSubmit=${save}><input aria-label="Name of the template" placeholder="Name" value=${name} onInput=${(e) => setName(e.target.value)} /><button class="btn">Save</button></form></div></${Card}>
		<${Card} title="Published before">${published.length === 0 ? html`<p class="muted small">Nothing yet. It stays in this browser.</p>`
			: html`<ul class="stack" style=${{ gap: '0.2rem' }}>${published.map((v, i) => html`<li key=${i}><button type="button" class="btn plain small name clip" style=${{ justifyContent: 'flex-start', maxWidth: '100%' }} onClick=${() => use(v)}>${exchangeTitle(v.exchange)} · ${v.routing_key} · ${v.payload.slice(0, 40)}</button></li>`)}</ul>
			<button class="btn small" onClick=${() => { kept.set('published', null); again((n) => n + 1); }}>Forget them</button>`}</${Card}>
	</div>`;
}
