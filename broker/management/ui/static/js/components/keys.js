// Keys that work everywhere, and the dialog that lists them.
import { html, useEffect } from '../lib/html.js';
import { Store, useStore } from '../lib/store.js';
import { NAV } from '../lib/pages.js';
import { paused, refresh } from '../lib/refresh.js';
import { go, route } from '../lib/router.js';
import { Dialog } from './dialog.js';
import { Palette, openPalette } from './palette.js';
import { moveRow, chooseRow } from './table.js';

export const helpShown = new Store(false);

const PLACES = NAV.flatMap((group) => group.entries).filter((entry) => entry.key);

/** Set after "g", until the next key. */
let going = false;

/** @type {Record<string, () => void>} */
const ACTIONS = {
	'/': () => /** @type {HTMLElement | null} */ (document.querySelector('main [data-filter]'))?.focus(),
	'?': () => helpShown.set(true),
	'.': () => paused.set(!paused.value),
	r: refresh,
	j: () => moveRow(1),
	k: () => moveRow(-1),
	x: chooseRow,
	p: publishHere,
};

function publishHere() {
	const { parts } = route.value;
	if (parts[0] === 'queues' && parts.length >= 3) go(['publish'], { vhost: parts[1], exchange: '', routing_key: parts[2] });
	else if (parts[0] === 'exchanges' && parts.length >= 3) go(['publish'], { vhost: parts[1], exchange: parts[2] === 'amq.default' ? '' : parts[2] });
	else go(['publish']);
}

/** @param {KeyboardEvent} e */
function onKey(e) {
	if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === 'k') {
		e.preventDefault();
		openPalette();
		return;
	}
	const target = /** @type {HTMLElement} */ (e.target);
	if (e.ctrlKey || e.metaKey || e.altKey || target.closest('input:not([type="checkbox"]), textarea, select, dialog, [contenteditable]')) return;
	if (going) {
		going = false;
		const place = PLACES.find((entry) => entry.key === e.key);
		if (place) {
			e.preventDefault();
			go(place.id ? [place.id] : []);
		}
		return;
	}
	if (e.key === 'g') {
		going = true;
		return;
	}
	const action = ACTIONS[e.key];
	if (action) {
		e.preventDefault();
		action();
	}
}

export function Keys() {
	useEffect(() => {
		document.addEventListener('keydown', onKey);
		return () => document.removeEventListener('keydown', onKey);
	}, []);
	const help = useStore(helpShown);
	return html`<${Palette} />${help && html`<${Help} />`}`;
}

function Help() {
	const rows = [
		['Ctrl K', 'Search objects, run commands'], ['/', 'Filter the list'], ['j k', 'Next and previous row'], ['x', 'Choose the row'], ['Enter', 'Open the row'],
		['p', 'Publish a message to what is shown'], ['r', 'Refresh now'], ['.', 'Pause, go on'], ['?', 'This list'],
		...PLACES.map((entry) => [`g ${entry.key}`, entry.text]),
	];
	return html`<${Dialog} title="Keys" onClose=${() => helpShown.set(false)}>
		<div class="body"><dl class="kv">${rows.map(([keys, text]) => html`<dt key=${keys}>${keys.split(' ').map((k) => html`<kbd>${k}</kbd> `)}</dt><dd>${text}</dd>`)}</dl></div>
	</${Dialog}>`;
}
