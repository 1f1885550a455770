// The icons: strokes on a 16 x 16 grid, drawn for this page.
import { html } from '../lib/html.js';

/** @type {Record<string, string>} */
const SHAPES = {
	overview: 'M2 13V8M6 13V3M10 13V6M14 13v-3',
	connections: 'M6 10l4-4M5 8L3.5 9.5a2.5 2.5 0 003.5 3.5L8.5 11.5M7.5 4.5L9 3a2.5 2.5 0 013.5 3.5L11 8',
	channels: 'M2 5h9l-2-2M14 11H5l2 2',
	consumers: 'M3 3h10v6H3zM6 13h4M8 9v4',
	exchanges: 'M2 8h4l3-4h5M6 8l3 4h5',
	queues: 'M2 4h12M2 8h12M2 12h8',
	publish: 'M14 2L2 7l5 2 2 5zM14 2L7 9',
	topology: 'M5 4a2 2 0 11-4 0 2 2 0 014 0zM15 3.5a2 2 0 11-4 0 2 2 0 014 0zM15 12.5a2 2 0 11-4 0 2 2 0 014 0zM5 4h6M4.5 5.5L11 12',
	dead: 'M3 5h10v8H3zM2 3h12M6 8l4 3M10 8l-4 3',
	delayed: 'M8 14A6 6 0 108 2a6 6 0 000 12zM8 5v3l2 2',
	trace: 'M2 12c3 0 3-8 6-8s3 8 6 8',
	policies: 'M3 2h7l3 3v9H3zM6 8h4M6 11h4',
	vhosts: 'M2 3h12v4H2zM2 9h12v4H2zM4.5 5h.01M4.5 11h.01',
	users: 'M8 8a3 3 0 100-6 3 3 0 000 6zM2.5 14c.5-3 2.5-4 5.5-4s5 1 5.5 4',
	shovels: 'M2 3v10M14 3v10M4 8h8M9 5l3 3-3 3',
	limits: 'M2 12a6 6 0 0112 0M8 12l3-4',
	definitions: 'M8 2v8M5 7l3 3 3-3M2 12v2h12v-2',
	flags: 'M3 14V2h9l-2 3 2 3H3',
	node: 'M3 3h10v10H3zM6 6h4v4H6zM6 1v2M10 1v2M6 13v2M10 13v2M1 6h2M1 10h2M13 6h2M13 10h2',
	events: 'M3 3h.01M6 3h8M3 8h.01M6 8h8M3 13h.01M6 13h8',
	api: 'M5 4L1 8l4 4M11 4l4 4-4 4M9 3L7 13',
	health: 'M1 8h3l2-5 3 10 2-5h4',
	search: 'M7 12A5 5 0 107 2a5 5 0 000 10zM14 14l-3.5-3.5',
	menu: 'M2 4h12M2 8h12M2 12h12',
	close: 'M3 3l10 10M13 3L3 13',
	pause: 'M5 3v10M11 3v10',
	play: 'M4 2.5l9 5.5-9 5.5z',
	refresh: 'M13.5 6A6 6 0 102 9M14 2v4h-4',
	sun: 'M8 11a3 3 0 100-6 3 3 0 000 6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
	moon: 'M13.5 9.5A6 6 0 016.5 2.5a6 6 0 107 7z',
	down: 'M4 6l4 4 4-4',
	up: 'M4 10l4-4 4 4',
	right: 'M6 4l4 4-4 4',
	left: 'M10 4L6 8l4 4',
	plus: 'M8 3v10M3 8h10',
	trash: 'M2 4h12M6 4V2h4v2M4 4l1 10h6l1-10',
	columns: 'M2 3h12v10H2zM6.5 3v10M10.5 3v10',
	copy: 'M5 5h9v9H5zM11 5V2H2v9h3',
	info: 'M8 14A6 6 0 108 2a6 6 0 000 12zM8 7v4M8 5h.01',
	warning: 'M8 2l6.5 12h-13zM8 6.5v3.5M8 12h.01',
	check: 'M3 8.5L6.5 12 13 4',
	lock: 'M3 7h10v7H3zM5 7V5a3 3 0 016 0v2',
	save: 'M8 2v8M5 7l3 3 3-3M2 12v2h12v-2',
	move: 'M2 8h11M9 4l4 4-4 4',
	retry: 'M2.5 6A6 6 0 1114 9M2 2v4h4',
};

/** @param {{name: string, size?: number}} props */
export function Icon({ name, size = 16 }) {
	return html`<svg width=${size} height=${size} viewBox="0 0 16 16" fill="none" stroke="currentColor"
		stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${SHAPES[name] || ''} /></svg>`;
}

/** The mark of the product: the joint that it is named after. */
export function Mark() {
	return html`<svg viewBox="0 0 24 24" aria-hidden="true"><path fill="var(--accent-fill)" d="M3 3h18v7h-9v5H3z" /><path fill="var(--c8)" d="M14 12h7v9H3v-4h11z" /></svg>`;
}
