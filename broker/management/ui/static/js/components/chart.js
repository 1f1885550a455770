// Lines over time, drawn by uPlot. All charts of a page share crosshair and zoom; each can be
// read as a table, and its summary is its name for screen readers.
import { html, useEffect, useMemo, useRef, useState } from '../lib/html.js';
import uPlot from '../../vendor/uplot/uplot.mjs';
import { Store, useStore, useKept, theme } from '../lib/store.js';
import { align, summary, RANGES } from '../lib/series.js';
import * as f from '../lib/format.js';
import { Segmented } from './basic.js';

/** The part of the time axis that is shown in all charts; null for all of it. */
const zoom = new Store(/** @type {{min: number, max: number} | null} */ (null));

/** The range of the charts, kept between visits. @returns {[string, (range: string) => void]} */
export function useRange() {
	const [range, set] = useKept('range', '600/5');
	return [RANGES.some((r) => r.value === range) ? range : '600/5', (next) => { zoom.set(null); set(next); }];
}

/** @param {{range: string, onChange: (range: string) => void}} props */
export function RangePicker({ range, onChange }) {
	const zoomed = useStore(zoom);
	return html`<div class="row">${zoomed && html`<button type="button" class="btn small" onClick=${() => zoom.set(null)}>Whole range</button>`}
		<${Segmented} label="Range of the charts" value=${range} options=${RANGES} onChange=${onChange} /></div>`;
}

/** @param {string} token @param {HTMLElement} near */
function color(token, near) {
	const probe = document.createElement('i');
	probe.style.color = `var(${token})`;
	near.append(probe);
	const value = getComputedStyle(probe).color;
	probe.remove();
	return value;
}

/**
 * @param {{title: string, lines: import('../lib/series.js').Line[], show?: (n: any) => string, height?: number}} props
 *   lines must keep their number and order as long as the chart is there
 */
export function Chart({ title, lines, show = f.number }) {
	const [asTable, setAsTable] = useState(false);
	const [off, setOff] = useState(/** @type {string[]} */ ([]));
	// The place of the crosshair in the data: the legend then shows the values of that moment.
	const [at, setAt] = useState(/** @type {number | null} */ (null));
	const data = useMemo(() => align(lines), [lines]);
	const moment = at !== null && data[0][at] !== undefined ? at : -1;
	const text = summary(lines, data, show);
	return html`<div class="card">
		<header><h2>${title}</h2><span class="spacer" />${moment >= 0 && html`<span class="muted small num" aria-hidden="true">${f.time(Number(data[0][moment]) * 1000)}</span>`}<button type="button" class="btn small plain" aria-pressed=${String(asTable)} onClick=${() => setAsTable(!asTable)}>Table<span class="visually-hidden"> of ${title}</span></button></header>
		<div class="chart-box">
			${data[0].length === 0 ? html`<p class="chart none muted">No samples yet</p>` : asTable ? html`<${ChartTable} lines=${lines} data=${data} show=${show} />` : html`<${Plot} lines=${lines} data=${data} show=${show} off=${off} tell=${setAt} label=${`${title}. ${text}`} />`}
			<div class="legend" role="group" aria-label=${`Lines of ${title}`}>${lines.map((line, i) => html`<${LegendItem} key=${line.label} line=${line} value=${moment >= 0 ? data[i + 1][moment] : line.now} show=${show} on=${!off.includes(line.label)}
				toggle=${() => setOff(off.includes(line.label) ? off.filter((l) => l !== line.label) : [...off, line.label])} />`)}</div>
		</div>
	</div>`;
}

function LegendItem({ line, value, show, on, toggle }) {
	const swatch = useRef(/** @type {any} */ (null));
	useEffect(() => { swatch.current.style.setProperty('--swatch', `var(${line.color})`); }, [line.color]);
	return html`<button type="button" aria-pressed=${String(on)} onClick=${toggle}><span ref=${swatch} class="swatch" /><span>${line.label}</span><span class="v">${show(value)}</span></button>`;
}

function Plot({ lines, data, show, off, tell, label }) {
	const box = useRef(/** @type {HTMLElement | null} */ (null));
	const plot = useRef(/** @type {any} */ (null));
	const shown = useStore(theme);
	const zoomed = useStore(zoom);

	useEffect(() => {
		const el = /** @type {HTMLElement} */ (box.current);
		plot.current = new uPlot(options(el, lines, show, tell), data, el);
		const sized = new ResizeObserver(() => plot.current?.setSize({ width: el.clientWidth, height: el.clientHeight }));
		sized.observe(el);
		return () => { sized.disconnect(); plot.current.destroy(); plot.current = null; };
	}, [shown, lines.length]);

	useEffect(() => {
		const u = plot.current;
		u.setData(data, false);
		const times = data[0];
		if (times.length > 0) u.setScale('x', zoomed || { min: times[0], max: times[times.length - 1] });
	}, [data, zoomed, shown]);

	useEffect(() => {
		lines.forEach((line, i) => plot.current.setSeries(i + 1, { show: !off.includes(line.label) }));
	}, [off, shown]);

	return html`<div ref=${box} class="chart" role="img" aria-label=${label} />`;
}

/** @param {HTMLElement} el @param {any[]} lines @param {(n: any) => string} show @param {(at: number | null) => void} tell */
function options(el, lines, show, tell) {
	const ink = color('--text-2', el);
	const grid = { stroke: color('--line', el), width: 1 };
	const font = '11px ' + getComputedStyle(el).fontFamily;
	const short = (n) => (n === null ? '' : show(n).replace(/\.0+(?=\/s)|\/s$/g, ''));
	return {
		width: el.clientWidth || 300,
		height: el.clientHeight || 180,
		padding: [8, 22, 0, 0],
		legend: { show: false },
		cursor: {
			sync: { key: 'charts', setSeries: false }, y: false, points: { size: 7 },
			drag: { x: true, y: false, setScale: false },
			bind: { dblclick: () => () => { zoom.set(null); } },
		},
		hooks: {
			setSelect: [(u) => {
				if (u.select.width < 4) return;
				zoom.set({ min: u.posToVal(u.select.left, 'x'), max: u.posToVal(u.select.left + u.select.width, 'x') });
				u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
			}],
			setCursor: [(u) => tell(u.cursor.idx ?? null)],
		},
		scales: { x: { time: true }, y: { range: (_, min, max) => [Math.min(0, min ?? 0), max > 0 ? max * 1.08 : 1] } },
		axes: [
			{ stroke: ink, font, grid: { show: false }, ticks: { show: false }, size: 24, gap: 6, space: 70, values: (u, ticks) => clock(ticks) },
			{ stroke: ink, font, grid, ticks: { show: false }, gap: 4, space: 34, size: (u, values) => Math.max(34, 12 + 6.4 * Math.max(0, ...(values || []).map((v) => String(v).length))), values: (u, ticks) => ticks.map(short) },
		],
		series: [{}, ...lines.map((line) => ({ label: line.label, stroke: color(line.color, el), width: 1.75, dash: line.dash ? [5, 4] : undefined, spanGaps: false, points: { show: false } }))],
	};
}

/** @param {number[]} ticks seconds */
function clock(ticks) {
	const seconds = ticks.length > 1 && ticks[1] - ticks[0] < 60;
	return ticks.map((t) => new Date(t * 1000).toLocaleTimeString('en-GB').slice(0, seconds ? 8 : 5));
}

function ChartTable({ lines, data, show }) {
	const rows = data[0].map((t, i) => ({ t, i })).reverse();
	return html`<div class="chart-table" tabindex="0" role="region" aria-label="Values"><table class="data"><thead><tr><th scope="col">Time</th>${lines.map((l) => html`<th class="n" scope="col" key=${l.label}>${l.label}</th>`)}</tr></thead>
		<tbody>${rows.map(({ t, i }) => html`<tr key=${t}><td class="num">${f.time(t * 1000)}</td>${lines.map((l, n) => html`<td class="n" key=${l.label}>${show(data[n + 1][i])}</td>`)}</tr>`)}</tbody></table></div>`;
}

/** A line as small as a table's cell, of what the page itself has seen. @param {{values: number[], label: string}} props */
export function Spark({ values, label }) {
	const top = Math.max(1e-9, ...values);
	const points = values.map((v, i) => `${(i * 72) / Math.max(1, values.length - 1)},${(19 - (17 * v) / top).toFixed(1)}`).join(' ');
	return html`<svg class="spark" viewBox="0 0 72 20" preserveAspectRatio="none" role="img" aria-label=${label}><polyline points=${points} fill="none" stroke="currentColor" stroke-width="1.5" vector-effect="non-scaling-stroke" /></svg>`;
}

/**
 * The last sixty values of each item, by key; forgotten with the page.
 * @param {any[] | undefined} items
 * @param {(item: any) => string} key
 * @param {(item: any) => number} value
 * @returns {Map<string, number[]>}
 */
export function useHistory(items, key, value) {
	const last = useRef(/** @type {any} */ (null));
	const [seen, setSeen] = useState(/** @type {Map<string, number[]>} */ (new Map()));
	useEffect(() => {
		if (!items || items.length === last.current?.length && items.every((item, i) => item === last.current[i])) return;
		last.current = items;
		setSeen((old) => new Map(items.map((item) => [key(item), [...(old.get(key(item)) || []), value(item) || 0].slice(-60)])));
	});
	return seen;
}
