// Fields of users: password and tags.
import { html, useState } from '../lib/html.js';
import { tagsOf } from '../lib/session.js';
import { Copy } from './basic.js';
import { Field, Text } from './form.js';

const TAGS = ['administrator', 'monitoring', 'policymaker', 'management', 'impersonator'];

/** @param {{value: string, onChange: (text: string) => void, generate: () => void, label?: string}} props */
export function PasswordField({ value, onChange, generate, label = 'Password' }) {
	const [shown, setShown] = useState(false);
	return html`<${Field} label=${label} hint="Empty: the user cannot log in with a password.">${(id) => html`<input id=${id} type=${shown ? 'text' : 'password'} autocomplete="new-password" value=${value} onInput=${(e) => onChange(e.target.value)} />
		<span class="row tight"><button type="button" class="btn small" onClick=${() => { generate(); setShown(true); }}>Generate</button><button type="button" class="btn small" aria-pressed=${String(shown)} onClick=${() => setShown(!shown)}>Show</button>${value && html`<${Copy} text=${value} />`}</span>`}</${Field}>`;
}

/** @param {{value: string, onChange: (text: string) => void}} props value: separated by commas */
export function TagsField({ value, onChange }) {
	const now = tagsOf(value);
	const toggle = (tag) => onChange((now.includes(tag) ? now.filter((t) => t !== tag) : [...now, tag]).join(','));
	return html`<div class="field"><${Text} label="Tags" value=${value} onChange=${onChange} hint="Separated by commas. None: the user may use AMQP, but not this page." />
		<span class="row tight">${TAGS.map((tag) => html`<button type="button" key=${tag} class="btn small" aria-pressed=${String(now.includes(tag))} onClick=${() => toggle(tag)}>${tag}</button>`)}</span></div>`;
}
