// Live data: what is on the page is asked for again and again, and what came last stays until
// something newer is there. Components render from it with keys, so nothing flickers.
import { useEffect, useRef, useState, useCallback } from './html.js';
import { get, vhostFilter, ApiError } from './api.js';
import { session } from './session.js';
import { useStore } from './store.js';
import { freshness, interval, paused, refreshAll } from './refresh.js';
import { merged, objectOf, pushing, watchSamples } from './pushed.js';

/** Milliseconds between looks at what is pushed. */
const SELDOM = 15000;

/**
 * @template T
 * @typedef {object} Live
 * @property {T | null} data what came last
 * @property {ApiError | null} error why the last look failed; data stays
 * @property {boolean} loading nothing has come yet for this path
 * @property {() => void} reload
 */

/**
 * The answer of GET /api/{where}, kept fresh while the component is there. With where null
 * it does nothing.
 * @param {string | null} where
 * @param {{every?: number, keep?: boolean}} [options] every: milliseconds in place of the
 *   page's interval, 0 for once; keep: show the old path's data until the new one's are there
 * @returns {Live<any>}
 */
export function useLive(where, { every, keep = false } = {}) {
	const [state, setState] = useState(/** @type {any} */ ({ where: null, data: null, error: null }));
	const vhost = useStore(vhostFilter);
	const period = useStore(interval);
	const stop = useStore(paused);
	const forced = useStore(refreshAll);
	const login = useStore(session).state;
	const [round, setRound] = useState(0);
	const last = useRef({ where: /** @type {string | null} */ (null) });
	// The numbers of the overview are pushed for all virtual hosts only.
	const object = login === 'in' && every === undefined && !(vhost && where?.startsWith('overview')) ? objectOf(where) : '';
	const comes = useStore(pushing) && object !== '';
	// What is pushed needs a look now and then only, for what is no number.
	const wait = every ?? (comes ? Math.max(period, SELDOM) : period);

	useEffect(() => {
		if (where === null || login !== 'in') return undefined;
		const control = new AbortController();
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		let timer;
		const look = async () => {
			if (!document.hidden || last.current.where !== where) await lookOnce(where, control.signal, setState, last.current);
			if (!control.signal.aborted && wait > 0 && !stop) timer = setTimeout(look, wait);
		};
		look();
		return () => { control.abort(); clearTimeout(timer); };
	}, [where, wait, stop, login, vhost, round, forced]);

	const reload = useCallback(() => setRound((n) => n + 1), []);
	useEffect(() => (object === '' || where === null ? undefined : watchSamples(object, (sample, at) => {
		if (!sample) {
			reload();
			return;
		}
		freshness.set({ at: Date.now(), failing: false });
		setState((old) => (old.where === where && old.data ? { ...old, data: merged(old.data, sample, at) } : old));
	})), [object, where]);

	const current = state.where === where || (keep && where !== null);
	return {
		data: current ? state.data : null,
		error: state.where === where ? state.error : null,
		loading: where !== null && state.where !== where,
		reload,
	};
}

/**
 * @param {string} where
 * @param {AbortSignal} signal
 * @param {(change: (old: any) => any) => void} setState
 * @param {{where: string | null}} last
 */
async function lookOnce(where, signal, setState, last) {
	try {
		const data = await get(where, signal);
		if (signal.aborted) return;
		last.where = where;
		freshness.set({ at: Date.now(), failing: false });
		setState(() => ({ where, data, error: null }));
	} catch (err) {
		if (signal.aborted) return;
		last.where = where;
		const error = err instanceof ApiError ? err : new ApiError(0, String(err));
		if (error.status === 0 || error.status >= 500) freshness.patch({ failing: true });
		setState((old) => ({ where, data: old.where === where ? old.data : null, error }));
	}
}
