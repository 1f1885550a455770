// Forms. What is typed stays in the form's own state, which no refresh touches; errors stand
// beside the button that caused them.
import { html, useState, useId } from '../lib/html.js';
import { ErrorNote } from './basic.js';
import { Icon } from './icon.js';

/** @param {{label: any, hint?: any, error?: any, full?: boolean, children: (id: string) => any}} props */
export function Field({ label, hint, error, full, children }) {
	const id = useId();
	return html`<div class=${'field' + (full ? ' full' : '')}><label for=${id}>${label}</label>${children(id)}${hint && html`<span class="hint">${hint}</span>`}${error && html`<span class="error" role="alert">${error}</span>`}</div>`;
}

/** @param {any} props label, value, onChange(text), hint, full; the rest goes to the input */
export function Text({ label, value, onChange, hint, error, full, ...rest }) {
	return html`<${Field} label=${label} hint=${hint} error=${error} full=${full}>${(id) => html`<input id=${id} autocomplete="off" spellcheck="false" aria-invalid=${error ? 'true' : undefined} value=${value} onInput=${(e) => onChange(e.target.value)} ...${rest} />`}</${Field}>`;
}

export function Area({ label, value, onChange, hint, error, full = true, ...rest }) {
	return html`<${Field} label=${label} hint=${hint} error=${error} full=${full}>${(id) => html`<textarea id=${id} spellcheck="false" value=${value} onInput=${(e) => onChange(e.target.value)} ...${rest} />`}</${Field}>`;
}

/** @param {any} props options: [value, text][] or texts */
export function Choice({ label, value, onChange, options, hint, full, ...rest }) {
	return html`<${Field} label=${label} hint=${hint} full=${full}>${(id) => html`<select id=${id} value=${value} onChange=${(e) => onChange(e.target.value)} ...${rest}>
		${options.map((o) => { const [v, t, off] = Array.isArray(o) ? o : [o, o]; return html`<option key=${v} value=${v} disabled=${off}>${t}</option>`; })}
	</select>`}</${Field}>`;
}

/** @param {{label: any, value: boolean, onChange: (on: boolean) => void, disabled?: boolean, title?: string}} props */
export const Check = ({ label, value, onChange, disabled, title }) => html`<label class="check" title=${title}><input type="checkbox" checked=${value} disabled=${disabled} onChange=${(e) => onChange(e.target.checked)} />${label}</label>`;

/**
 * State of a form, and its sending.
 * @param {Record<string, any>} empty
 * @param {(values: any) => Promise<any>} send
 */
export function useForm(empty, send) {
	const [values, setValues] = useState(empty);
	const [error, setError] = useState(/** @type {any} */ (null));
	const [busy, setBusy] = useState(false);
	const set = (key) => (value) => setValues((old) => ({ ...old, [key]: value }));
	const submit = async (e) => {
		e?.preventDefault();
		if (busy) return;
		setBusy(true);
		setError(null);
		try {
			if (await send(values) !== false) setValues(empty);
		} catch (err) {
			setError(err);
		}
		setBusy(false);
	};
	return { values, set, setValues, error, setError, busy, submit };
}

/** The button of a form, and what went wrong. @param {{form: any, text: any, danger?: boolean, disabled?: boolean, children?: any}} props */
export const Submit = ({ form, text, disabled, children }) => html`<div class="full stack">
	<${ErrorNote} error=${form.error} />
	<div class="row"><button class="btn primary" disabled=${form.busy || disabled}>${text}</button>${children}</div>
</div>`;

/** @typedef {{key: string, value: string, type: string}} Argument */

export const ARGUMENT_TYPES = [['string', 'String'], ['number', 'Number'], ['boolean', 'Boolean'], ['list', 'List (JSON)'], ['table', 'Table (JSON)']];

/**
 * Keys with typed values: arguments, headers, definitions of policies. Keys may come twice
 * where several is set (headers of a message are then sent as a list).
 * @param {{label: any, rows: Argument[], onChange: (rows: Argument[]) => void, presets?: any, keyHint?: string}} props
 */
export function Arguments({ label, rows, onChange, presets, keyHint = 'Key' }) {
	const all = [...rows, { key: '', value: '', type: 'string' }];
	const change = (i, part) => {
		const next = all.map((row, n) => (n === i ? { ...row, ...part } : row));
		onChange(next.filter((row, n) => n < rows.length || row.key !== '' || row.value !== ''));
	};
	return html`<fieldset class="full stack" style=${{ border: 0, padding: 0, margin: 0, minWidth: 0 }}>
		<legend class="label" style=${{ padding: 0, marginBottom: '0.25rem' }}>${label}</legend>
		<div>${all.map((row, i) => html`<div class="arg-row" key=${i}>
			<input aria-label=${`${keyHint} ${i + 1}`} placeholder=${keyHint} value=${row.key} spellcheck="false" autocomplete="off" onInput=${(e) => change(i, { key: e.target.value })} />
			${row.type === 'boolean'
				? html`<select aria-label=${`Value ${i + 1}`} value=${row.value === 'false' ? 'false' : 'true'} onChange=${(e) => change(i, { value: e.target.value })}><option value="true">true</option><option value="false">false</option></select>`
				: html`<input aria-label=${`Value ${i + 1}`} placeholder="Value" value=${row.value} spellcheck="false" autocomplete="off" onInput=${(e) => change(i, { value: e.target.value })} />`}
			<select aria-label=${`Type ${i + 1}`} value=${row.type} onChange=${(e) => change(i, { type: e.target.value, value: e.target.value === 'boolean' ? 'true' : row.value })}>${ARGUMENT_TYPES.map(([v, t]) => html`<option key=${v} value=${v}>${t}</option>`)}</select>
			<button type="button" class="btn plain icon" aria-label=${`Remove ${row.key || 'this row'}`} disabled=${i >= rows.length} onClick=${() => onChange(rows.filter((_, n) => n !== i))}><${Icon} name="close" /></button>
		</div>`)}</div>
		${presets}
	</fieldset>`;
}

/**
 * The rows as JSON; what is not of its type is an error with the key's name.
 * @param {Argument[]} rows
 * @param {{several?: boolean}} [options]
 */
export function argumentsOf(rows, { several = false } = {}) {
	/** @type {Record<string, any>} */
	const out = {};
	for (const row of rows) {
		if (row.key === '') {
			if (row.value !== '') throw new Error(`The value “${row.value}” has no key.`);
			continue;
		}
		const value = typed(row);
		if (several && Object.hasOwn(out, row.key)) out[row.key] = [].concat(out[row.key], value);
		else if (Object.hasOwn(out, row.key)) throw new Error(`The key “${row.key}” is there twice.`);
		else Object.defineProperty(out, row.key, { value, enumerable: true, writable: true, configurable: true });
	}
	return out;
}

/** @param {Argument} row */
function typed({ key, value, type }) {
	if (type === 'boolean') return value !== 'false';
	if (type === 'number') {
		if (value.trim() === '' || Number.isNaN(Number(value))) throw new Error(`“${key}” is to be a number, not “${value}”.`);
		return Number(value);
	}
	if (type === 'list' || type === 'table') {
		/** @type {any} */
		let parsed;
		try {
			parsed = JSON.parse(value);
		} catch {
			throw new Error(`“${key}” is to be JSON, like ${type === 'list' ? '["a", 1]' : '{"a": 1}'}.`);
		}
		if (Array.isArray(parsed) !== (type === 'list') || parsed === null || typeof parsed !== 'object') throw new Error(`“${key}” is to be a ${type} in JSON.`);
		return parsed;
	}
	return value;
}

/** The rows for a table of arguments. @param {Record<string, any>} table @returns {Argument[]} */
export function rowsOf(table) {
	return Object.entries(table || {}).map(([key, value]) => ({
		key,
		type: Array.isArray(value) ? 'list' : value !== null && typeof value === 'object' ? 'table' : typeof value === 'number' || typeof value === 'boolean' ? typeof value : 'string',
		value: value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value),
	}));
}

/**
 * One-click keys. What the chosen type refuses stays readable and says why.
 * @param {{groups: {title: string, items: any[]}[], rows: Argument[], onChange: (rows: Argument[]) => void, refused?: (key: string) => string}} props
 */
export function Presets({ groups, rows, onChange, refused = () => '' }) {
	const add = (item) => {
		if (refused(item.key) || rows.some((row) => row.key === item.key)) return;
		onChange([...rows.filter((row) => row.key !== ''), { key: item.key, value: item.value ?? '', type: item.type || 'string' }]);
	};
	return html`<div>${groups.map((group) => html`<div class="presets" key=${group.title}><span class="muted">${group.title}</span>
		${group.items.map((item) => { const why = refused(item.key); return html`<button type="button" key=${item.text} class="btn small" aria-disabled=${why ? 'true' : undefined} title=${why || item.help || item.key} onClick=${() => add(item)}>${item.text}</button>`; })}
	</div>`)}</div>`;
}
