// Server-sent events over fetch, since EventSource cannot send Authorization. Where nothing
// comes through (a proxy that buffers), the caller is told and polls instead.
import { apiURL } from './api.js';
import { authorization, loginEnded } from './session.js';

/** The broker sends something every 15 s; longer silence means that somebody holds it back. */
const SILENCE = 25000;

/**
 * Opens a stream and keeps it open until the signal ends it.
 * @param {string} where below /api
 * @param {{signal: AbortSignal, onEvent: (type: string, data: any, id: string) => void, onState?: (open: boolean) => void}} options
 */
export async function stream(where, { signal, onEvent, onState = () => {} }) {
	let last = '';
	for (let failures = 0; !signal.aborted; failures++) {
		const heard = await once(where, { signal, last, onState, onEvent: (type, data, id) => { if (id) last = id; onEvent(type, data, id); } });
		onState(false);
		if (heard) failures = 0;
		if (!signal.aborted) await new Promise((done) => setTimeout(done, Math.min(30000, 1000 * 2 ** failures)));
	}
}

/** @param {string} where @param {any} o @returns {Promise<boolean>} whether anything came */
async function once(where, { signal, last, onState, onEvent }) {
	const control = new AbortController();
	const stop = () => control.abort();
	signal.addEventListener('abort', stop);
	let heard = false;
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	let silence;
	const listen = () => { clearTimeout(silence); silence = setTimeout(stop, SILENCE); };
	try {
		listen();
		const response = await fetch(apiURL(where), { signal: control.signal, cache: 'no-store', credentials: 'omit', headers: { Accept: 'text/event-stream, */*;q=0.1', Authorization: authorization(), 'X-Requested-With': 'XMLHttpRequest', ...(last ? { 'Last-Event-ID': last } : {}) } });
		if (response.status === 401) loginEnded('The broker no longer accepts this login: the password has changed, or the user is gone.');
		if (!response.ok || !response.body) return false;
		const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
		let rest = '';
		for (;;) {
			const { done, value } = await reader.read();
			if (done) return heard;
			if (!heard) onState(true);
			heard = true;
			listen();
			const blocks = (rest + value).split('\n\n');
			rest = /** @type {string} */ (blocks.pop());
			for (const block of blocks) dispatch(block, onEvent);
		}
	} catch {
		return heard;
	} finally {
		clearTimeout(silence);
		signal.removeEventListener('abort', stop);
	}
}

/** @param {string} block @param {(type: string, data: any, id: string) => void} onEvent */
export function dispatch(block, onEvent) {
	let type = 'message';
	let id = '';
	const data = [];
	for (const line of block.split('\n')) {
		const [field, ...rest] = line.split(':');
		const value = rest.join(':').replace(/^ /, '');
		if (field === 'event') type = value;
		else if (field === 'id') id = value;
		else if (field === 'data') data.push(value);
	}
	if (data.length > 0) onEvent(type, JSON.parse(data.join('\n')), id);
}
