// What Lighthouse's audit of accessibility looks for, in what is shown now: a list of findings.
(() => {
	const found = new Set();
	const report = (what, e) => found.add(what + ': ' + e.outerHTML.slice(0, 160));
	const all = (selector) => [...document.querySelectorAll(selector)];
	const shown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !e.closest('.visually-hidden, [inert]');
	const off = (e) => e.closest(':disabled, [aria-disabled=true]') !== null || e.closest('label')?.control?.disabled === true;
	const controls = 'a[href], button, input:not([type=hidden]), select, textarea, summary';
	const modal = document.querySelector('dialog[open]');

	// The document.
	if (!document.documentElement.lang) found.add('the document has no language');
	if (!document.title.trim()) found.add('the document has no title');
	if (/user-scalable\s*=\s*no|maximum-scale/.test(document.querySelector('meta[name=viewport]')?.content ?? '')) found.add('the page cannot be enlarged');

	// Landmarks: one main, those of a kind told apart by name, nothing outside of them.
	if (all('main').length !== 1) found.add('there is not one main landmark');
	const names = all('nav, aside, [role=region]').filter(shown).map((e) => e.tagName + e.role + e.getAttribute('aria-label'));
	for (const name of names) if (name.endsWith('null') || names.indexOf(name) !== names.lastIndexOf(name)) found.add('landmarks are not told apart: ' + name);

	// Texts: within a landmark, and with the contrast of level AA.
	const pixel = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
	const colors = new Map();
	const rgba = (text) => {
		if (!colors.has(text)) {
			pixel.clearRect(0, 0, 1, 1);
			pixel.fillStyle = text;
			pixel.fillRect(0, 0, 1, 1);
			const [r, g, b, a] = pixel.getImageData(0, 0, 1, 1).data;
			colors.set(text, [r, g, b, a / 255]);
		}
		return colors.get(text);
	};
	const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
	const behind = (e) => {
		const layers = [];
		for (let at = e; at; at = at.parentElement) {
			const color = rgba(getComputedStyle(at).backgroundColor);
			layers.push(color);
			if (color[3] === 1) break;
		}
		return layers.reduceRight((below, layer) => over(layer, below), [255, 255, 255]);
	};
	const luminance = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const contrast = (a, b) => { const [m, n] = [luminance(a), luminance(b)].sort((x, y) => y - x); return (m + 0.05) / (n + 0.05); };
	const legible = (e, style) => {
		if (off(e)) return;
		let [r, g, b, a] = rgba(style.color);
		for (let at = e; at; at = at.parentElement) a *= Number(getComputedStyle(at).opacity);
		const size = parseFloat(style.fontSize);
		const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
		const back = behind(e);
		const got = contrast(over([r, g, b, a], back), back);
		if (got < least) report(`contrast ${got.toFixed(2)}, not ${least}`, e);
		if (size < 12) report(`letters of ${size} px`, e);
	};
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	const seen = new Set();
	while (walker.nextNode()) {
		const e = walker.currentNode.parentElement;
		if (!walker.currentNode.data.trim() || seen.has(e) || !shown(e) || e.closest('svg, noscript, option')) continue;
		seen.add(e);
		if (!e.closest('main, nav, aside, header, footer, dialog, .skip, [role=status], [role=alert]')) report('text outside of a landmark', e);
		legible(e, getComputedStyle(e));
	}
	for (const e of all('input, select, textarea').filter(shown)) {
		legible(e, getComputedStyle(e));
		if (e.placeholder && !e.value) legible(e, getComputedStyle(e, '::placeholder'));
	}

	// Links within a sentence are told by more than their colour.
	for (const a of all('a[href]').filter(shown)) {
		if (getComputedStyle(a).display !== 'inline' || a.closest('button, h1, h2')) continue;
		const words = [...a.parentElement.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && /\p{L}{2}/u.test(n.data));
		if (words && !getComputedStyle(a).textDecorationLine.includes('underline')) report('a link within a text that only its colour tells', a);
	}

	// Controls: names that hold what is seen, none within another, none hidden from readers only.
	for (const e of all(controls + ', [role=button]').filter(shown)) {
		const label = e.getAttribute('aria-label')?.toLowerCase();
		const text = e.matches('input, select, textarea') ? '' : [...e.childNodes].filter((n) => !(n instanceof Element) || (!n.matches('[aria-hidden=true]') && shown(n))).map((n) => n.textContent).join('').trim().toLowerCase();
		if (label !== undefined && text && !label.includes(text)) report('the name does not hold the text', e);
		if (e.parentElement.closest('a[href], button')) report('a control within another', e);
		if (e.closest('[aria-hidden=true]') && e.tabIndex >= 0) report('a control that readers do not see', e);
	}
	const area = (e) => (e.matches('input[type=checkbox], input[type=radio]') && e.closest('label') || e).getBoundingClientRect();
	const covered = (e) => { // by a menu that is open
		const b = e.getBoundingClientRect();
		const top = document.elementFromPoint(b.left + b.width / 2, b.top + b.height / 2);
		return top !== null && !e.contains(top) && !top.contains(e);
	};
	const targets = (modal ? [...modal.querySelectorAll(controls)] : all(controls)).filter((e) => shown(e) && !off(e) && !covered(e)).map((e) => ({ e, box: area(e) }))
		.filter(({ e, box }) => box.width > 0 && !(e.matches('a') && getComputedStyle(e).display === 'inline'));
	const middle = (b) => [b.left + b.width / 2, b.top + b.height / 2];
	for (const { e, box } of targets.filter((t) => t.box.width < 24 || t.box.height < 24)) {
		const [x, y] = middle(box);
		for (const other of targets) {
			const b = other.box;
			const gap = Math.hypot(Math.max(b.left - x, 0, x - b.right), Math.max(b.top - y, 0, y - b.bottom));
			const small = (b.width < 24 || b.height < 24) && Math.hypot(middle(b)[0] - x, middle(b)[1] - y) < 24;
			if (other.e !== e && !other.e.contains(e) && (gap < 12 || small)) report('too small and too near to ' + other.e.outerHTML.slice(0, 60), e);
		}
	}

	// Structure: references, lists, tables, roles, boxes that scroll.
	for (const [attribute, exempt] of [['aria-labelledby'], ['aria-describedby'], ['aria-controls', '[aria-expanded=false]'], ['aria-activedescendant'], ['for']]) {
		for (const e of all(`[${attribute}]`)) {
			if (exempt && e.matches(exempt)) continue;
			for (const id of e.getAttribute(attribute).split(/\s+/)) if (!document.getElementById(id)) report(`${attribute} leads nowhere`, e);
		}
	}
	for (const e of all('ul > :not(li), ol > :not(li), dl > :not(dt, dd, div)')) report('not an item of its list', e);
	for (const e of all('li')) if (!e.parentElement.matches('ul, ol')) report('an item without a list', e);
	for (const e of all('dt, dd')) if (!e.closest('dl')) report('a term without a list', e);
	for (const e of all('[role=listbox] > *')) if (e.role !== 'option') report('not an option of its list', e);
	for (const e of all('th')) if (!e.textContent.trim() && !e.querySelector('input')) report('a column without a name', e);
	for (const e of all(':is(div, span, p, code, i, strong, small):is([aria-label], [aria-labelledby]):not([role])')) report('a name for what has no role', e);
	for (const e of all('[role=meter]')) if (!e.hasAttribute('aria-valuenow')) report('a meter without a value', e);
	for (const e of all('dialog[open]')) if (!e.getAttribute('aria-label') && !e.getAttribute('aria-labelledby')) report('a dialog without a name', e);
	for (const e of all('body *').filter(shown)) {
		const style = getComputedStyle(e);
		const scrolls = (/auto|scroll/.test(style.overflowX) && e.scrollWidth > e.clientWidth + 1) || (/auto|scroll/.test(style.overflowY) && e.scrollHeight > e.clientHeight + 1);
		if (scrolls && e.tabIndex < 0 && e.role !== 'listbox' && ![...e.querySelectorAll(controls + ', [tabindex="0"]')].some((c) => shown(c) && !off(c))) report('a box that scrolls, and not by keys', e);
	}
	return [...found];
})()
