// The command palette: every page, object and action, by a few letters of its name.
import { html, useEffect, useMemo, useRef, useState } from '../lib/html.js';
import { Store, useStore, chooseTheme } from '../lib/store.js';
import { NAV } from '../lib/pages.js';
import { get, query } from '../lib/api.js';
import { paused, refresh } from '../lib/refresh.js';
import { exchangePath, exchangeTitle, href } from '../lib/router.js';
import { logOut, may } from '../lib/session.js';
import { Icon } from './icon.js';

const open = new Store(false);
export const openPalette = () => open.set(true);

/** @typedef {{text: string, kind: string, icon: string, to?: string, run?: () => void}} Entry */

export function Palette() {
	return useStore(open) && html`<${PaletteDialog} />`;
}

/** @returns {Entry[]} */
function commands() {
	return [
		...NAV.flatMap((group) => group.entries).filter((e) => !e.may || e.may()).map((e) => ({ text: e.text, kind: 'Page', icon: e.icon, to: '#/' + e.id })),
		{ text: 'Add a queue', kind: 'Action', icon: 'plus', to: href(['queues'], { add: true }) },
		{ text: 'Add an exchange', kind: 'Action', icon: 'plus', to: href(['exchanges'], { add: true }) },
		...(may.policies() ? [{ text: 'Add a policy', kind: 'Action', icon: 'plus', to: href(['policies'], { add: true }) }] : []),
		...(may.administer() ? [{ text: 'Add a user', kind: 'Action', icon: 'plus', to: href(['users'], { add: true }) }, { text: 'Add a virtual host', kind: 'Action', icon: 'plus', to: href(['vhosts'], { add: true }) }] : []),
		{ text: paused.value ? 'Go on refreshing' : 'Pause refreshing', kind: 'Action', icon: 'pause', run: () => paused.set(!paused.value) },
		{ text: 'Refresh now', kind: 'Action', icon: 'refresh', run: refresh },
		{ text: 'Theme: light', kind: 'Action', icon: 'sun', run: () => chooseTheme('light') },
		{ text: 'Theme: dark', kind: 'Action', icon: 'moon', run: () => chooseTheme('dark') },
		{ text: 'Theme: as the system', kind: 'Action', icon: 'sun', run: () => chooseTheme('auto') },
		{ text: 'Log out', kind: 'Action', icon: 'users', run: logOut },
	];
}

/** The objects whose names contain text, at most eight of a kind. @param {string} text @param {AbortSignal} signal @returns {Promise<Entry[]>} */
async function objects(text, signal) {
	const list = (where, columns) => get(where + query({ page: 1, page_size: 8, pagination: true, name: text, columns }), signal)
		.then((a) => (Array.isArray(a) ? a.filter((item) => item.name.toLowerCase().includes(text.toLowerCase())).slice(0, 8) : a.items), () => []);
	const [queues, exchanges, connections, users, vhosts] = await Promise.all([
		list('queues', 'name,vhost'), list('exchanges', 'name,vhost'), list('connections', 'name,user_provided_name'),
		may.administer() ? list('users', 'name') : [], may.administer() ? list('vhosts', 'name') : [],
	]);
	const within = (kind, vhost) => (vhost === '/' ? kind : `${kind} in ${vhost}`);
	return [
		...queues.map((q) => ({ text: q.name, kind: within('Queue', q.vhost), icon: 'queues', to: href(['queues', q.vhost, q.name]) })),
		...exchanges.map((x) => ({ text: exchangeTitle(x.name), kind: within('Exchange', x.vhost), icon: 'exchanges', to: href(['exchanges', x.vhost, exchangePath(x.name)]) })),
		...connections.map((c) => ({ text: c.user_provided_name ? `${c.user_provided_name} (${c.name})` : c.name, kind: 'Connection', icon: 'connections', to: href(['connections', c.name]) })),
		...users.map((u) => ({ text: u.name, kind: 'User', icon: 'users', to: href(['users', u.name]) })),
		...vhosts.map((v) => ({ text: v.name, kind: 'Virtual host', icon: 'vhosts', to: href(['vhosts', v.name]) })),
	];
}

function PaletteDialog() {
	const [text, setText] = useState('');
	const [found, setFound] = useState(/** @type {Entry[]} */ ([]));
	const [at, setAt] = useState(0);
	const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
	const all = useMemo(commands, []);
	useEffect(() => {
		const dialog = /** @type {HTMLDialogElement} */ (box.current);
		dialog.showModal();
		return () => dialog.close();
	}, []);
	useEffect(() => {
		if (text.trim() === '') {
			setFound([]);
			return undefined;
		}
		const control = new AbortController();
		const timer = setTimeout(() => objects(text.trim(), control.signal).then((list) => { if (!control.signal.aborted) setFound(list); }), 120);
		return () => { clearTimeout(timer); control.abort(); };
	}, [text]);
	const words = text.toLowerCase().split(/\s+/).filter(Boolean);
	const shown = [...all.filter((entry) => words.every((word) => entry.text.toLowerCase().includes(word))), ...found].slice(0, 40);
	const now = Math.min(at, Math.max(0, shown.length - 1));
	const run = (entry) => {
		if (!entry) return;
		open.set(false);
		if (entry.run) entry.run();
		else if (entry.to) location.hash = entry.to;
	};
	const onKey = (e) => {
		if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
			e.preventDefault();
			const next = (now + (e.key === 'ArrowDown' ? 1 : shown.length - 1)) % Math.max(1, shown.length);
			setAt(next);
			box.current?.querySelectorAll('li')[next]?.scrollIntoView({ block: 'nearest' });
		} else if (e.key === 'Enter') {
			e.preventDefault();
			run(shown[now]);
		}
	};
	return html`<dialog ref=${box} class="palette" aria-label="Search and commands" onCancel=${() => open.set(false)} onClose=${() => open.set(false)} onClick=${(e) => { if (e.target === box.current) open.set(false); }}>
		<input autofocus aria-label="Search" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-activedescendant=${`palette-${now}`} placeholder="Queue, exchange, connection, page or command" autocomplete="off" spellcheck="false"
			value=${text} onInput=${(e) => { setText(e.target.value); setAt(0); }} onKeyDown=${onKey} />
		<ul id="palette-list" role="listbox" aria-label="Found">${shown.map((entry, i) => html`<li key=${entry.kind + entry.text} id=${`palette-${i}`} role="option" aria-selected=${String(i === now)} onClick=${() => run(entry)} onMouseMove=${() => setAt(i)}>
			<${Icon} name=${entry.icon} /><span class="name clip">${entry.text}</span><span class="kind">${entry.kind}</span></li>`)}
			${shown.length === 0 && html`<div class="none">Nothing has that name.</div>`}</ul>
	</dialog>`;
}
