// The frame: side bar, top bar, and the page between them.
import { html, useEffect, useState } from '../lib/html.js';
import { NAV, pageOf } from '../lib/pages.js';
import { useRoute, href } from '../lib/router.js';
import { useStore, chooseTheme, theme } from '../lib/store.js';
import { vhostFilter } from '../lib/api.js';
import { useLive } from '../lib/live.js';
import { freshness, interval, paused, refresh } from '../lib/refresh.js';
import { about, extensions, useVhosts } from '../lib/broker.js';
import { logOut, session } from '../lib/session.js';
import * as f from '../lib/format.js';
import { Icon, Mark } from './icon.js';
import { Menu } from './basic.js';
import { openPalette } from './palette.js';
import { helpShown } from './keys.js';

export function Frame({ children }) {
	const [menu, setMenu] = useState(false);
	const { hash } = useRoute();
	useEffect(() => setMenu(false), [hash]);
	const toPage = (e) => { e.preventDefault(); document.getElementById('main')?.focus(); };
	return html`<div class=${'app' + (menu ? ' menu-open' : '')}>
		<a class="skip" href="#main" onClick=${toPage}>To the page</a>
		<${Side} />
		<button class="scrim" aria-label="Close the menu" tabindex="-1" onClick=${() => setMenu(false)} />
		<header class="top">
			<button class="btn plain icon menu-button" aria-label="Menu" aria-expanded=${String(menu)} onClick=${() => setMenu(!menu)}><${Icon} name="menu" /></button>
			<button class="search-button" aria-label="Search or run a command" onClick=${() => openPalette()}><${Icon} name="search" /><span>Search or run a command</span><kbd aria-hidden="true">Ctrl K</kbd></button>
			<span class="spacer" />
			<${Freshness} />
			<${VhostPicker} />
			<${ThemeMenu} />
			<${UserMenu} />
		</header>
		<main id="main" class="page" tabindex="-1">${children}</main>
	</div>`;
}

function Side() {
	const { parts } = useRoute();
	const now = pageOf(parts)?.nav;
	const has = useStore(extensions);
	const program = useStore(about);
	useStore(session);
	const { data } = useLive('overview?columns=object_totals,cluster_name,rabbitmq_version,product_version,product_name,node');
	/** @type {Record<string, number>} */
	const totals = data?.object_totals || {};
	return html`<aside class="side" aria-label="Side bar">
		<a class="brand" href="#/"><${Mark} />Rabbet</a>
		<nav class="nav" aria-label="Pages">
			${NAV.map(({ title, entries }) => {
				const shown = entries.filter((entry) => (!entry.may || entry.may()) && (!entry.needs || !has || has.includes(entry.needs)));
				return shown.length > 0 && html`<div key=${title}>${title && html`<h2>${title}</h2>`}<ul>${shown.map((entry) => html`<li key=${entry.id}><a href=${'#/' + entry.id} aria-current=${entry.id === now ? 'page' : undefined}>
					<${Icon} name=${entry.icon} />${entry.text}${totals[entry.id] > 0 && html`<span class="count">${f.number(totals[entry.id])}</span>`}</a></li>`)}</ul></div>`;
			})}
		</nav>
		<div class="side-foot"><a class="name" href="#/cluster-name" title="Cluster name">${data?.cluster_name || ' '}</a><br />${program ? `Rabbet, as RabbitMQ ${program.version}` : data ? `RabbitMQ ${data.rabbitmq_version}` : ''}</div>
	</aside>`;
}

const INTERVALS = [[1000, 'every second'], [2000, 'every 2 seconds'], [5000, 'every 5 seconds'], [10000, 'every 10 seconds'], [30000, 'every 30 seconds'], [60000, 'every minute'], [0, 'by hand']];

function Freshness() {
	const fresh = useStore(freshness);
	const stopped = useStore(paused);
	const every = useStore(interval);
	const [, tick] = useState(0);
	useEffect(() => {
		const timer = setInterval(() => tick((n) => n + 1), 1000);
		return () => clearInterval(timer);
	}, []);
	const age = fresh.at ? Date.now() - fresh.at : 0;
	const stale = fresh.failing || (!stopped && every > 0 && age > every + 8000 && !document.hidden);
	const words = stopped ? 'paused' : stale ? `data is ${f.duration(Math.floor(age / 1000) * 1000)} old` : every === 0 ? 'by hand' : 'live';
	return html`<div class="freshness">
		<span class=${'dot' + (stale ? ' stale' : stopped || every === 0 ? ' paused' : '')} /><span class=${stale ? 'bad' : 'words'} aria-hidden="true">${words}</span><span class="visually-hidden" role="status">${stale ? 'The broker does not answer' : words}</span>
		<button class="btn plain icon" aria-label=${stopped ? 'Go on' : 'Pause'} title=${stopped ? 'Go on (.)' : 'Pause (.)'} onClick=${() => paused.set(!stopped)}><${Icon} name=${stopped ? 'play' : 'pause'} /></button>
		<${Menu} label=${html`<${Icon} name="refresh" />`} title="Refresh" className="btn plain icon">
			<button class="item" onClick=${refresh}><${Icon} name="refresh" />Refresh now<span class="spacer" /><kbd>r</kbd></button><hr />
			${INTERVALS.map(([ms, text]) => html`<button key=${ms} class="item" aria-pressed=${String(ms === every)} onClick=${() => interval.set(Number(ms))}>${ms === every ? html`<${Icon} name="check" />` : html`<span style=${{ width: '16px' }} />`}${text}</button>`)}
		</${Menu}>
	</div>`;
}

function VhostPicker() {
	const chosen = useStore(vhostFilter);
	const vhosts = useVhosts();
	useEffect(() => { if (chosen && vhosts.length > 0 && !vhosts.includes(chosen)) vhostFilter.set(''); }, [chosen, vhosts.length]);
	if (vhosts.length < 2 && !chosen) return null;
	return html`<${Menu} label=${html`<${Icon} name="vhosts" /><span class="name clip" style=${{ maxWidth: '8rem' }}>${chosen || 'All'}</span>`} title=${`Virtual host: ${chosen || 'all'}`} className=${chosen ? 'btn' : 'btn plain'}>
		<div class="title">Virtual host</div>
		<div style=${{ maxHeight: '60vh', overflow: 'auto' }}>${['', ...vhosts].map((v) => html`<button key=${v} class="item" aria-pressed=${String(v === chosen)} onClick=${() => vhostFilter.set(v)}>${v === chosen ? html`<${Icon} name="check" />` : html`<span style=${{ width: '16px', flex: 'none' }} />`}<span class="name">${v || 'All'}</span></button>`)}</div>
	</${Menu}>`;
}

function ThemeMenu() {
	const shown = useStore(theme);
	return html`<${Menu} label=${html`<${Icon} name=${shown === 'dark' ? 'moon' : 'sun'} />`} title="Theme" className="btn plain icon">
		${[['light', 'Light'], ['dark', 'Dark'], ['auto', 'As the system']].map(([id, text]) => html`<button key=${id} class="item" onClick=${() => chooseTheme(id)}>${text}</button>`)}
	</${Menu}>`;
}

function UserMenu() {
	const { user, tags } = useStore(session);
	return html`<${Menu} label=${html`<${Icon} name="users" />`} title=${`User ${user}`} className="btn plain icon">
		<div class="title"><span class="name">${user}</span><br />${tags.join(', ') || 'no tags'}</div><hr />
		<a class="item" href=${href(['users', user])}>This user</a>
		<button class="item" onClick=${() => helpShown.set(true)}>Keys<span class="spacer" /><kbd>?</kbd></button>
		<button class="item" onClick=${logOut}>Log out</button>
	</${Menu}>`;
}
