// The list of every page: paged, sorted and filtered by the broker where it can be, else here.
// The address holds the state, so a link shows the same list.
import { html, useState, useEffect, useMemo, useRef } from '../lib/html.js';
import { useLive } from '../lib/live.js';
import { query, vhostFilter } from '../lib/api.js';
import { vhostCount } from '../lib/broker.js';
import { useRoute, setQuery } from '../lib/router.js';
import { useKept, useStore } from '../lib/store.js';
import * as f from '../lib/format.js';
import { ErrorNote, Empty, Waiting } from './basic.js';
import { ColumnChooser, FilterBox, Pager, SortHead } from './tableparts.js';

/**
 * @typedef {object} Column
 * @property {string} id
 * @property {string} title
 * @property {(item: any) => any} cell
 * @property {string} [sort] the field to sort by
 * @property {boolean} [number]
 * @property {boolean} [hidden] not shown until chosen
 * @property {boolean} [wide] left out on narrow screens
 * @property {boolean} [wider] left out where the screen is not wide
 * @property {boolean} [key] names the object
 * @property {string[]} [fields] what the cell needs of the API
 */

/**
 * @typedef {object} TableProps
 * @property {string} name under which choices are kept
 * @property {string} label what the list is of: "queues"
 * @property {string} [path] below /api
 * @property {any[]} [items] the list itself, in place of a path
 * @property {Record<string, any>} [params] more for the query
 * @property {Column[]} columns
 * @property {string[]} [fields] what is needed of each item besides the columns' fields
 * @property {(item: any) => string} id
 * @property {(item: any) => string} [link] where Enter leads
 * @property {(items: any[], clear: () => void) => any} [bulk] buttons for the chosen items
 * @property {any} [tools] beside the filter
 * @property {any} [empty] what to say when there is nothing
 * @property {string} [defaultSort]
 * @property {boolean} [bare] no filter, for short lists within a page
 */

/** @param {TableProps} props */
export function Table(props) {
	const { name, columns, bare } = props;
	const { query: q } = useRoute();
	const local = useState(/** @type {Record<string, string>} */ ({}));
	// A list within a page keeps its state to itself; the page's own list keeps it in the address.
	const state = bare ? local[0] : q;
	const change = bare ? (part) => local[1]({ ...local[0], ...part }) : setQuery;
	const oneVhost = useStore(vhostFilter) !== '' || useStore(vhostCount) === 1;
	const [chosen, setChosen] = useKept('columns.' + name, null);
	const shown = useMemo(() => {
		const ids = state.columns ? state.columns.split(',') : chosen;
		return columns.filter((c) => c.key || (ids ? ids.includes(c.id) : !c.hidden && !(c.id === 'vhost' && oneVhost)));
	}, [columns, chosen, state.columns, oneVhost]);
	const source = useSource(props, state, shown);
	const choose = (ids) => { setChosen(ids); change({ columns: ids ? ids.join(',') : '' }); };
	return html`
		${!bare && html`<div class="table-tools">
			<${FilterBox} label=${props.label} state=${state} change=${change} />
			<span class="muted small num" role="status">${source.page && counted(source.page, props.label)}</span>
			<span class="spacer" />${props.tools}
			<${ColumnChooser} columns=${columns} shown=${shown} choose=${choose} />
		</div>`}
		${source.error && html`<div class="table-tools"><${ErrorNote} error=${source.error} retry=${source.reload} /></div>`}
		${source.page ? html`<${Rows} ...${props} shown=${shown} page=${source.page} state=${state} change=${change} reload=${source.reload} />`
			: !source.error && html`<div class="table-tools"><${Waiting} live=${source} /></div>`}`;
}

/** @param {any} page @param {string} label */
function counted(page, label) {
	const all = f.number(page.total_count);
	const word = page.total_count === 1 ? label.replace(/ies$/, 'y').replace(/s$/, '') : label;
	return page.filtered_count === page.total_count ? `${all} ${word}` : `${f.number(page.filtered_count)} of ${all} ${word}`;
}

/** The page of the list to show. @param {TableProps} props @param {Record<string, string>} state @param {Column[]} shown */
function useSource(props, state, shown) {
	const sort = state.sort || props.defaultSort || '';
	const reverse = state.sort ? state.sort_reverse === 'true' : false;
	const size = Number(state.page_size) || 100;
	const where = props.path === undefined ? null : props.path + query({
		page: Math.max(1, Number(state.page) || 1), page_size: Math.min(500, size), pagination: true,
		name: state.name || undefined, use_regex: state.use_regex === 'true' || undefined,
		sort: sort || undefined, sort_reverse: reverse || undefined,
		columns: props.fields ? [...new Set([...props.fields, ...shown.flatMap((c) => c.fields || (c.sort ? [c.sort] : []))])].join(',') : undefined,
		...props.params,
	});
	const live = useLive(where, { keep: true });
	// A page that is no longer there: the last one is.
	const gone = live.error?.status === 400 && /out of range|page_out/i.test(live.error.message + live.error.details);
	useEffect(() => { if (gone && Number(state.page) > 1) setQuery({ page: '' }); }, [gone]);
	const data = props.items ?? live.data;
	const page = useMemo(() => {
		if (!data) return null;
		if (!Array.isArray(data)) return data;
		return pageHere(data, { state, sort, reverse, size, number: Math.max(1, Number(state.page) || 1) });
	}, [data, state.name, state.use_regex, state.page, sort, reverse, size]);
	return { page, error: live.error, reload: live.reload };
}

/** Filters, sorts and cuts a whole list. @param {any[]} all @param {any} o */
export function pageHere(all, { state, sort, reverse, size, number }) {
	let items = all;
	if (state.name) {
		const matches = matcher(state.name, state.use_regex === 'true');
		items = items.filter((item) => matches(item.name ?? item.consumer_tag ?? item.user ?? f.value(item)));
	}
	if (sort) items = [...items].sort((a, b) => (reverse ? -1 : 1) * f.compare(f.at(a, sort), f.at(b, sort)));
	const page = Math.min(number, Math.max(1, Math.ceil(items.length / size)));
	return {
		items: items.slice((page - 1) * size, page * size), page, page_size: size, page_count: Math.ceil(items.length / size),
		filtered_count: items.length, total_count: all.length,
	};
}

/** @param {string} text @param {boolean} regex @returns {(name: string) => boolean} */
function matcher(text, regex) {
	if (regex) {
		try {
			const pattern = new RegExp(text, 'i');
			return (name) => pattern.test(name);
		} catch {
			return () => false;
		}
	}
	const low = text.toLowerCase();
	return (name) => String(name).toLowerCase().includes(low);
}

function Rows({ id, link, bulk, shown, page, state, change, label, empty, reload, bare }) {
	const [picked, setPicked] = useState(/** @type {Map<string, any>} */ (new Map()));
	const body = useRef(/** @type {HTMLElement | null} */ (null));
	const pick = (item, on) => {
		const next = new Map(picked);
		if (on) next.set(id(item), item);
		else next.delete(id(item));
		setPicked(next);
	};
	const all = page.items.length > 0 && page.items.every((item) => picked.has(id(item)));
	const pickAll = () => setPicked(all ? new Map() : new Map(page.items.map((item) => [id(item), item])));
	const onKey = (e) => rowKey(e, body.current);
	if (page.items.length === 0) return empty && !state.name ? empty : html`<${Empty} title=${state.name ? `No ${label} match “${state.name}”` : `No ${label}`} />`;
	return html`<div class="scroll"><table class="data">
		<thead><tr>
			${bulk && html`<th class="pick" scope="col"><input type="checkbox" aria-label="Choose all on this page" checked=${all} onChange=${pickAll} /></th>`}
			${shown.map((c) => html`<${SortHead} key=${c.id} column=${c} state=${state} change=${change} />`)}
		</tr></thead>
		<tbody ref=${body} onKeyDown=${onKey}>
			${page.items.map((item) => html`<${Row} key=${id(item)} item=${item} shown=${shown} bulk=${bulk} on=${picked.has(id(item))} pick=${pick} link=${link} />`)}
		</tbody>
	</table></div>
	${bulk && picked.size > 0 && html`<div class="bulk-bar" role="region" aria-label="Chosen">
		<strong class="num">${f.number(picked.size)} chosen</strong>
		<span class="spacer" />${bulk([...picked.values()], () => { setPicked(new Map()); reload(); })}
		<button class="btn plain" onClick=${() => setPicked(new Map())}>Clear</button>
	</div>`}
	${(!bare || page.page_count > 1) && html`<${Pager} page=${page} change=${change} />`}`;
}

function Row({ item, shown, bulk, on, pick, link }) {
	return html`<tr class=${on ? 'on' : ''} tabindex=${link ? -1 : undefined} data-row data-link=${link?.(item)}>
		${bulk && html`<td class="pick"><input type="checkbox" aria-label="Choose this row" checked=${on} onChange=${(e) => pick(item, e.target.checked)} /></td>`}
		${shown.map((c) => html`<td key=${c.id} class=${[c.number && 'n', c.wide && 'wide', c.wider && 'wider', c.key && 'key'].filter(Boolean).join(' ')}>${c.cell(item)}</td>`)}
	</tr>`;
}

/** j and k move between rows, x chooses, Enter opens. @param {KeyboardEvent} e @param {HTMLElement | null} body */
export function rowKey(e, body) {
	const row = /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (e.target).closest('tr[data-row]'));
	if (!row || !body || e.ctrlKey || e.metaKey || e.altKey) return;
	if (e.key === 'Enter' && e.target === row && row.dataset.link) location.hash = row.dataset.link;
}

/** Moves the focus by one row, from wherever it is. @param {number} step */
export function moveRow(step) {
	const rows = /** @type {HTMLElement[]} */ ([...document.querySelectorAll('main tr[data-row]')]);
	const now = rows.findIndex((row) => row.contains(document.activeElement));
	const next = rows[now < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, now + step))];
	if (!next) return;
	if (!next.hasAttribute('tabindex')) next.tabIndex = -1;
	next.focus();
	next.scrollIntoView({ block: 'nearest' });
}

/** Chooses the row with the focus. */
export function chooseRow() {
	const box = document.activeElement?.closest('tr[data-row]')?.querySelector('td.pick input');
	/** @type {HTMLElement | undefined} */ (box)?.click();
}
