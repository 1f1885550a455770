// Who is logged in. The token is kept for the tab (sessionStorage), so tabs do not mix and
// nothing is sent that the page did not put there.
import { Store } from './store.js';

/**
 * @typedef {object} Session
 * @property {"unknown" | "out" | "in" | "ended"} state "ended": the page stays and asks again
 * @property {string} user
 * @property {string[]} tags
 * @property {string} [reason] why the login ended
 */

const TOKEN = 'rabbet.token';

/** @type {Store<Session>} */
export const session = new Store(/** @type {Session} */ ({ state: 'unknown', user: '', tags: [] }));

let token = '';
try {
	token = sessionStorage.getItem(TOKEN) || '';
} catch { /* Storage is refused: the login lasts as long as the page. */ }

/** The value of the header Authorization, or "". */
export const authorization = () => (token ? 'Basic ' + token : '');
export const hasToken = () => token !== '';

/** @param {string} user @param {string} password */
export function encodeToken(user, password) {
	const bytes = new TextEncoder().encode(user + ':' + password);
	return btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(''));
}

/** @param {string} next */
function keepToken(next) {
	token = next;
	try {
		if (next) sessionStorage.setItem(TOKEN, next);
		else sessionStorage.removeItem(TOKEN);
	} catch { /* As above. */ }
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let lifetime;

/**
 * Takes over a login that the broker has confirmed.
 * @param {string} next
 * @param {any} who the answer of /api/whoami
 */
export function loggedIn(next, who) {
	const before = session.value;
	if (before.state === 'ended' && before.user !== who.name) {
		// Another user: nothing of the first one's page may stay.
		keepToken(next);
		location.reload();
		return;
	}
	keepToken(next);
	clearTimeout(lifetime);
	const minutes = Number(who.login_session_timeout);
	if (minutes > 0) lifetime = setTimeout(() => loginEnded('The login has lasted as long as this broker permits.'), minutes * 60000);
	session.set({ state: 'in', user: who.name, tags: tagsOf(who.tags) });
}

/** @param {string[] | string} tags @returns {string[]} */
export const tagsOf = (tags) => (Array.isArray(tags) ? tags : String(tags || '').split(',').map((t) => t.trim()).filter(Boolean));

/** The broker refuses the login: ask again, once, with the page as it is. @param {string} reason */
export function loginEnded(reason) {
	if (session.value.state !== 'in') return;
	keepToken('');
	session.patch({ state: 'ended', reason });
}

/** There is no login, or none that the broker takes. */
export function notLoggedIn() {
	keepToken('');
	session.set({ state: 'out', user: '', tags: [] });
}

/** Nothing of the user's page may stay for the next one. */
export function logOut() {
	keepToken('');
	location.reload();
}

/** @param {string} tag */
function has(tag) {
	return session.value.tags.includes(tag);
}
/** What the user's tags permit (administrator includes monitoring, and so on). */
export const may = {
	administer: () => has('administrator'),
	monitor: () => has('administrator') || has('monitoring'),
	policies: () => has('administrator') || has('policymaker'),
};
