// A message's body for reading: as text, pretty JSON or XML, hex, and unpacked.
import { html, useEffect, useMemo, useState } from '../lib/html.js';
import { base64Bytes, hexDump, looksLike, prettyXML, tokens, utf8 } from '../lib/payload.js';
import { saveFile } from '../lib/api.js';
import * as f from '../lib/format.js';
import { Copy, Note, Segmented } from './basic.js';
import { Icon } from './icon.js';

/** @param {{payload: string, encoding: string, size?: number, truncated?: boolean, properties?: any, name?: string}} props */
export function Payload({ payload, encoding, size, truncated, properties = {}, name = 'payload' }) {
	const raw = useMemo(() => (encoding === 'base64' ? base64Bytes(payload) : new TextEncoder().encode(payload)), [payload, encoding]);
	const [unpack, setUnpack] = useState(gzipped(properties) ? 'gzip' : '');
	const { bytes, error } = useUnpacked(raw, unpack);
	const text = useMemo(() => utf8(bytes), [bytes]);
	const guess = useMemo(() => (text === null ? 'hex' : looksLike(text)), [text]);
	const [chosen, setChosen] = useState('');
	const view = chosen || guess;
	if (raw.length === 0) return html`<p class="muted">The payload is empty.</p>`;
	const views = [{ value: 'text', text: 'Text' }, { value: 'json', text: 'JSON' }, { value: 'xml', text: 'XML' }, { value: 'hex', text: 'Hex' }];
	return html`<div class="stack">
		<div class="row"><${Segmented} label="Show the payload as" value=${view} options=${views} onChange=${setChosen} />
			<${Segmented} label="Unpack" value=${unpack} options=${[{ value: '', text: 'As it is' }, { value: 'base64', text: 'Base64' }, { value: 'gzip', text: 'Gzip' }]} onChange=${setUnpack} />
			<span class="spacer" /><span class="muted small num">${f.bytes(size ?? raw.length)}</span>
			<${Copy} text=${text ?? payload} /><button type="button" class="btn small" onClick=${() => saveFile(name, new Blob([/** @type {any} */ (bytes)]))}><${Icon} name="save" size=${13} />Save</button></div>
		${truncated && html`<${Note} kind="warn">Only the first ${f.bytes(raw.length)} are shown.</${Note}>`}
		${error && html`<${Note} kind="warn">${error}</${Note}>`}
		<${View} view=${view} text=${text} bytes=${bytes} />
	</div>`;
}

/** @param {any} properties */
const gzipped = (properties) => /gzip/i.test(properties?.content_encoding || '');

/** @param {Uint8Array} raw @param {string} how */
function useUnpacked(raw, how) {
	const [state, setState] = useState(/** @type {{bytes: Uint8Array, error: string}} */ ({ bytes: raw, error: '' }));
	useEffect(() => {
		let current = true;
		const give = (bytes, error = '') => { if (current) setState({ bytes, error }); };
		if (how === 'base64') {
			try {
				give(base64Bytes((utf8(raw) || '').trim()));
			} catch {
				give(raw, 'It is not base64.');
			}
		} else if (how === 'gzip') {
			new Response(new Blob([/** @type {any} */ (raw)]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer().then((b) => give(new Uint8Array(b)), () => give(raw, 'It is not gzip.'));
		} else {
			give(raw);
		}
		return () => { current = false; };
	}, [raw, how]);
	return state;
}

/** @param {{view: string, text: string | null, bytes: Uint8Array}} props */
function View({ view, text, bytes }) {
	const shown = useMemo(() => {
		if (view === 'hex' || text === null) return html`<pre class="payload hex" tabindex="0">${hexDump(bytes.subarray(0, 16384))}${bytes.length > 16384 ? '\n…' : ''}</pre>`;
		if (view === 'json') {
			try {
				return html`<pre class="payload" tabindex="0">${tokens(JSON.stringify(JSON.parse(text), null, 2)).map(([kind, word]) => (kind ? html`<span class=${'tok-' + kind}>${word}</span>` : word))}</pre>`;
			} catch (err) {
				return html`<p class="warn small">It is not JSON: ${String(err.message)}</p><pre class="payload" tabindex="0">${text}</pre>`;
			}
		}
		return html`<pre class="payload" tabindex="0" dir="auto">${view === 'xml' ? prettyXML(text) : text}</pre>`;
	}, [view, text, bytes]);
	return shown;
}
