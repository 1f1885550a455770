// A message that is being written: the values of the form, and the API's body for them.
import { argumentsOf, rowsOf } from '../components/form.js';

/** Properties besides headers and delivery mode: [name, type of its row]. @type {[string, string][]} */
export const PROPERTIES = [
	['content_type', 'string'], ['content_encoding', 'string'], ['priority', 'number'], ['correlation_id', 'string'], ['reply_to', 'string'], ['expiration', 'string'],
	['message_id', 'string'], ['timestamp', 'number'], ['type', 'string'], ['user_id', 'string'], ['app_id', 'string'],
];

/** @type {Record<string, string>} */
export const PROPERTY_HELP = {
	expiration: 'Milliseconds until it expires, as text', timestamp: 'Seconds since 1970', user_id: 'Must be the user who is logged in', priority: '0 to 255', reply_to: 'Where an answer is expected',
};

/** @param {string} vhost */
export const emptyDraft = (vhost) => ({ vhost, exchange: '', routing_key: '', delivery_mode: '1', payload: '', encoding: 'string', headers: [], properties: [], repeat: '1', rate: '0' });

/** The form for a message that is there, as the API gives it. @param {any} m */
export function fromMessage(m) {
	const { headers = {}, delivery_mode: mode, ...properties } = m.properties || {};
	// A value of several stays one list: rows of one name would become one.
	return { ...emptyDraft(m.vhost), exchange: m.exchange, routing_key: m.routing_key, delivery_mode: String(mode || 1), payload: m.payload, encoding: m.encoding, headers: rowsOf(headers), properties: rowsOf(properties) };
}

/** The body of POST …/publish. @param {any} values */
export function bodyOf(values) {
	const properties = argumentsOf(values.properties);
	for (const key of Object.keys(properties)) {
		if (!PROPERTIES.some(([name]) => name === key) && key !== 'cluster_id') throw new Error(`There is no property “${key}”. A header of that name is possible.`);
		if (key === 'expiration') properties[key] = String(properties[key]);
	}
	const headers = argumentsOf(values.headers, { several: true });
	if (Object.keys(headers).length > 0) properties.headers = headers;
	properties.delivery_mode = Number(values.delivery_mode);
	return { properties, routing_key: values.routing_key, payload: values.payload, payload_encoding: values.encoding };
}

/** The values for the n-th message, placeholders filled in. @param {any} values @param {number} n */
export function expand(values, n) {
	const fill = (text) => text.replaceAll('{{n}}', String(n)).replaceAll('{{uuid}}', () => uuid()).replaceAll('{{now}}', () => new Date().toISOString());
	const rows = (list) => list.map((row) => ({ ...row, value: fill(row.value) }));
	return { ...values, routing_key: fill(values.routing_key), payload: values.encoding === 'string' ? fill(values.payload) : values.payload, headers: rows(values.headers), properties: rows(values.properties) };
}

/** randomUUID exists on secure origins only; getRandomValues everywhere. */
function uuid() {
	const b = crypto.getRandomValues(new Uint8Array(16));
	b[6] = (b[6] & 15) | 64;
	b[8] = (b[8] & 63) | 128;
	return Array.from(b, (n, i) => ([4, 6, 8, 10].includes(i) ? '-' : '') + n.toString(16).padStart(2, '0')).join('');
}
