// How often the page looks, and whether it does.
import { Store, kept } from './store.js';

/** Milliseconds between two looks; 0 for none. */
export const interval = new Store(/** @type {number} */ (kept.get('interval', 2000)));
interval.subscribe((value) => kept.set('interval', value));
export const paused = new Store(false);

/** When the broker last answered, and whether it fails to now. */
export const freshness = new Store({ at: 0, failing: false });

/** Asks everything on the page to look again, now. */
export const refreshAll = new Store(0);
export const refresh = () => refreshAll.set(refreshAll.value + 1);
