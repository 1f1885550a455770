// Which page an address leads to. Modules of pages are loaded when they are first visited.
import { may } from './session.js';

/**
 * @typedef {object} Entry
 * @property {string} id the first segment of the fragment
 * @property {string} text
 * @property {string} icon
 * @property {string} [key] "g" then this key goes there
 * @property {() => boolean} [may]
 * @property {string} [needs] an extension of /api/rabbet without which there is no page
 */

/** @type {{title: string, entries: Entry[]}[]} */
export const NAV = [
	{ title: '', entries: [{ id: '', text: 'Overview', icon: 'overview', key: 'o' }] },
	{ title: 'Clients', entries: [
		{ id: 'connections', text: 'Connections', icon: 'connections', key: 'c' },
		{ id: 'channels', text: 'Channels', icon: 'channels', key: 'h' },
		{ id: 'consumers', text: 'Consumers', icon: 'consumers' },
	] },
	{ title: 'Messaging', entries: [
		{ id: 'exchanges', text: 'Exchanges', icon: 'exchanges', key: 'e' },
		{ id: 'queues', text: 'Queues and Streams', icon: 'queues', key: 'q' },
		{ id: 'publish', text: 'Publish', icon: 'publish', key: 'p' },
		{ id: 'topology', text: 'Topology', icon: 'topology', key: 't', needs: 'topology' },
	] },
	{ title: 'Messages', entries: [
		{ id: 'dead-letters', text: 'Dead letters', icon: 'dead', key: 'd', needs: 'deadletters' },
		{ id: 'delayed', text: 'Delayed', icon: 'delayed', needs: 'delayed' },
		{ id: 'trace', text: 'Trace', icon: 'trace', needs: 'trace' },
	] },
	{ title: 'Admin', entries: [
		{ id: 'shovels', text: 'Shovels', icon: 'shovels', may: may.monitor },
		{ id: 'policies', text: 'Policies', icon: 'policies' },
		{ id: 'vhosts', text: 'Virtual hosts', icon: 'vhosts', may: may.administer },
		{ id: 'users', text: 'Users', icon: 'users', may: may.administer },
		{ id: 'permissions', text: 'Permissions', icon: 'lock', may: may.administer },
		{ id: 'limits', text: 'Limits', icon: 'limits' },
		{ id: 'definitions', text: 'Definitions', icon: 'definitions', may: may.administer },
	] },
	{ title: 'Broker', entries: [
		{ id: 'nodes', text: 'Node and health', icon: 'node', key: 'n', may: may.monitor },
		{ id: 'events', text: 'Events', icon: 'events', needs: 'events' },
		{ id: 'feature-flags', text: 'Feature flags', icon: 'flags' },
		{ id: 'http-api', text: 'HTTP API', icon: 'api' },
	] },
];

/**
 * The module of a page, and the properties that its component gets.
 * @param {string[]} parts
 * @returns {{load: () => Promise<any>, props: Record<string, any>, nav: string} | null}
 */
export function pageOf([first = '', ...rest]) {
	const nav = first;
	switch (first) {
	case '': return { load: () => import('../pages/overview.js'), props: {}, nav };
	case 'connections': return rest.length === 0 ? { load: () => import('../pages/connections.js'), props: {}, nav } : { load: () => import('../pages/connection.js'), props: { name: rest[0] }, nav };
	case 'channels': return rest.length === 0 ? { load: () => import('../pages/clients.js').then((m) => ({ default: m.Channels })), props: {}, nav } : { load: () => import('../pages/channel.js'), props: { name: rest[0] }, nav };
	case 'consumers': return { load: () => import('../pages/clients.js').then((m) => ({ default: m.Consumers })), props: {}, nav };
	case 'exchanges': return rest.length < 2 ? { load: () => import('../pages/exchanges.js'), props: {}, nav } : { load: () => import('../pages/exchange.js'), props: { vhost: rest[0], name: rest[1] === 'amq.default' ? '' : rest[1] }, nav };
	case 'queues': return rest.length < 2 ? { load: () => import('../pages/queues.js'), props: {}, nav } : { load: () => import('../pages/queue.js'), props: { vhost: rest[0], name: rest[1] }, nav };
	case 'vhosts': return rest.length === 0 ? { load: () => import('../pages/vhosts.js'), props: {}, nav } : { load: () => import('../pages/vhost.js'), props: { name: rest[0] }, nav };
	case 'users': return rest.length === 0 ? { load: () => import('../pages/users.js'), props: {}, nav } : { load: () => import('../pages/user.js'), props: { name: rest[0] }, nav };
	case 'policies': case 'operator-policies': return { load: () => import('../pages/policies.js'), props: {}, nav: 'policies' };
	case 'nodes': return { load: () => import('../pages/node.js'), props: { name: rest[0] }, nav };
	case 'dead-letters': return rest.length < 2 ? { load: () => import('../pages/deadletters.js'), props: {}, nav } : { load: () => import('../pages/deadqueue.js'), props: { vhost: rest[0], name: rest[1] }, nav };
	case 'cluster-name': return { load: () => import('../pages/clustername.js'), props: {}, nav: 'nodes' };
	case 'feature-flags': case 'deprecated-features': return { load: () => import('../pages/features.js'), props: {}, nav: 'feature-flags' };
	}
	const load = Object.hasOwn(PLAIN, first) && PLAIN[first];
	return load ? { load, props: {}, nav } : null;
}

/** @type {Record<string, () => Promise<any>>} */
const PLAIN = {
	publish: () => import('../pages/publish.js'),
	topology: () => import('../pages/topology.js'),
	delayed: () => import('../pages/delayed.js'),
	trace: () => import('../pages/trace.js'),
	permissions: () => import('../pages/permissions.js'),
	shovels: () => import('../pages/shovels.js'),
	limits: () => import('../pages/limits.js'),
	definitions: () => import('../pages/definitions.js'),
	events: () => import('../pages/events.js'),
	'http-api': () => import('../pages/httpapi.js'),
};
