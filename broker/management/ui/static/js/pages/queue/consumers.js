// The consumers of a queue.
import { html } from '../../lib/html.js';
import { Card, Empty } from '../../components/basic.js';
import { ConsumerTable } from '../../components/consumertable.js';

/** @param {{queue: any}} props */
export function QueueConsumers({ queue }) {
	const list = queue.consumer_details || [];
	if (list.length === 0) return html`<${Card}><${Empty} title="Nobody consumes from this queue" /></${Card}>`;
	return html`<${Card} flush title="Consumers"><${ConsumerTable} items=${list} bare without=${['vhost', 'queue']} /></${Card}>`;
}
