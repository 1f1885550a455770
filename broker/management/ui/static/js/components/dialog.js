// Dialogs. The browser's own <dialog> keeps the focus inside and gives it back.
import { html, useEffect, useRef, useState, useId } from '../lib/html.js';
import { Store, useStore } from '../lib/store.js';
import * as f from '../lib/format.js';
import { Icon } from './icon.js';
import { ErrorNote } from './basic.js';

/** @param {{title: any, onClose?: () => void, wide?: boolean, className?: string, footer?: any, children?: any}} props */
export function Dialog({ title, onClose, wide, className = '', footer, children }) {
	const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
	const id = useId();
	useEffect(() => {
		const dialog = /** @type {HTMLDialogElement} */ (box.current);
		dialog.showModal();
		const first = /** @type {HTMLElement | null} */ (dialog.querySelector('[data-autofocus]') || dialog.querySelector('.body :is(input, select, textarea)'));
		first?.focus();
		return () => dialog.close();
	}, []);
	return html`<dialog ref=${box} class=${className + (wide ? ' wide' : '')} aria-labelledby=${id}
		onClose=${() => {
			// Browsers close a dialog at the second Escape, whatever the page says.
			if (!box.current?.isConnected || box.current.open) return;
			if (onClose) onClose();
			else box.current.showModal();
		}}
		onCancel=${(e) => { e.preventDefault(); onClose?.(); }}
		onClick=${(e) => { if (e.target === box.current) onClose?.(); }}>
		<header><h2 id=${id}>${title}</h2>${onClose && html`<button type="button" class="btn plain icon" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button>`}</header>
		${children}
		${footer && html`<footer>${footer}</footer>`}
	</dialog>`;
}

/**
 * @typedef {object} Question
 * @property {string} title "Delete 3 queues?"
 * @property {any} [text] what will happen
 * @property {{name: string, detail?: any}[]} [hits] what it will hit, by name
 * @property {string} action the word on the button
 * @property {string} [type] what must be typed: the count for many, the name for what holds much
 * @property {(progress: (done: number) => void) => Promise<string | void>} run gives the sentence to say afterwards
 */

const asked = new Store(/** @type {Question | null} */ (null));

/** Shows what a destructive action will hit and asks once. @param {Question} question */
export function ask(question) {
	asked.set(question);
}

/** @param {{say: (text: string) => void}} props */
export function Questions({ say }) {
	const question = useStore(asked);
	return question && html`<${QuestionDialog} key=${question} question=${question} say=${say} />`;
}

/** @param {{question: Question, say: (text: string) => void}} props */
function QuestionDialog({ question, say }) {
	const [typed, setTyped] = useState('');
	const [error, setError] = useState(/** @type {any} */ (null));
	const [done, setDone] = useState(-1);
	const close = () => { if (done < 0) asked.set(null); };
	const hits = question.hits || [];
	const ready = (!question.type || typed === question.type) && done < 0;
	const submit = async (e) => {
		e.preventDefault();
		if (!ready) return;
		setError(null);
		setDone(0);
		try {
			const text = await question.run(setDone);
			asked.set(null);
			if (text) say(text);
		} catch (err) {
			setError(err);
			setDone(-1);
		}
	};
	const typeID = useId();
	return html`<${Dialog} title=${question.title} onClose=${close}>
		<form onSubmit=${submit}>
			<div class="body">
				${question.text && html`<p>${question.text}</p>`}
				${hits.length > 0 && html`<ul class="hit-list" tabindex="0" aria-label="What it will hit">${hits.slice(0, 200).map((hit) => html`<li key=${hit.name}><span class="name" dir="auto">${hit.name}</span><span class="muted nowrap">${hit.detail}</span></li>`)}${hits.length > 200 && html`<li class="muted">and ${f.number(hits.length - 200)} more</li>`}</ul>`}
				${question.type && html`<div class="field"><label for=${typeID}>Type <code class="name">${question.type}</code> to go on</label><input id=${typeID} data-autofocus autocomplete="off" value=${typed} onInput=${(e) => setTyped(e.target.value)} /></div>`}
				<p class="small muted">This cannot be undone.</p>
				<${ErrorNote} error=${error} />
			</div>
			<footer>
				<button type="button" class="btn" onClick=${close}>Cancel</button>
				<button class="btn danger primary" disabled=${!ready} data-autofocus=${!question.type}>${done > 0 && hits.length > 1 ? `${f.number(done)} of ${f.number(hits.length)}` : question.action}</button>
			</footer>
		</form>
	</${Dialog}>`;
}

/**
 * Runs work for each item, eight at a time; fails with the first error after all had their turn.
 * @template T
 * @param {T[]} items
 * @param {(item: T) => Promise<any>} work
 * @param {(done: number) => void} progress
 */
export async function eightAtATime(items, work, progress) {
	const waiting = [...items];
	/** @type {any[]} */
	const errors = [];
	let done = 0;
	const worker = async () => {
		for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
			try {
				await work(item);
			} catch (err) {
				errors.push(err);
			}
			progress(++done);
		}
	};
	await Promise.all(Array.from({ length: 8 }, worker));
	if (errors.length > 0) {
		const first = errors[0];
		first.message = items.length === 1 ? first.message : `${f.number(errors.length)} of ${f.number(items.length)} failed. The first: ${first.message}`;
		throw first;
	}
}
