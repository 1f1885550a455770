// Channels, and consumers: the lists.
import { html } from '../lib/html.js';
import { Card, PageHead } from '../components/basic.js';
import { ChannelTable } from '../components/channeltable.js';
import { ConsumerTable } from '../components/consumertable.js';

export const Channels = () => html`<${PageHead} title="Channels" /><${Card} flush><${ChannelTable} path="channels" /></${Card}>`;

export const Consumers = () => html`<${PageHead} title="Consumers" /><${Card} flush><${ConsumerTable} path="consumers" /></${Card}>`;
