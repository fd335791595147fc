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
