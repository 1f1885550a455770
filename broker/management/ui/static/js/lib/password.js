// Passwords nobody has thought of.
const LETTERS = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/** Twenty-four letters and digits, none that are mistaken for others: 140 bits. */
export function generatePassword() {
	const out = [];
	while (out.length < 24) {
		// Bytes beyond the largest multiple are thrown away, so that each letter is as likely.
		for (const byte of crypto.getRandomValues(new Uint8Array(32))) {
			if (byte < 256 - (256 % LETTERS.length) && out.length < 24) out.push(LETTERS[byte % LETTERS.length]);
		}
	}
	return out.join('');
}
