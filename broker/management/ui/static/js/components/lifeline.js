// The life of one traced message, station by station.
import { html } from '../lib/html.js';
import { useLive } from '../lib/live.js';
import * as f from '../lib/format.js';
import { exchangeTitle, href, setQuery } from '../lib/router.js';
import { Card, Facts, Note, Waiting } from './basic.js';
import { QueueLink } from './cells.js';
import { Payload } from './payload.js';

/** @param {{where: string, vhost: string}} props */
export function LifeLine({ where, vhost }) {
	const live = useLive(where);
	const m = live.data;
	if (!m) return html`<${Card}>${live.error?.status === 404 ? html`<${Note} kind="warn">The trace has forgotten this message.</${Note}>` : html`<${Waiting} live=${live} />`}</${Card}>`;
	const start = m.events?.[0]?.at ?? m.at;
	return html`<${Card} title="Its life"><div class="stack">
		<ol class="life">${(m.events || []).map((e, i) => html`<li key=${i} class=${kind(e.type)}>
			<div><strong>${e.type}</strong> ${e.queue && html`<${QueueLink} vhost=${vhost} name=${e.queue} />`}${e.exchange && html`<span class="name">${e.exchange}</span>`}${e.dead_letter && html` ${other(e.dead_letter, 'follow the dead letter')}`}${e.redelivered && html` <span class="warn">again</span>`}</div>
			<div class="small muted"><span class="num">${f.time(e.at)}</span>${e.at > start && html`, after <span class="num">${f.duration(e.at - start)}</span>`}${e.consumer_tag && html`, consumer <span class="name">${e.consumer_tag}</span>`}${e.connection_name ? html`, <a class="name" href=${href(['connections', e.connection_name])}>${e.user_provided_name || e.connection_name}</a>` : e.user_provided_name && html`, <span class="name">${e.user_provided_name}</span>`}${e.channel > 0 && ` channel ${e.channel}`}${e.reason && html`, ${e.reason}`}</div></li>`)}</ol>
		<${Facts} rows=${[m.dead_letter_of && ['Dead letter of', other(m.dead_letter_of, `message ${m.dead_letter_of}`)], ['User', m.user && html`<span class="name">${m.user}</span>`], ['Exchange', html`<span class="name">${exchangeTitle(m.exchange)}</span>`], ['Routing key', html`<code class="name">${m.routing_key}</code>`], ['Message ID', m.message_id && html`<span class="name">${m.message_id}</span>`], ['Correlation ID', m.correlation_id && html`<span class="name">${m.correlation_id}</span>`],
			['Properties', Object.keys(m.properties || {}).length > 0 && html`<code class="name">${JSON.stringify(m.properties)}</code>`]].filter(Boolean)} />
		<${Payload} payload=${m.payload ?? ''} encoding=${m.payload_encoding} size=${m.payload_bytes} truncated=${m.truncated} properties=${m.properties} />
	</div></${Card}>`;
}

/** Goes to another message of the trace. @param {string} id @param {string} text */
const other = (id, text) => html`<button type="button" class="btn small" onClick=${() => setQuery({ id })}>${text}</button>`;

/** @param {string} type */
const kind = (type) => (type === 'acked' || type === 'confirmed' ? 'good' : /reject|dead|expired|dropped|unroutable|purged|refused|nacked|cancelled|rolled/.test(type) ? 'bad' : '');
