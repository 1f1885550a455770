// Bodies of messages as text, without the page.

/** @param {string} text @returns {Uint8Array} */
export const base64Bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** The bytes as UTF-8 text, null if they are none. @param {Uint8Array} bytes @returns {string | null} */
export function utf8(bytes) {
	try {
		return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
	} catch {
		return null;
	}
}

/** The view that suits a text. @param {string} text */
export function looksLike(text) {
	const start = text.trimStart().charAt(0);
	if ((start === '{' || start === '[') && text.length < 500000) {
		try {
			JSON.parse(text);
			return 'json';
		} catch { /* Text, then. */ }
	}
	return start === '<' && /^<[?!a-z]/i.test(text.trimStart()) ? 'xml' : 'text';
}

/** @param {Uint8Array} bytes */
export function hexDump(bytes) {
	const lines = [];
	for (let at = 0; at < bytes.length; at += 16) {
		const row = [...bytes.subarray(at, at + 16)];
		const hex = row.map((b) => b.toString(16).padStart(2, '0')).join(' ').padEnd(48);
		lines.push(`${at.toString(16).padStart(6, '0')}  ${hex} ${row.map((b) => (b >= 32 && b < 127 ? String.fromCharCode(b) : '.')).join('')}`);
	}
	return lines.join('\n');
}

/** A line for each tag, indented. @param {string} text */
export function prettyXML(text) {
	let depth = 0;
	return text.replace(/>\s*</g, '>\n<').split('\n').map((line) => {
		if (/^<\//.test(line)) depth = Math.max(0, depth - 1);
		const out = '  '.repeat(depth) + line;
		if (/^<[^!?/][^>]*[^/]>$/.test(line) && !/<\//.test(line)) depth++;
		return out;
	}).join('\n');
}

/** JSON in coloured pieces: [kind or "", text]. @param {string} json @returns {[string, string][]} */
export function tokens(json) {
	const out = /** @type {[string, string][]} */ ([]);
	const pattern = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
	let last = 0;
	for (const match of json.matchAll(pattern)) {
		if (match.index > last) out.push(['', json.slice(last, match.index)]);
		const [all, string, colon, word] = match;
		if (string) {
			out.push([colon ? 'key' : 'string', string]);
			if (colon) out.push(['', colon]);
		} else {
			out.push([word ? 'word' : 'number', all]);
		}
		last = match.index + all.length;
	}
	out.push(['', json.slice(last)]);
	return out;
}

/** The death of a message as a sentence. @param {any} headers */
export function deathSentence(headers) {
	const deaths = headers?.['x-death'];
	if (!Array.isArray(deaths) || deaths.length === 0) return '';
	const [d] = deaths;
	/** @type {Record<string, string>} */
	const reasons = { rejected: 'was rejected in', expired: 'expired in', maxlen: 'was pushed out of the full', delivery_limit: 'was delivered too often from' };
	const times = d.count > 1 ? ` ${d.count} times` : '';
	const from = d.exchange ? ` It had come by exchange ${d.exchange} with key ${(d['routing-keys'] || []).join(', ') || 'none'}.` : '';
	return `It ${reasons[d.reason] || `died (${d.reason}) in`} queue ${d.queue}${times}.${from}${deaths.length > 1 ? ` ${deaths.length - 1} earlier stations.` : ''}`;
}

/** A message as a command that publishes it again. @param {any} m @param {{base: string, vhost: string}} where */
export function asCurl(m, { base, vhost }) {
	const body = JSON.stringify({ properties: m.properties || {}, routing_key: m.routing_key, payload: m.payload, payload_encoding: m.payload_encoding });
	const quoted = "'" + body.replaceAll("'", "'\\''") + "'";
	return `curl -u USER:PASSWORD -H 'content-type: application/json' -d ${quoted} '${base}exchanges/${encodeURIComponent(vhost)}/${encodeURIComponent(m.exchange || 'amq.default')}/publish'`;
}
