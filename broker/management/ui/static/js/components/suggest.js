// A text field that proposes names of queues, exchanges or others while one types.
import { html, useEffect, useId, useState } from '../lib/html.js';
import { get, path, query } from '../lib/api.js';
import { Text } from './form.js';

/** @param {any} props kind: "queues" or "exchanges"; vhost; the rest as for Text */
export function Suggest({ kind, vhost, value, ...rest }) {
	const [names, setNames] = useState(/** @type {string[]} */ ([]));
	const id = useId();
	useEffect(() => {
		const control = new AbortController();
		const timer = setTimeout(async () => {
			const where = path`${kind}/${vhost}` + query({ page: 1, page_size: 20, pagination: true, name: value, columns: 'name' });
			const answer = await get(where, control.signal).catch(() => null);
			if (answer && !control.signal.aborted) setNames((answer.items || answer).map((item) => item.name).filter(Boolean).slice(0, 20));
		}, 150);
		return () => { clearTimeout(timer); control.abort(); };
	}, [kind, vhost, value]);
	return html`<${Text} value=${value} list=${id} ...${rest} /><datalist id=${id}>${names.map((name) => html`<option key=${name} value=${name} />`)}</datalist>`;
}
