// What the page itself has seen of a number, for small lines.
import { useEffect, useRef, useState } from './html.js';

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
