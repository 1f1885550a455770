// Short messages about what has been done, read out by screen readers.
import { html, useEffect } from '../lib/html.js';
import { Store, useStore } from '../lib/store.js';
import { Icon } from './icon.js';

const toasts = new Store(/** @type {{id: number, text: string}[]} */ ([]));
let last = 0;

/** @param {string} text */
export function say(text) {
	toasts.set([...toasts.value.slice(-3), { id: ++last, text }]);
}

/** @param {{id: number, text: string}} props */
function Toast({ id, text }) {
	const close = () => toasts.set(toasts.value.filter((t) => t.id !== id));
	useEffect(() => {
		const timer = setTimeout(close, 6000);
		return () => clearTimeout(timer);
	}, []);
	return html`<div class="toast"><span class="name">${text}</span><button aria-label="Close this message" onClick=${close}><${Icon} name="close" /></button></div>`;
}

export function Toasts() {
	const list = useStore(toasts);
	return html`<div class="toasts" role="status" aria-live="polite">${list.map((t) => html`<${Toast} key=${t.id} ...${t} />`)}</div>`;
}
