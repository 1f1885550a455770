// The HTTP API: requests, and errors as sentences.
import { authorization, loginEnded, session } from './session.js';
import { Store, kept } from './store.js';

/** The page's own folder, whatever prefix a proxy or management.path_prefix puts before it. */
const root = new URL('.', document.baseURI);

/** The virtual host that lists are limited to, "" for all. */
export const vhostFilter = new Store(/** @type {string} */ (kept.get('vhost', '')));
vhostFilter.subscribe((value) => kept.set('vhost', value || null));

export class ApiError extends Error {
	/** @param {number} status @param {string} message @param {string} [details] */
	constructor(status, message, details = '') {
		super(message);
		this.status = status;
		this.details = details;
	}
}

/**
 * A path below /api, each value as one encoded segment: path`queues/${vhost}/${name}`.
 * @param {TemplateStringsArray} texts
 * @param {...any} values
 */
export function path(texts, ...values) {
	return String.raw({ raw: texts }, ...values.map((value) => encodeURIComponent(value)));
}

/** @param {Record<string, any>} values */
export function query(values) {
	const search = new URLSearchParams();
	for (const [key, value] of Object.entries(values)) {
		if (value !== undefined && value !== null && value !== '') search.append(key, String(value));
	}
	const text = search.toString();
	return text ? '?' + text : '';
}

/** @param {string} where */
export const apiURL = (where) => new URL('api/' + where, root).href;

/** The lists that the virtual host on the page narrows. */
const FILTERED = /^(overview|connections|channels|consumers|exchanges|queues|bindings|policies|operator-policies|rabbet\/(delayed|deadletters))\b/;

/**
 * @param {string} method
 * @param {string} where below /api
 * @param {{body?: any, headers?: Record<string, string>, signal?: AbortSignal, raw?: boolean, auth?: string}} [options]
 *   raw: give the response itself
 * @returns {Promise<any>} the decoded JSON, or null if there is none
 */
export async function request(method, where, options = {}) {
	const { body, headers = {}, signal, raw, auth } = options;
	/** @type {Record<string, string>} */
	const all = { 'X-Requested-With': 'XMLHttpRequest', Accept: 'application/json', ...headers };
	const login = auth ?? authorization();
	if (login) all.Authorization = login;
	if (vhostFilter.value && method === 'GET' && FILTERED.test(where)) all['X-Vhost'] = encodeHeader(vhostFilter.value);
	if (body !== undefined && !(body instanceof FormData)) all['Content-Type'] = 'application/json';
	let response;
	try {
		response = await fetch(apiURL(where), {
			method, headers: all, signal, cache: 'no-store', credentials: 'omit',
			body: body === undefined || body instanceof FormData || typeof body === 'string' ? body : JSON.stringify(body),
		});
	} catch (err) {
		if (signal?.aborted) throw err;
		throw new ApiError(0, 'The broker does not answer.', String(err));
	}
	if (response.ok) {
		if (raw) return response;
		const text = await response.text();
		return text === '' ? null : JSON.parse(text);
	}
	throw await failure(response, auth !== undefined);
}

/** fetch takes Latin-1 only in a header; other names go as UTF-8 bytes. @param {string} value */
function encodeHeader(value) {
	const bytes = new TextEncoder().encode(value);
	return Array.from(bytes, (b) => String.fromCharCode(b)).join('').replace(/[\r\n\0]/g, '');
}

/** @param {Response} response @param {boolean} loggingIn */
async function failure(response, loggingIn) {
	const text = await response.text().catch(() => '');
	/** @type {any} */
	let answer = {};
	try {
		answer = JSON.parse(text) || {};
	} catch { /* No JSON: the text itself is the detail. */ }
	const reason = typeof answer.reason === 'string' ? answer.reason : answer.reason ? JSON.stringify(answer.reason) : '';
	// not_authorized: the login. not_authorised, as RabbitMQ spells it: a right that the login lacks.
	if (response.status === 401 && answer.error !== 'not_authorised' && !loggingIn) {
		loginEnded('The broker no longer accepts this login: the password has changed, or the user is gone.');
		return new ApiError(401, 'You are logged out.', reason);
	}
	return new ApiError(response.status, sentence(response.status, answer.error, reason), reason || text.slice(0, 2000));
}

/** @param {number} status @param {string} error @param {string} reason */
function sentence(status, error, reason) {
	if (status === 401) return reason === 'Access refused.' || !reason ? 'You have no permission for that.' : `You may not do that: ${reason.replace(/\.?$/, '.')}`;
	if (status === 404 && (!reason || reason === 'Not Found')) return 'It does not exist, or no longer.';
	if (reason) return reason.charAt(0).toUpperCase() + reason.slice(1).trim();
	if (status === 405) return 'The broker does not permit that here.';
	if (status === 413) return 'That is too large for the broker.';
	if (status >= 500) return `The broker failed (status ${status}); its log says why.`;
	return `The broker refused it (status ${status}${error ? ', ' + error : ''}).`;
}

/** @param {string} where @param {AbortSignal} [signal] */
export const get = (where, signal) => request('GET', where, { signal });
/** @param {string} where @param {any} [body] */
export const put = (where, body = {}) => request('PUT', where, { body });
/** @param {string} where @param {any} [body] */
export const post = (where, body = {}) => request('POST', where, { body });
/** @param {string} where @param {Record<string, string>} [headers] */
export const del = (where, headers) => request('DELETE', where, { headers });

/** Saves what the API answers as a file. @param {string} where @param {string} name */
export async function download(where, name) {
	const response = await request('GET', where, { raw: true });
	saveFile(name, await response.blob());
}

/** @param {string} name @param {Blob | string} content */
export function saveFile(name, content) {
	const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type: 'application/octet-stream' }));
	const link = document.createElement('a');
	link.href = url;
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(url), 10000);
}

export const loggedInNow = () => session.value.state === 'in';
