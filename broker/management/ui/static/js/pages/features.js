// Feature flags and deprecated features.
import { html } from '../lib/html.js';
import { path, put } from '../lib/api.js';
import { useLive } from '../lib/live.js';
import { href, useRoute } from '../lib/router.js';
import { may } from '../lib/session.js';
import { Badge, Card, Empty, ErrorNote, PageHead, Tabs, Waiting } from '../components/basic.js';
import { say } from '../components/toast.js';

export default function Features() {
	const { parts } = useRoute();
	const old = parts[0] === 'deprecated-features';
	return html`<${PageHead} title="Feature flags" /><${Tabs} label="Kinds of features" now=${old ? 'deprecated' : 'flags'} link=${(id) => href([id === 'flags' ? 'feature-flags' : 'deprecated-features'])} tabs=${[{ id: 'flags', text: 'Feature flags' }, { id: 'deprecated', text: 'Deprecated features' }]} />
		<${Card} flush>${old ? html`<${Deprecated} />` : html`<${Flags} />`}</${Card}>`;
}

function Flags() {
	const live = useLive('feature-flags');
	const enable = async (name) => {
		try {
			await put(path`feature-flags/${name}/enable`, { name });
			say(`${name} is enabled.`);
		} catch (err) {
			say(err.message);
		}
		live.reload();
	};
	if (!live.data) return html`<div class="table-tools"><${Waiting} live=${live} /></div>`;
	return html`<${ErrorNote} error=${live.error} /><div class="scroll" tabindex="0" role="region" aria-label="Feature flags"><table class="data"><thead><tr><th scope="col">Name</th><th scope="col">State</th><th scope="col" class="wide">Stability</th><th scope="col" class="wide">What it is</th></tr></thead>
		<tbody>${live.data.map((flag) => html`<tr key=${flag.name} data-row><td class="key"><code class="name">${flag.name}</code></td><td>${flag.state === 'enabled' ? html`<${Badge} kind="good">enabled</${Badge}>` : may.administer() && flag.state === 'disabled' ? html`<button class="btn small" onClick=${() => enable(flag.name)}>Enable</button>` : html`<${Badge}>${flag.state}</${Badge}>`}</td><td class="wide">${flag.stability}</td><td class="wide">${flag.desc}</td></tr>`)}</tbody></table></div>`;
}

function Deprecated() {
	const live = useLive('deprecated-features');
	if (!live.data) return html`<div class="table-tools"><${Waiting} live=${live} /></div>`;
	if (live.data.length === 0) return html`<${Empty} title="No deprecated features" />`;
	return html`<div class="scroll" tabindex="0" role="region" aria-label="Deprecated features"><table class="data"><thead><tr><th scope="col">Name</th><th scope="col">Phase</th><th scope="col" class="wide">Documentation</th></tr></thead><tbody>${live.data.map((x) => html`<tr key=${x.name}><td><code>${x.name}</code></td><td>${String(x.deprecation_phase || '').replaceAll('_', ' ')}${x.state && html` <${Badge}>${x.state}</${Badge}>`}</td><td class="wide">${x.doc_url && html`<a href=${x.doc_url} rel="noreferrer">announcement</a>`}</td></tr>`)}</tbody></table></div>`;
}
