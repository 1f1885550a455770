// What the broker pushes: numbers of the objects on the page, and events while somebody looks at
// them. Where nothing comes through (a proxy that buffers) the page polls.
import { get, query } from './api.js';
import { Store, useStore } from './store.js';
import { extensions } from './broker.js';
import { interval, paused } from './refresh.js';
import { session } from './session.js';
import { stream } from './stream.js';
import { useEffect, useState } from './html.js';

/** Objects whose numbers can be pushed, by their path below /api. */
const PUSHED = /^(overview|(queues|exchanges)\/[^/?]+\/[^/?]+|(connections|channels|nodes|vhosts)\/[^/?]+)(\?|$)/;

/** The object that a path is of, "" if its numbers are not pushed. @param {string | null} where */
export const objectOf = (where) => PUSHED.exec(where || '')?.[1] || '';

/** @type {Map<string, Set<(sample: any, at: number) => void>>} */
const watchers = new Map();

/** Whether numbers come by themselves now. */
export const pushing = new Store(false);
const wanted = new Store('');

// A browser has six connections to an origin, for all its tabs: those that nobody sees hold none.
const visible = new Store(!document.hidden);
document.addEventListener('visibilitychange', () => visible.set(!document.hidden));

function subscriptionsChanged() {
	wanted.set([...watchers.keys()].sort().join('\n'));
}

/** Calls watch with each sample of an object, null once it is gone. @param {string} object @param {(sample: any, at: number) => void} watch */
export function watchSamples(object, watch) {
	const set = watchers.get(object) || new Set();
	watchers.set(object, set.add(watch));
	subscriptionsChanged();
	return () => {
		set.delete(watch);
		if (set.size === 0) watchers.delete(object);
		subscriptionsChanged();
	};
}

/** Holds the stream of numbers open while somebody is logged in and looks. */
export function Pushed() {
	const login = useStore(session).state;
	const has = useStore(extensions) || [];
	const stop = useStore(paused);
	const seen = useStore(visible);
	const objects = useStore(wanted);
	const period = useStore(interval);
	const live = has.includes('live') && login === 'in' && seen && !stop && objects !== '' && period > 0;
	useEffect(() => {
		if (!live) return undefined;
		const control = new AbortController();
		const search = new URLSearchParams(objects.split('\n').map((object) => ['subscribe', object]));
		search.set('interval', String(Math.min(60000, Math.max(250, period))));
		// A change of page changes the set several times.
		const timer = setTimeout(() => stream('rabbet/live?' + search, { signal: control.signal, onState: (open) => pushing.set(open), onEvent: spread }), 100);
		return () => { clearTimeout(timer); control.abort(); pushing.set(false); };
	}, [live, objects, period]);
	return null;
}

/** @param {string} type @param {any} data */
function spread(type, data) {
	if (type !== 'sample') return;
	for (const [object, sample] of Object.entries(data.objects || {})) {
		for (const watch of watchers.get(object) || []) watch(sample, data.at);
	}
}

/**
 * An object with newer numbers. Samples of charts grow by the new value once their step is over.
 * @param {any} old @param {any} sample @param {number} at
 */
export function merged(old, sample, at) {
	const out = { ...old };
	for (const [key, value] of Object.entries(sample)) {
		if (value === null || typeof value !== 'object' || Array.isArray(value)) out[key] = value;
		else out[key] = merged(old?.[key] || {}, value, at);
	}
	for (const [key, details] of Object.entries(out)) {
		const count = key.endsWith('_details') && out[key.slice(0, -8)];
		const samples = /** @type {any} */ (details)?.samples;
		if (typeof count !== 'number' || !Array.isArray(samples) || samples.length < 2) continue;
		const step = samples[0].timestamp - samples[1].timestamp;
		if (at - samples[0].timestamp >= step) out[key] = { ...details, samples: [{ sample: count, timestamp: samples[0].timestamp + step * Math.floor((at - samples[0].timestamp) / step) }, ...samples.slice(0, -1)] };
	}
	return out;
}

/** The page keeps so many. */
const MOST = 1000;
/** The events that have come, newest first. */
const events = new Store(/** @type {any[]} */ ([]));
/** @type {any[]} */
let arrived = [];
let number = 0;

/** Keeps an event; those of a moment are shown together. @param {string} type @param {any} data @param {string} id */
function keep(type, data, id) {
	if (arrived.length === 0) {
		setTimeout(() => {
			events.set([...arrived.reverse(), ...events.value].slice(0, MOST));
			arrived = [];
		}, 200);
	}
	arrived.push({ ...data, key: ++number, id, event: type });
}

/** Milliseconds until a stream says something, unless a proxy holds it back. */
const PROMPT = 5000;
/** Milliseconds between questions for events in place of a stream. */
const POLL = 2000;

/**
 * Follows events until the signal ends it: by a stream, or by questions where nothing of a stream arrives.
 * @param {AbortSignal} signal
 * @param {(how: "" | "pushed" | "polled") => void} onState
 */
async function follow(signal, onState) {
	const pause = (ms) => new Promise((done) => setTimeout(done, ms));
	let since = events.value[0]?.id;
	const ask = async () => {
		const answer = await get('rabbet/events' + query({ poll: true, since }), signal);
		for (const { id, type, ...data } of answer.events) keep(type, data, id);
		since = answer.since;
	};
	while (!signal.aborted) {
		try {
			await ask();
			const attempt = new AbortController();
			const end = () => attempt.abort();
			signal.addEventListener('abort', end, { once: true });
			const heldBack = setTimeout(end, PROMPT);
			await stream('rabbet/events' + query({ since }), {
				signal: attempt.signal, onEvent: keep,
				onState: (open) => { if (open) clearTimeout(heldBack); onState(open ? 'pushed' : ''); },
			});
			clearTimeout(heldBack);
			while (!signal.aborted) {
				await ask();
				onState('polled');
				await pause(POLL);
			}
		} catch {
			onState('');
			await pause(1000);
		}
	}
}

/** The events, as they come, while the component is there and the tab is seen. @returns {{events: any[], how: "" | "pushed" | "polled"}} */
export function useEvents() {
	const [how, setHow] = useState(/** @type {"" | "pushed" | "polled"} */ (''));
	const seen = useStore(visible);
	const list = useStore(events);
	const login = useStore(session).state;
	useEffect(() => {
		if (!seen || login !== 'in') return undefined;
		const control = new AbortController();
		follow(control.signal, (now) => { if (!control.signal.aborted) setHow(now); });
		return () => control.abort();
	}, [seen, login]);
	return { events: list, how };
}
