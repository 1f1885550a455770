// A classic script, run before the first paint, so that no page flashes in the wrong theme.
// The choice is "light", "dark" or, with none stored, that of the system.
(() => {
	try {
		const theme = localStorage.getItem('rabbet.theme');
		if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
	} catch { /* Storage is refused: the system's theme stays. */ }
})();
