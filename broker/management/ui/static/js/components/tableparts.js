// What stands around the rows of a table.
import { html, useState, useEffect } from '../lib/html.js';
import * as f from '../lib/format.js';
import { Icon } from './icon.js';
import { Menu } from './basic.js';

/** @param {{label: string, state: Record<string, string>, change: (part: any) => void}} props */
export function FilterBox({ label, state, change }) {
	const [text, setText] = useState(state.name || '');
	useEffect(() => { setText(state.name || ''); }, [state.name]);
	useEffect(() => {
		if (text === (state.name || '')) return undefined;
		const timer = setTimeout(() => change({ name: text, page: '' }), 250);
		return () => clearTimeout(timer);
	}, [text]);
	const regex = state.use_regex === 'true';
	return html`<input type="search" class="filter" data-filter placeholder=${`Filter ${label} by name`} aria-label=${`Filter ${label} by name`} autocomplete="off" spellcheck="false"
			value=${text} onInput=${(e) => setText(e.target.value)} />
		<button type="button" class="btn" aria-pressed=${String(regex)} title="The filter is a regular expression" onClick=${() => change({ use_regex: regex ? '' : 'true', page: '' })}>.*<span class="visually-hidden"> regular expression</span></button>`;
}

/** @param {{column: any, state: Record<string, string>, change: (part: any) => void}} props */
export function SortHead({ column, state, change }) {
	const classes = [column.number && 'n', column.wide && 'wide', column.wider && 'wider', column.key && 'key'].filter(Boolean).join(' ');
	if (!column.sort) return html`<th scope="col" class=${classes}>${column.title}</th>`;
	const on = state.sort === column.sort;
	const down = state.sort_reverse === 'true';
	// Numbers start with the largest; a third click gives the broker's own order.
	const next = () => {
		if (!on) change({ sort: column.sort, sort_reverse: column.number ? 'true' : '', page: '' });
		else if (down === Boolean(column.number)) change({ sort: column.sort, sort_reverse: down ? '' : 'true', page: '' });
		else change({ sort: '', sort_reverse: '', page: '' });
	};
	return html`<th scope="col" class=${classes} aria-sort=${on ? (down ? 'descending' : 'ascending') : undefined}>
		<button type="button" onClick=${next}>${column.title}${on && html`<${Icon} name=${down ? 'down' : 'up'} size=${12} />`}</button></th>`;
}

/** @param {{columns: any[], shown: any[], choose: (ids: string[] | null) => void}} props */
export function ColumnChooser({ columns, shown, choose }) {
	const ids = shown.map((c) => c.id);
	const toggle = (id) => choose(ids.includes(id) ? ids.filter((i) => i !== id) : [...ids, id]);
	return html`<${Menu} label=${html`<${Icon} name="columns" />`} title="Columns" className="btn icon">
		<div class="title">Columns</div>
		${columns.filter((c) => !c.key).map((c) => html`<label key=${c.id} class="check"><input type="checkbox" checked=${ids.includes(c.id)} onChange=${() => toggle(c.id)} />${c.title}</label>`)}
		<hr /><button type="button" class="item" onClick=${() => choose(null)}>As it was</button>
	</${Menu}>`;
}

/** @param {{page: any, change: (part: any) => void}} props */
export function Pager({ page, change }) {
	const { page: now, page_count: pages, page_size: size, filtered_count: found } = page;
	const first = found === 0 ? 0 : (now - 1) * size + 1;
	const to = (n) => change({ page: n > 1 ? n : '' });
	return html`<div class="pager">
		<span class="num">${f.number(first)}–${f.number(Math.min(found, now * size))} of ${f.number(found)}</span>
		<span class="spacer" />
		<label class="row tight">per page <select class="inline" value=${String(size)} onChange=${(e) => change({ page_size: e.target.value === '100' ? '' : e.target.value, page: '' })}>
			${[25, 50, 100, 250, 500].map((n) => html`<option key=${n} value=${String(n)}>${n}</option>`)}
		</select></label>
		${pages > 1 && html`<button class="btn small" disabled=${now <= 1} onClick=${() => to(now - 1)}><${Icon} name="left" size=${12} />Back</button>
		<span class="num">page ${f.number(now)} of ${f.number(pages)}</span>
		<button class="btn small" disabled=${now >= pages} onClick=${() => to(now + 1)}>Next<${Icon} name="right" size=${12} /></button>`}
	</div>`;
}
