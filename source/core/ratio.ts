/** `80%` or `0.8`, from 0 to 1; a bare 80 could mean either. Returns null for what is none. */
export function parseRatio(text: string): number | null {
  const [, amount, sign] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim()) ?? [];
  const ratio = sign === '%' ? Number(amount) / 100 : Number(amount);
  return ratio >= 0 && ratio <= 1 ? ratio : null;
}
