// Cells of tables that several pages share.
import { html } from '../lib/html.js';
import * as f from '../lib/format.js';
import { features, stateKind } from '../lib/queue.js';
import { exchangePath, exchangeTitle, href } from '../lib/router.js';
import { Badge, NameLink } from './basic.js';

/** @param {any} n */
export const num = (n) => html`<span class=${n === 0 ? 'zero' : ''}>${f.number(n)}</span>`;
/** @param {any} n */
export const rate = (n) => (typeof n === 'number' ? html`<span class=${n === 0 ? 'zero' : ''}>${f.rate(n)}</span>` : html`<span class="zero">–</span>`);

/** @param {any} q */
export const QueueFeatures = ({ q, all = false }) => html`<span class=${'row tight' + (all ? '' : ' one-line')}>${shorten(features(q), all ? 99 : 4).map(([badge, title]) => html`<${Badge} key=${badge} title=${title}>${badge}</${Badge}>`)}
	${q.policy && html`<a class="badge info" href=${href(['policies'], { name: q.policy })} title=${`policy ${q.policy}`}>${clip(q.policy)}</a>`}
	${q.operator_policy && html`<a class="badge warn" href=${href(['operator-policies'], { tab: 'operator', name: q.operator_policy })} title=${`operator policy ${q.operator_policy}`}>${clip(q.operator_policy)}</a>`}</span>`;

/** The first badges, and the rest as one. @param {[string, string, string?][]} list @param {number} most @returns {[string, string, string?][]} */
const shorten = (list, most) => (list.length <= most ? list : [...list.slice(0, most - 1), ['+' + (list.length - most + 1), list.slice(most - 1).map(([, title]) => title).join('\n')]]);

/** @param {string} text */
export const clip = (text) => (text.length > 14 ? text.slice(0, 13) + '…' : text);

export const State = ({ state }) => (state ? html`<${Badge} kind=${stateKind(state)}>${state}</${Badge}>` : html`<span class="zero">–</span>`);

/** @param {any} x */
export function ExchangeFeatures({ x }) {
	const args = x.arguments || {};
	return html`<span class="row tight">
		${x.durable && html`<${Badge} title="durable">D</${Badge}>`}${x.auto_delete && html`<${Badge} title="auto-delete">AD</${Badge}>`}${x.internal && html`<${Badge} title="internal: clients cannot publish to it">I</${Badge}>`}
		${args['alternate-exchange'] !== undefined && html`<${Badge} title=${`alternate-exchange: ${f.value(args['alternate-exchange'])}`}>AE</${Badge}>`}
		${args['x-delayed-type'] !== undefined && html`<${Badge} title=${`x-delayed-type: ${f.value(args['x-delayed-type'])}`}>${f.value(args['x-delayed-type'])}</${Badge}>`}
		${Object.keys(args).some((k) => k !== 'alternate-exchange' && k !== 'x-delayed-type') && html`<${Badge} title=${JSON.stringify(args)}>Args</${Badge}>`}
		${x.policy && html`<a class="badge info" href=${href(['policies'], { name: x.policy })}>${clip(x.policy)}</a>`}
	</span>`;
}

/** @param {{vhost: string, name: string}} props */
export const ExchangeLink = ({ vhost, name }) => html`<${NameLink} parts=${['exchanges', vhost, exchangePath(name)]}>${exchangeTitle(name)}</${NameLink}>`;
/** @param {{vhost: string, name: string}} props */
export const QueueLink = ({ vhost, name }) => html`<${NameLink} parts=${['queues', vhost, name]}>${name}</${NameLink}>`;

/** The column of virtual hosts, which every list has. */
export const vhostColumn = { id: 'vhost', title: 'Virtual host', sort: 'vhost', wide: true, cell: (o) => html`<span class="name">${o.vhost}</span>` };

/** A column of a rate of message_stats. @param {string} key @param {string} title @param {any} [more] */
export const rateColumn = (key, title, more = {}) => ({ id: key, title, number: true, sort: `message_stats.${key}_details.rate`, cell: (o) => rate(f.at(o, `message_stats.${key}_details.rate`)), ...more });

/** The tags of a table of arguments. @param {{table: any}} props */
export const ArgumentsCell = ({ table }) => html`<span class="name">${Object.entries(table || {}).map(([k, v]) => `${k} = ${f.value(v)}`).join(', ')}</span>`;
