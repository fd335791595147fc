/** Signs of poolctl's own texts that have a likeness in ASCII. */
const likenesses: Record<string, string> = {
  '…': '~',
  '·': '.',
  '▏': '_',
  '±': '~',
  '–': '-',
  '↑': '^',
  '↓': 'v',
};

/** What stands for a character where only ASCII can be shown: its likeness, else `?`. */
export function likenessOf(character: string): string {
  return likenesses[character] ?? '?';
}

/** Text where only ASCII can be shown. */
export function toAscii(text: string): string {
  return text.replace(/[^\x20-\x7e\n]/gu, likenessOf);
}
