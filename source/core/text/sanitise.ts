/**
 * Makes text from a server, a file or a scanned source safe for a terminal: it may contain escape sequences that rewrite
 * the screen, bidirectional marks that reorder it, or newlines that forge lines.
 *
 * Every control (C0, C1, DEL), format character (bidirectional, zero-width, tags), line separator, invisible
 * filler and lone surrogate becomes one visible `·`; tab and newline become a space.
 */
export function sanitise(text: string): string {
  return isPlainAscii.test(text) ? text : text.replace(whiteSpace, ' ').replace(hostile, '·');
}

const isPlainAscii = /^[\x20-\x7e]*$/;
const whiteSpace = /[\t\n\r]/g;
const hostile = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Signs in poolctl's own texts, with their ASCII equivalents. */
const likenesses: Record<string, string> = {
  '…': '~',
  '·': '.',
  '▏': '_',
  '±': '~',
  '–': '-',
  '↑': '^',
  '↓': 'v',
};

/** The ASCII replacement of a character: its equivalent, or `?`. */
export function likenessOf(character: string): string {
  return likenesses[character] ?? '?';
}

/** The text in ASCII. */
export function toAscii(text: string): string {
  return text.replace(/[^\x20-\x7e\n]/gu, likenessOf);
}
