// Logging in, at the start or again over the page when a login has ended.
import { html, useRef, useEffect } from '../lib/html.js';
import { request } from '../lib/api.js';
import { encodeToken, loggedIn, logOut, session } from '../lib/session.js';
import { useStore } from '../lib/store.js';
import { Dialog } from '../components/dialog.js';
import { Submit, Text, useForm } from '../components/form.js';
import { Mark } from '../components/icon.js';
import { Note } from '../components/basic.js';

/** @param {{again?: boolean}} props */
export function Login({ again }) {
	const { user, reason } = useStore(session);
	const form = useForm({ user, password: '' }, async (values) => {
		const token = encodeToken(values.user, values.password);
		try {
			loggedIn(token, await request('GET', 'whoami', { auth: 'Basic ' + token }));
		} catch (err) {
			throw explain(/** @type {any} */ (err));
		}
		return false;
	});
	if (!again) {
		return html`<main class="login"><div class="login-card">
			<h1 class="brand"><${Mark} />Rabbet</h1>
			<${LoginForm} form=${form} />
		</div></main>`;
	}
	return html`<${Dialog} title="Log in again">
		<div class="body">
			<${Note} kind="warn">${reason} What is open on the page stays as it is.</${Note}>
			<${LoginForm} form=${form}><button type="button" class="btn" onClick=${logOut}>Log out</button></${LoginForm}>
		</div>
	</${Dialog}>`;
}

function LoginForm({ form, children }) {
	const box = useRef(/** @type {HTMLElement | null} */ (null));
	useEffect(() => {
		const inputs = box.current?.querySelectorAll('input');
		(form.values.user ? inputs?.[1] : inputs?.[0])?.focus();
	}, []);
	return html`<form ref=${box} class="stack" onSubmit=${form.submit}>
		<${Text} label="User" value=${form.values.user} onChange=${form.set('user')} autocomplete="username" required />
		<${Text} label="Password" type="password" value=${form.values.password} onChange=${form.set('password')} autocomplete="current-password" />
		<${Submit} form=${form} text="Log in">${children}</${Submit}>
	</form>`;
}

/** @param {any} err */
function explain(err) {
	if (err.status === 401) err.message = /only log in via localhost/.test(err.details)
		? 'This user may log in from the broker’s own machine only. Add a user for other machines.'
		: /not management user/i.test(err.details) ? 'This user has no tag that permits the management page: management, policymaker, monitoring or administrator.' : 'User or password is wrong.';
	return err;
}
