// What is known of queues and policies: features, states, presets, what each type refuses.
// Nothing here touches the page.
import * as f from './format.js';

/** Features as RabbitMQ's page abbreviates them: [badge, what it means]. @param {any} q @returns {[string, string, string?][]} */
export function features(q) {
	const args = q.arguments || {};
	/** @type {[string, string, string?][]} */
	const out = [];
	if (q.durable) out.push(['D', 'durable']);
	if (q.auto_delete) out.push(['AD', 'auto-delete']);
	if (q.exclusive) out.push(['Excl', 'exclusive to its connection']);
	for (const [badge, key] of ARGUMENT_BADGES) {
		if (args[key] !== undefined && args[key] !== false) out.push([badge, `${key}: ${f.value(args[key])}`]);
	}
	const unknown = Object.keys(args).filter((key) => key !== 'x-queue-type' && !ARGUMENT_BADGES.some(([, k]) => k === key));
	if (unknown.length > 0) out.push(['Args', unknown.map((key) => `${key}: ${f.value(args[key])}`).join('\n')]);
	return out;
}

const ARGUMENT_BADGES = [
	['TTL', 'x-message-ttl'], ['Exp', 'x-expires'], ['Lim', 'x-max-length'], ['Lim B', 'x-max-length-bytes'], ['Ovfl', 'x-overflow'],
	['DLX', 'x-dead-letter-exchange'], ['DLK', 'x-dead-letter-routing-key'], ['DLS', 'x-dead-letter-strategy'], ['Pri', 'x-max-priority'],
	['SAC', 'x-single-active-consumer'], ['Lazy', 'x-queue-mode'], ['Ver', 'x-queue-version'], ['DL', 'x-delivery-limit'], ['Loc', 'x-queue-leader-locator'],
	['Mem', 'x-max-in-memory-length'], ['Age', 'x-max-age'], ['Grp', 'x-quorum-initial-group-size'], ['Seg', 'x-stream-max-segment-size-bytes'],
];

/** @param {string} state @returns {string} the kind of badge */
export const stateKind = (state) => (state === 'running' || state === 'live' ? 'good' : state === 'idle' ? '' : state === 'flow' ? 'warn' : state ? 'bad' : '');

/** Presets of arguments, in the groups of RabbitMQ's page. */
export const PRESETS = [
	{ title: 'Limits', items: [
		{ text: 'Auto expire', key: 'x-expires', type: 'number', help: 'The queue is deleted when nobody has used it for this many milliseconds.' },
		{ text: 'Message TTL', key: 'x-message-ttl', type: 'number', help: 'Messages live this many milliseconds.' },
		{ text: 'Max length', key: 'x-max-length', type: 'number', help: 'So many ready messages at most.' },
		{ text: 'Max length bytes', key: 'x-max-length-bytes', type: 'number', help: 'So many bytes of ready messages at most.' },
		{ text: 'Overflow behaviour', key: 'x-overflow', value: 'reject-publish', help: 'drop-head, reject-publish or reject-publish-dlx.' },
		{ text: 'Delivery limit', key: 'x-delivery-limit', type: 'number', value: '20', help: 'After so many deliveries a message is dropped or dead-lettered.' },
		{ text: 'Max age', key: 'x-max-age', value: '7D', help: 'Messages of a stream are kept so long: 7D, 12h, 30m.' },
	] },
	{ title: 'Dead letters', items: [
		{ text: 'Dead letter exchange', key: 'x-dead-letter-exchange', help: 'Where rejected, expired and dropped messages go.' },
		{ text: 'Dead letter routing key', key: 'x-dead-letter-routing-key', help: 'Their routing key, in place of their own.' },
		{ text: 'Dead letter strategy', key: 'x-dead-letter-strategy', value: 'at-least-once', help: 'at-most-once or at-least-once.' },
	] },
	{ title: 'Consumers', items: [
		{ text: 'Single active consumer', key: 'x-single-active-consumer', type: 'boolean', value: 'true', help: 'One consumer at a time; the next takes over when it goes.' },
		{ text: 'Maximum priority', key: 'x-max-priority', type: 'number', value: '10', help: 'Messages have priorities from 0 to this.' },
		{ text: 'Consumer timeout', key: 'x-consumer-timeout', type: 'number', help: 'Milliseconds that a delivery may stay unacked.' },
	] },
	{ title: 'Storage', items: [
		{ text: 'Lazy mode', key: 'x-queue-mode', value: 'lazy', help: 'Messages are kept on disk.' },
		{ text: 'Version', key: 'x-queue-version', type: 'number', value: '2', help: 'Version of the storage of classic queues.' },
		{ text: 'Leader locator', key: 'x-queue-leader-locator', value: 'client-local', help: 'client-local or balanced.' },
		{ text: 'Initial group size', key: 'x-quorum-initial-group-size', type: 'number', help: 'Members of a quorum queue.' },
		{ text: 'Max segment size', key: 'x-stream-max-segment-size-bytes', type: 'number', help: 'Bytes of one segment of a stream.' },
		{ text: 'Filter size', key: 'x-stream-filter-size-bytes', type: 'number', help: 'Bytes of the filter of a stream’s chunk.' },
	] },
];

/** @type {Record<string, string[]>} arguments by the types that take them; all others are for every type */
const ONLY = {
	'x-expires': ['classic', 'quorum'], 'x-message-ttl': ['classic', 'quorum'], 'x-max-length': ['classic', 'quorum'], 'x-overflow': ['classic', 'quorum'],
	'x-dead-letter-exchange': ['classic', 'quorum'], 'x-dead-letter-routing-key': ['classic', 'quorum'], 'x-dead-letter-strategy': ['quorum'],
	'x-single-active-consumer': ['classic', 'quorum'], 'x-max-priority': ['classic'], 'x-consumer-timeout': ['classic', 'quorum'],
	'x-delivery-limit': ['quorum'], 'x-quorum-initial-group-size': ['quorum'], 'x-queue-mode': ['classic'], 'x-queue-version': ['classic'],
	'x-max-age': ['stream'], 'x-stream-max-segment-size-bytes': ['stream'], 'x-stream-filter-size-bytes': ['stream'],
};

/** Why a queue of that type refuses the argument, "" if it does not. @param {string} type @param {string} key */
export function refusedBy(type, key) {
	const types = ONLY[key];
	if (!types || types.includes(type)) return '';
	return `${key} is for ${types.join(' and ')} queues; a ${type === 'stream' ? 'stream' : type + ' queue'} refuses or ignores it.`;
}

/**
 * The effective values of a queue with their origin: its argument or a policy, as RabbitMQ merges them.
 * @param {any} q
 * @param {{policy?: any, operator?: any}} policies the definitions that apply
 * @returns {{key: string, value: any, origin: string, losers: string[]}[]}
 */
export function effective(q, { policy, operator }) {
	/** @type {Map<string, {value: any, origin: string}[]>} */
	const seen = new Map();
	const add = (key, value, origin) => seen.set(key, [...(seen.get(key) || []), { value, origin }]);
	for (const [key, value] of Object.entries(q.arguments || {})) add(key.replace(/^x-/, ''), value, 'argument');
	for (const [key, value] of Object.entries(policy?.definition || {})) add(key, value, `policy ${policy.name}`);
	for (const [key, value] of Object.entries(operator?.definition || {})) add(key, value, `operator policy ${operator.name}`);
	return [...seen].map(([key, all]) => {
		// Of limits the smallest counts, of everything else the argument.
		const smallest = SMALLEST.has(key) && all.every((v) => typeof v.value === 'number');
		const winner = smallest ? all.reduce((a, b) => (b.value < a.value ? b : a)) : all[0];
		return { key, ...winner, losers: all.filter((v) => v !== winner).map((v) => `${v.origin}: ${f.value(v.value)}`) };
	}).sort((a, b) => a.key.localeCompare(b.key));
}

const SMALLEST = new Set(['expires', 'message-ttl', 'max-length', 'max-length-bytes', 'max-in-memory-length', 'max-in-memory-bytes', 'delivery-limit', 'consumer-timeout']);

export const POLICY_PRESETS = [
	{ title: 'Queues', items: [
		{ text: 'Max length', key: 'max-length', type: 'number' }, { text: 'Max length bytes', key: 'max-length-bytes', type: 'number' },
		{ text: 'Overflow', key: 'overflow', value: 'reject-publish', help: 'drop-head, reject-publish or reject-publish-dlx' },
		{ text: 'Auto expire', key: 'expires', type: 'number', help: 'Milliseconds' }, { text: 'Message TTL', key: 'message-ttl', type: 'number', help: 'Milliseconds' },
		{ text: 'Dead letter exchange', key: 'dead-letter-exchange' }, { text: 'Dead letter routing key', key: 'dead-letter-routing-key' },
		{ text: 'Consumer timeout', key: 'consumer-timeout', type: 'number', help: 'Milliseconds' },
	] },
	{ title: 'Classic', items: [{ text: 'Lazy mode', key: 'queue-mode', value: 'lazy' }, { text: 'Version', key: 'queue-version', type: 'number', value: '2' }] },
	{ title: 'Quorum', items: [{ text: 'Delivery limit', key: 'delivery-limit', type: 'number', value: '20' }, { text: 'Dead letter strategy', key: 'dead-letter-strategy', value: 'at-least-once' }] },
	{ title: 'Streams', items: [{ text: 'Max age', key: 'max-age', value: '7D' }, { text: 'Max segment size', key: 'stream-max-segment-size-bytes', type: 'number' }] },
	{ title: 'Exchanges', items: [{ text: 'Alternate exchange', key: 'alternate-exchange' }] },
];

/** What an operator policy may set: limits only. */
export const OPERATOR_PRESETS = [{ title: 'Limits', items: [
	{ text: 'Max length', key: 'max-length', type: 'number' }, { text: 'Max length bytes', key: 'max-length-bytes', type: 'number' },
	{ text: 'Auto expire', key: 'expires', type: 'number', help: 'Milliseconds' }, { text: 'Message TTL', key: 'message-ttl', type: 'number', help: 'Milliseconds' },
	{ text: 'Delivery limit', key: 'delivery-limit', type: 'number' }, { text: 'Overflow', key: 'overflow', value: 'reject-publish' },
] }];

/** @type {[string, string][]} */
export const APPLY_TO = [['all', 'Exchanges and queues'], ['exchanges', 'Exchanges'], ['queues', 'Queues'], ['classic_queues', 'Classic queues'], ['quorum_queues', 'Quorum queues'], ['streams', 'Streams']];
