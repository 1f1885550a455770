// Channels: the list.
import { html } from '../lib/html.js';
import { Card, PageHead } from '../components/basic.js';
import { ChannelTable } from '../components/channeltable.js';

export default function Channels() {
	return html`<${PageHead} title="Channels" /><${Card} flush><${ChannelTable} path="channels" /></${Card}>`;
}
