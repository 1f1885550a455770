// Consumers: the list of all.
import { html } from '../lib/html.js';
import { Card, PageHead } from '../components/basic.js';
import { ConsumerTable } from '../components/consumertable.js';

export default function Consumers() {
	return html`<${PageHead} title="Consumers" /><${Card} flush><${ConsumerTable} path="consumers" /></${Card}>`;
}
