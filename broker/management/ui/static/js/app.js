// The page as a whole: login or frame, and the page that the address names.
import { html, render, useEffect, useState, useRef, useErrorBoundary } from './lib/html.js';
import { request } from './lib/api.js';
import { authorization, hasToken, loggedIn, notLoggedIn, session } from './lib/session.js';
import { learnExtensions } from './lib/broker.js';
import { Pushed } from './lib/pushed.js';
import { useStore } from './lib/store.js';
import { useRoute } from './lib/router.js';
import { pageOf } from './lib/pages.js';
import { Login } from './pages/login.js';
import { Frame } from './components/frame.js';
import { Questions } from './components/dialog.js';
import { Toasts, say } from './components/toast.js';
import { ErrorNote, Note, PageHead } from './components/basic.js';
import { Keys } from './components/keys.js';

async function start() {
	if (!hasToken()) {
		notLoggedIn();
		return;
	}
	const token = authorization();
	for (;;) {
		try {
			loggedIn(token.replace('Basic ', ''), await request('GET', 'whoami', { auth: token }));
			return;
		} catch (err) {
			if (err.status === 401) {
				notLoggedIn();
				return;
			}
			// The broker is away, not the login gone.
			session.patch({ reason: 'The broker does not answer. The page goes on trying.' });
			await new Promise((done) => setTimeout(done, 1000));
		}
	}
}

function App() {
	const { state, reason } = useStore(session);
	useEffect(() => { if (state === 'in') learnExtensions(); }, [state]);
	if (state === 'unknown') return html`<div class="login"><p class="muted" role="status">${reason || 'Rabbet is loading'}</p></div>`;
	if (state === 'out') return html`<${Login} />`;
	return html`<${Frame}><${Page} /></${Frame}>
		<${Pushed} /><${Keys} /><${Questions} say=${say} /><${Toasts} />
		${state === 'ended' && html`<${Login} again />`}`;
}

/** Loads the module of the page that the address names, and shows its default export. */
function Page() {
	const { parts } = useRoute();
	const [page, setPage] = useState(/** @type {any} */ (null));
	const wanted = parts.join('\n');
	const first = useRef(true);
	useEffect(() => {
		const found = pageOf(parts);
		if (!found) {
			setPage({ wanted, view: html`<${PageHead} title="There is no such page" sub=${html`Look for it with <kbd>Ctrl</kbd> <kbd>K</kbd>.`} />` });
			return undefined;
		}
		let current = true;
		found.load().then(
			(module) => { if (current) setPage({ wanted, Component: module.default, props: found.props }); },
			(err) => { if (current) setPage({ wanted, view: html`<${PageHead} title="This page could not be loaded" /><${Note} kind="warn">The broker may have been upgraded, or does not answer. <button class="btn small" onClick=${() => location.reload()}>Reload</button> <span class="visually-hidden">${String(err)}</span></${Note}>` }); },
		);
		return () => { current = false; };
	}, [wanted]);
	useEffect(() => {
		if (!page) return;
		const title = document.querySelector('main h1');
		// What is shown, for tests that drive the page.
		/** @type {HTMLElement} */ (document.querySelector('main')).dataset.page = page.wanted;
		document.title = (title?.textContent ? title.textContent.slice(0, 60) + ' · ' : '') + 'Rabbet';
		if (first.current) {
			first.current = false;
			return;
		}
		scrollTo(0, 0);
		/** @type {HTMLElement | null} */ (title)?.focus({ preventScroll: true });
	}, [page]);
	if (!page) return null;
	if (page.view) return page.view;
	return html`<${Guard} key=${page.wanted}><${page.Component} ...${page.props} /></${Guard}>`;
}

/** A fault of one page is told in its place. @param {any} props */
function Guard({ children }) {
	const [error, reset] = useErrorBoundary((err) => console.error(err));
	if (error) return html`<${ErrorNote} error=${{ message: 'This page has a fault of its own.', details: String(error.stack || error) }} retry=${reset} />`;
	return children;
}

start();
const root = /** @type {HTMLElement} */ (document.getElementById('app'));
root.replaceChildren();
render(html`<${App} />`, root);
