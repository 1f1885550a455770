// Values that several components watch, and choices that outlive the page.
import { useState, useEffect } from './html.js';

/**
 * A value with watchers.
 * @template T
 */
export class Store {
	/** @param {T} value */
	constructor(value) {
		this.value = value;
		/** @type {Set<(value: T) => void>} */
		this.watchers = new Set();
	}

	/** @param {T} value */
	set(value) {
		if (Object.is(value, this.value)) return;
		this.value = value;
		for (const watch of [...this.watchers]) watch(value);
	}

	/** @param {Partial<T>} part */
	patch(part) {
		this.set({ ...this.value, ...part });
	}

	/** @param {(value: T) => void} watch */
	subscribe(watch) {
		this.watchers.add(watch);
		return () => { this.watchers.delete(watch); };
	}
}

/**
 * The value of a store; the component renders again when it changes.
 * @template T
 * @param {Store<T>} store
 * @returns {T}
 */
export function useStore(store) {
	const [value, set] = useState(store.value);
	useEffect(() => {
		set(store.value);
		return store.subscribe(set);
	}, [store]);
	return value;
}

/** What is kept in the browser, by user choice only: no message, no password. */
export const kept = {
	/** @param {string} key @param {any} [fallback] */
	get(key, fallback = null) {
		try {
			const text = localStorage.getItem('rabbet.' + key);
			return text === null ? fallback : JSON.parse(text);
		} catch {
			return fallback;
		}
	},
	/** @param {string} key @param {any} value */
	set(key, value) {
		try {
			if (value === null || value === undefined) localStorage.removeItem('rabbet.' + key);
			else localStorage.setItem('rabbet.' + key, JSON.stringify(value));
		} catch { /* Storage is refused or full: the choice lasts as long as the page. */ }
	},
};

/**
 * State that is kept in the browser under key.
 * @param {string} key
 * @param {any} fallback
 * @returns {[any, (value: any) => void]}
 */
export function useKept(key, fallback) {
	const [value, set] = useState(() => kept.get(key, fallback));
	return [value, (next) => { kept.set(key, next); set(next); }];
}

const systemLight = matchMedia('(prefers-color-scheme: light)');

/** "light" or "dark", as shown now. */
export const theme = new Store(shownTheme());
systemLight.addEventListener('change', () => theme.set(shownTheme()));

function shownTheme() {
	return document.documentElement.dataset.theme || (systemLight.matches ? 'light' : 'dark');
}

/** @param {string} choice "light", "dark" or "auto" */
export function chooseTheme(choice) {
	const root = document.documentElement;
	if (choice === 'auto') delete root.dataset.theme;
	else root.dataset.theme = choice;
	try {
		if (choice === 'auto') localStorage.removeItem('rabbet.theme');
		else localStorage.setItem('rabbet.theme', choice);
	} catch { /* It lasts as long as the page. */ }
	theme.set(shownTheme());
}
