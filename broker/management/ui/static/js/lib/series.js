// Samples of the API as lines of a chart. Nothing here touches the page.

/** Ranges of the charts: RabbitMQ's own, so the broker has the samples. */
export const RANGES = [
	{ value: '60/5', text: '1 min', words: 'the last minute' },
	{ value: '600/5', text: '10 min', words: 'the last ten minutes' },
	{ value: '3600/60', text: '1 h', words: 'the last hour' },
	{ value: '28800/600', text: '8 h', words: 'the last eight hours' },
	{ value: '86400/1800', text: '1 d', words: 'the last day' },
];

/** The query that asks for samples. @param {string} range @param {string[]} kinds lengths, msg_rates, data_rates, node_stats */
export function samplesQuery(range, kinds) {
	const [age, incr] = range.split('/');
	return Object.fromEntries(kinds.flatMap((kind) => [[kind + '_age', age], [kind + '_incr', incr]]));
}

/**
 * @typedef {object} Line
 * @property {string} label
 * @property {any} details the object x_details with samples
 * @property {string} color a token, like "--c1"
 * @property {boolean} [gauge] the sample is the value, not a counter
 * @property {any} [now] the value to show at present
 * @property {boolean} [dash]
 */

/**
 * The lines over one axis of time: [seconds, values of the first line, ...].
 * @param {Line[]} lines
 * @returns {(number | null)[][]}
 */
export function align(lines) {
	const maps = lines.map((line) => points(line));
	const times = [...new Set(maps.flatMap((map) => [...map.keys()]))].sort((a, b) => a - b);
	return [times.map((t) => t / 1000), ...maps.map((map) => times.map((t) => map.get(t) ?? null))];
}

/** @param {Line} line @returns {Map<number, number>} */
function points({ details, gauge }) {
	const samples = details?.samples || [];
	const map = new Map();
	for (let i = samples.length - 1; i >= 0; i--) {
		const { sample, timestamp } = samples[i];
		if (gauge) {
			map.set(timestamp, sample);
		} else if (i < samples.length - 1) {
			const before = samples[i + 1];
			const seconds = (timestamp - before.timestamp) / 1000;
			// A counter that starts anew (a reset) is no negative rate.
			if (seconds > 0) map.set(timestamp, Math.max(0, sample - before.sample) / seconds);
		}
	}
	return map;
}

/** What a screen reader hears of a chart. @param {Line[]} lines @param {(number | null)[][]} data @param {(n: any) => string} show */
export function summary(lines, data, show) {
	return lines.map((line, i) => {
		const values = /** @type {number[]} */ (data[i + 1].filter((v) => v !== null));
		if (values.length === 0) return `${line.label}: nothing`;
		return `${line.label}: now ${show(values[values.length - 1])}, at most ${show(Math.max(...values))}`;
	}).join('; ');
}

/** The lines of message rates, in the order of RabbitMQ's page. @param {any} stats message_stats @param {string[]} keys */
export function rateLines(stats, keys) {
	return keys.map((key) => ({ label: RATE_NAMES[key][0], color: RATE_NAMES[key][1], details: stats?.[key + '_details'], now: stats?.[key + '_details']?.rate ?? 0 }));
}

/** @type {Record<string, [string, string]>} */
const RATE_NAMES = {
	publish: ['Publish', '--c1'], publish_in: ['Publish (in)', '--c1'], publish_out: ['Publish (out)', '--c2'], confirm: ['Publisher confirm', '--c4'],
	deliver: ['Deliver (manual ack)', '--c2'], deliver_no_ack: ['Deliver (auto ack)', '--c6'], ack: ['Consumer ack', '--c5'],
	redeliver: ['Redelivered', '--c3'], get: ['Get (manual ack)', '--c7'], get_no_ack: ['Get (auto ack)', '--c8'], get_empty: ['Get (empty)', '--line-strong'],
	return_unroutable: ['Unroutable (return)', '--c3'], drop_unroutable: ['Unroutable (drop)', '--c7'], deliver_get: ['Deliver / Get', '--c2'],
};

/** The lines of queued messages. @param {any} o with messages_ready_details and so on */
export function depthLines(o) {
	return [
		{ label: 'Ready', color: '--c1', gauge: true, details: o?.messages_ready_details, now: o?.messages_ready ?? 0 },
		{ label: 'Unacked', color: '--c2', gauge: true, details: o?.messages_unacknowledged_details, now: o?.messages_unacknowledged ?? 0 },
		{ label: 'Total', color: '--c3', gauge: true, dash: true, details: o?.messages_details, now: o?.messages ?? 0 },
	];
}

/** The lines of bytes from and to clients. @param {any} o */
export function octLines(o) {
	return [
		{ label: 'From client', color: '--c4', details: o?.recv_oct_details, now: o?.recv_oct_details?.rate ?? 0 },
		{ label: 'To client', color: '--c2', details: o?.send_oct_details, now: o?.send_oct_details?.rate ?? 0 },
	];
}
