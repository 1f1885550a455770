// The address: RabbitMQ's fragments (#/queues/%2F/name), with the state of the page behind "?".
import { Store, useStore } from './store.js';

/**
 * @typedef {object} Route
 * @property {string[]} parts the decoded segments: ["queues", "/", "name"]
 * @property {Record<string, string>} query
 * @property {string} hash
 */

/** @param {string} text */
function decode(text) {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

/**
 * @param {string} hash
 * @returns {Route}
 */
export function parse(hash) {
	const [path, search = ''] = hash.replace(/^#?\/?/, '').split(/\?(.*)/s);
	const parts = path === '' ? [] : path.split('/').map(decode);
	return { parts, query: Object.fromEntries(new URLSearchParams(search)), hash };
}

/**
 * A link to a page of this one. Empty values are left out of the query.
 * @param {string[]} parts
 * @param {Record<string, any>} [query]
 */
export function href(parts, query = {}) {
	const search = new URLSearchParams();
	for (const [key, value] of Object.entries(query)) {
		if (value !== undefined && value !== null && value !== '' && value !== false) search.set(key, String(value));
	}
	const text = search.toString();
	return '#/' + parts.map((part) => encodeURIComponent(part)).join('/') + (text ? '?' + text : '');
}

export const route = new Store(parse(location.hash));
addEventListener('hashchange', () => route.set(parse(location.hash)));

/** @returns {Route} */
export const useRoute = () => useStore(route);

/** @param {string[]} parts @param {Record<string, any>} [query] */
export function go(parts, query) {
	location.hash = href(parts, query);
}

/**
 * Changes the query of this page; the history gets no entry, so "back" leaves the page.
 * @param {Record<string, any>} part
 */
export function setQuery(part) {
	const next = href(route.value.parts, { ...route.value.query, ...part });
	history.replaceState(null, '', next);
	route.set(parse(next));
}

/** The names that stand for an exchange in paths and on the page. @param {string} name */
export const exchangePath = (name) => (name === '' ? 'amq.default' : name);
/** @param {string} name */
export const exchangeTitle = (name) => (name === '' ? '(AMQP default)' : name);
