// Small pieces that every page is made of.
import { html, useState, useEffect, useLayoutEffect, useRef, useId } from '../lib/html.js';
import { useKept } from '../lib/store.js';
import { href } from '../lib/router.js';
import { Icon } from './icon.js';
import * as f from '../lib/format.js';

/**
 * The head of a page: its title, a line below it, and what can be done.
 * @param {{title: any, crumb?: {text: string, to: string}, sub?: any, children?: any}} props
 */
export function PageHead({ title, crumb, sub, children }) {
	return html`<div class="page-head">
		<div>
			${crumb && html`<div class="crumb"><a href=${crumb.to}>${crumb.text}</a></div>`}
			<h1 tabindex="-1" class="name">${title}</h1>
			${sub && html`<div class="sub">${sub}</div>`}
		</div>
		<div class="row">${children}</div>
	</div>`;
}

/** @param {{title?: any, tools?: any, flush?: boolean, children?: any, id?: string}} props */
export function Card({ title, tools, flush, children, id }) {
	return html`<section class=${'card' + (flush ? ' flush' : '')} id=${id}>
		${(title || tools) && html`<header>${title && html`<h2>${title}</h2>`}<span class="spacer" />${tools}</header>`}
		<div class="body">${children}</div>
	</section>`;
}

/** A section that opens and closes; what the user chose is remembered. @param {{name: string, title: any, open?: boolean, children?: any}} props */
export function Fold({ name, title, open = false, children }) {
	const [shown, setShown] = useKept('open.' + name, open);
	return html`<details class="card" open=${shown} onToggle=${(e) => setShown(e.currentTarget.open)}>
		<summary><${Icon} name="right" />${title}</summary>
		<div class="body">${shown && children}</div>
	</details>`;
}

/** @param {{kind?: string, title?: any, icon?: string, children?: any}} props */
export function Note({ kind = 'info', title, icon, children }) {
	const sign = icon || (kind === 'good' ? 'check' : kind === 'info' ? 'info' : 'warning');
	return html`<div class=${'note ' + kind} role=${kind === 'bad' ? 'alert' : undefined}>
		<${Icon} name=${sign} /><div>${title && html`<strong>${title}</strong> `}${children}</div>
	</div>`;
}

/** An error as a sentence, with the API's own words behind it. @param {{error: any, retry?: () => void}} props */
export function ErrorNote({ error, retry }) {
	if (!error) return null;
	return html`<${Note} kind="bad">${error.message}
		${error.details && error.details !== error.message && html`<details><summary class="small">Details</summary><code class="name">${error.details}</code></details>`}
		${retry && html` <button class="btn small" onClick=${retry}>Try again</button>`}
	</${Note}>`;
}

/** @param {{title: any, children?: any}} props */
export const Empty = ({ title, children }) => html`<div class="empty"><strong>${title}</strong>${children && html`<p>${children}</p>`}</div>`;

/** What a page shows until its data are there: nothing for a moment, then a word; or the error. @param {{live: any}} props */
export function Waiting({ live }) {
	const [late, setLate] = useState(false);
	useEffect(() => {
		const timer = setTimeout(() => setLate(true), 400);
		return () => clearTimeout(timer);
	}, []);
	if (live.error) return html`<${ErrorNote} error=${live.error} retry=${live.reload} />`;
	return html`<p class="muted" role="status">${late ? 'Waiting for the broker' : ''}</p>`;
}

/** Terms and what they are; rows without a value are left out. @param {{rows: any[]}} props */
export const Facts = ({ rows }) => html`<dl class="kv">${rows.filter((r) => r && r[1] !== undefined && r[1] !== null && r[1] !== '')
	.map(([term, what]) => html`<dt key=${term}>${term}</dt><dd key=${term + '='}>${what}</dd>`)}</dl>`;

/** @param {{kind?: string, title?: string, children?: any}} props */
export const Badge = ({ kind = '', title, children }) => html`<span class=${'badge ' + kind} title=${title}>${children}</span>`;

/** A name that leads to its page. @param {{parts: string[], query?: any, children?: any, clip?: boolean}} props */
export const NameLink = ({ parts, query, children, clip = true }) =>
	html`<a class=${'name' + (clip ? ' clip' : '')} href=${href(parts, query)} title=${typeof children === 'string' ? children : undefined} dir="auto">${children}</a>`;

/** @param {{tabs: {id: string, text: any}[], now: string, link: (id: string) => string, label: string}} props */
export function Tabs({ tabs, now, link, label }) {
	const bar = useRef(/** @type {HTMLElement | null} */ (null));
	useLayoutEffect(() => { // where the bar is wider than the screen, the current tab is in sight
		const at = bar.current?.querySelector('[aria-current]')?.getBoundingClientRect();
		const box = bar.current?.getBoundingClientRect();
		if (bar.current && at && box && (at.left < box.left || at.right > box.right)) bar.current.scrollLeft += at.left - box.left - (box.width - at.width) / 2;
	}, [now]);
	return html`<nav class="tabs" aria-label=${label} ref=${bar}>
		${tabs.map((tab) => html`<a key=${tab.id} href=${link(tab.id)} aria-current=${tab.id === now ? 'page' : undefined}>${tab.text}</a>`)}
	</nav>`;
}

/** One number with its name. @param {{value: any, what: any, to?: string, kind?: string}} props */
export const Tile = ({ value, what, to, kind = '' }) => (to
	? html`<a class="card tile" href=${to}><span class=${'value ' + kind}>${value}</span><span class="what">${what}</span></a>`
	: html`<div class="card tile"><span class=${'value ' + kind}>${value}</span><span class="what">${what}</span></div>`);

/** How much of a limit is used. @param {{label: any, used: any, limit: any, show?: (n: any) => string, low?: boolean, note?: string}} props */
export function Gauge({ label, used, limit, show = f.number, low = false, note }) {
	const part = f.percent(used, limit);
	const level = low ? (used < limit ? 'bad' : '') : part >= 90 ? 'bad' : part >= 70 ? 'warn' : '';
	const limited = limit > 0;
	const bar = useRef(/** @type {any} */ (null));
	useEffect(() => { bar.current.style.width = part + '%'; }, [part]);
	return html`<div class="gauge">
		<div class="row between"><span>${label}</span><span class="num">${show(used)} <span class="muted">${!limited ? 'no limit' : `${low ? 'low mark' : 'of'} ${show(limit)}`}</span></span></div>
		<div class="track" role="meter" aria-label=${typeof label === 'string' ? label : undefined} aria-valuenow=${Math.round(part)} aria-valuemin="0" aria-valuemax="100" aria-valuetext=${`${show(used)} of ${show(limit)}`}><div ref=${bar} class=${'fill ' + level} /></div>
		${note && html`<span class="small muted">${note}</span>`}
	</div>`;
}

/** @param {{value: any, options: {value: any, text: any}[], label: string, onChange: (value: any) => void}} props */
export const Segmented = ({ value, options, label, onChange }) => html`<div class="segmented" role="group" aria-label=${label}>
	${options.map((o) => html`<button key=${o.value} type="button" aria-pressed=${String(o.value === value)} onClick=${() => onChange(o.value)}>${o.text}</button>`)}
</div>`;

/** A button that opens a small box; Escape and a click elsewhere close it. @param {{label: any, title?: string, className?: string, left?: boolean, children?: any}} props */
export function Menu({ label, title, className = 'btn', left, children }) {
	const [open, setOpen] = useState(false);
	const box = useRef(/** @type {HTMLElement | null} */ (null));
	const id = useId();
	useEffect(() => {
		if (!open) return undefined;
		const close = (e) => {
			if (e.type === 'keydown' ? e.key === 'Escape' : !box.current?.contains(e.target)) {
				setOpen(false);
				if (e.type === 'keydown') { e.stopPropagation(); /** @type {any} */ (box.current?.firstElementChild)?.focus(); }
			}
		};
		document.addEventListener('pointerdown', close);
		document.addEventListener('keydown', close, true);
		return () => { document.removeEventListener('pointerdown', close); document.removeEventListener('keydown', close, true); };
	}, [open]);
	return html`<div class="menu" ref=${box}>
		<button type="button" class=${className} aria-expanded=${String(open)} aria-controls=${id} aria-label=${title} title=${title} onClick=${() => setOpen(!open)}>${label}</button>
		${open && html`<div class=${'pop' + (left ? ' left' : '')} id=${id} onClick=${(e) => { if (e.target.closest('.item')) setOpen(false); }}>${children}</div>`}
	</div>`;
}

/** Text that a click copies. @param {{text: string, label?: string}} props */
export function Copy({ text, label = 'Copy' }) {
	const [done, setDone] = useState(false);
	const copy = async () => {
		try {
			await navigator.clipboard.writeText(text);
		} catch {
			const area = document.createElement('textarea');
			area.value = text;
			document.body.append(area);
			area.select();
			document.execCommand('copy');
			area.remove();
		}
		setDone(true);
		setTimeout(() => setDone(false), 1500);
	};
	return html`<button type="button" class="btn small" onClick=${copy}><${Icon} name=${done ? 'check' : 'copy'} size=${13} />${done ? 'Copied' : label}</button>`;
}
