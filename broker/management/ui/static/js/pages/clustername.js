// The name of the cluster, which clients see in the server's properties.
import { html } from '../lib/html.js';
import { put } from '../lib/api.js';
import { useLive } from '../lib/live.js';
import { may } from '../lib/session.js';
import { Card, ErrorNote, Facts, PageHead } from '../components/basic.js';
import { Submit, Text, useForm } from '../components/form.js';
import { say } from '../components/toast.js';

export default function ClusterName() {
	const live = useLive('cluster-name');
	const form = useForm({ name: '' }, async (v) => {
		await put('cluster-name', { name: v.name });
		say('The cluster has a new name.');
		live.reload();
	});
	return html`<${PageHead} title="Cluster name" crumb=${{ text: 'Node and health', to: '#/nodes' }} /><${Card}><div class="stack"><${ErrorNote} error=${live.error} />
		<${Facts} rows=${[['Now', html`<strong class="name">${live.data?.name}</strong>`]]} />
		${may.administer() && html`<form class="form" onSubmit=${form.submit}><${Text} label="New name" value=${form.values.name} onChange=${form.set('name')} required /><${Submit} form=${form} text="Change" /></form>`}</div></${Card}>`;
}
