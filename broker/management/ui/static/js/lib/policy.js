// Keys of policies: presets in groups, by what they apply to. No page here.

export const POLICY_PRESETS = [
	{ title: 'Queues', items: [
		{ text: 'Max length', key: 'max-length', type: 'number' }, { text: 'Max length bytes', key: 'max-length-bytes', type: 'number' },
		{ text: 'Overflow', key: 'overflow', value: 'reject-publish', help: 'drop-head, reject-publish or reject-publish-dlx' },
		{ text: 'Auto expire', key: 'expires', type: 'number', help: 'Milliseconds' }, { text: 'Message TTL', key: 'message-ttl', type: 'number', help: 'Milliseconds' },
		{ text: 'Dead letter exchange', key: 'dead-letter-exchange' }, { text: 'Dead letter routing key', key: 'dead-letter-routing-key' },
		{ text: 'Consumer timeout', key: 'consumer-timeout', type: 'number', help: 'Milliseconds' },
	] },
	{ title: 'Classic', items: [{ text: 'Lazy mode', key: 'queue-mode', value: 'lazy' }, { text: 'Version', key: 'queue-version', type: 'number', value: '2' }] },
	{ title: 'Quorum', items: [{ text: 'Delivery limit', key: 'delivery-limit', type: 'number', value: '20' }, { text: 'Dead letter strategy', key: 'dead-letter-strategy', value: 'at-least-once' }] },
	{ title: 'Streams', items: [{ text: 'Max age', key: 'max-age', value: '7D' }, { text: 'Max segment size', key: 'stream-max-segment-size-bytes', type: 'number' }] },
	{ title: 'Exchanges', items: [{ text: 'Alternate exchange', key: 'alternate-exchange' }] },
];

/** What an operator policy may set: limits only. */
export const OPERATOR_PRESETS = [{ title: 'Limits', items: [
	{ text: 'Max length', key: 'max-length', type: 'number' }, { text: 'Max length bytes', key: 'max-length-bytes', type: 'number' },
	{ text: 'Auto expire', key: 'expires', type: 'number', help: 'Milliseconds' }, { text: 'Message TTL', key: 'message-ttl', type: 'number', help: 'Milliseconds' },
	{ text: 'Delivery limit', key: 'delivery-limit', type: 'number' }, { text: 'Overflow', key: 'overflow', value: 'reject-publish' },
] }];

/** @type {[string, string][]} */
export const APPLY_TO = [['all', 'Exchanges and queues'], ['exchanges', 'Exchanges'], ['queues', 'Queues'], ['classic_queues', 'Classic queues'], ['quorum_queues', 'Quorum queues'], ['streams', 'Streams']];
