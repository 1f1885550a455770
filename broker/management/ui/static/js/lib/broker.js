// What the page asks once, or seldom: the extensions of this broker, and its virtual hosts.
import { useEffect } from './html.js';
import { get } from './api.js';
import { Store, useStore } from './store.js';
import { useLive } from './live.js';

/** The extensions that GET /api/rabbet names; null until it has answered. */
export const extensions = new Store(/** @type {string[] | null} */ (null));

/** What GET /api/rabbet says of the program: version and profile. */
export const about = new Store(/** @type {any} */ (null));

export async function learnExtensions() {
	try {
		const answer = await get('rabbet');
		about.set(answer);
		extensions.set(answer.extensions || []);
	} catch (err) {
		if (err.status === 404) extensions.set([]);
	}
}

/** Reports whether the broker has an extension; the component renders again when that is known. @param {string} name */
export function useExtension(name) {
	return (useStore(extensions) || []).includes(name);
}

/** How many virtual hosts the user sees, 0 until that is known. */
export const vhostCount = new Store(0);

/** The value, if a list has it or is not known yet; else the list's first. @param {string[]} list @param {string} value */
export const among = (list, value) => (list.length === 0 || list.includes(value) ? value : list[0]);

/** The names of the virtual hosts that the user sees. @returns {string[]} */
export function useVhosts() {
	const live = useLive('vhosts?disable_stats=true&columns=name', { every: 15000 });
	const names = (live.data || []).map((v) => v.name).sort();
	useEffect(() => vhostCount.set(names.length), [names.length]);
	return names;
}
