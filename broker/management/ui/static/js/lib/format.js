// Values as people read them. Nothing here touches the page, so Node's test runner can run it.

const grouped = new Intl.NumberFormat('en-GB');

/** 1234567 as "1,234,567". @param {any} n */
export function number(n) {
	if (typeof n !== 'number' || !Number.isFinite(n)) return '–';
	return grouped.format(n);
}

/** A rate per second. @param {any} n */
export function rate(n) {
	if (typeof n !== 'number' || !Number.isFinite(n)) return '–';
	if (Math.abs(n) >= 100) return grouped.format(Math.round(n)) + '/s';
	return n.toFixed(n === 0 ? 0 : n < 10 ? 2 : 1) + '/s';
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** 1536 as "1.5 KiB". @param {any} n */
export function bytes(n) {
	if (typeof n !== 'number' || !Number.isFinite(n)) return '–';
	let unit = 0;
	while (Math.abs(n) >= 1024 && unit < UNITS.length - 1) {
		n /= 1024;
		unit++;
	}
	return (unit === 0 ? String(n) : n.toFixed(n < 10 ? 1 : 0)) + ' ' + UNITS[unit];
}

/** @param {any} n */
export const byteRate = (n) => (typeof n === 'number' ? bytes(Math.round(n)) + '/s' : '–');

/** A span of milliseconds: "850 ms", "3.2 s", "4 min 5 s", "3 h 20 min", "2 d 4 h". @param {any} ms */
export function duration(ms) {
	if (typeof ms !== 'number' || !Number.isFinite(ms)) return '–';
	if (ms < 0) return '-' + duration(-ms);
	if (ms < 1000) return Math.round(ms) + ' ms';
	const s = ms / 1000;
	if (s < 10) return trim(s.toFixed(1)) + ' s';
	if (s < 60) return Math.floor(s) + ' s';
	if (s < 3600) return two(Math.floor(s / 60), 'min', Math.floor(s % 60), 's');
	if (s < 86400) return two(Math.floor(s / 3600), 'h', Math.floor((s % 3600) / 60), 'min');
	return two(Math.floor(s / 86400), 'd', Math.floor((s % 86400) / 3600), 'h');
}

/** @param {string} text */
const trim = (text) => text.replace(/\.0$/, '');
/** @param {number} a @param {string} unitA @param {number} b @param {string} unitB */
const two = (a, unitA, b, unitB) => `${a} ${unitA}` + (b ? ` ${b} ${unitB}` : '');

/** Local time, to the second; with the day unless it is today. @param {any} at ms, or a text that Date takes */
export function time(at) {
	const date = new Date(at);
	if (at === null || at === undefined || at === '' || Number.isNaN(date.getTime())) return '–';
	const clock = date.toLocaleTimeString('en-GB');
	return date.toDateString() === new Date().toDateString() ? clock : `${isoDay(date)} ${clock}`;
}

/** @param {Date} date */
function isoDay(date) {
	const pad = (n) => String(n).padStart(2, '0');
	return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

/** @param {number} n @param {string} one @param {string} [many] */
export const count = (n, one, many = one + 's') => `${number(n)} ${n === 1 ? one : many}`;

/** @param {any} part @param {any} whole */
export const percent = (part, whole) => (whole > 0 ? Math.min(100, (100 * part) / whole) : 0);

/** A value of a table of arguments, on one line. @param {any} value @returns {string} */
export function value(value) {
	if (value === null || value === undefined) return '';
	return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The value at a path like "message_stats.publish_details.rate". @param {any} object @param {string} where */
export function at(object, where) {
	let found = object;
	for (const key of where.split('.')) {
		if (found === null || found === undefined) return undefined;
		found = found[key];
	}
	return found;
}

/** The order of two values of a column: numbers before texts, nothing first. @param {any} a @param {any} b */
export function compare(a, b) {
	if (a === b) return 0;
	if (a === null || a === undefined) return -1;
	if (b === null || b === undefined) return 1;
	if (typeof a === 'number' && typeof b === 'number') return a - b;
	return String(a).localeCompare(String(b), 'en', { numeric: true });
}
