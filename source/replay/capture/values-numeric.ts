const special: Record<number, string | undefined> = {49152: 'NaN', 53248: 'Infinity', 61440: '-Infinity'};
const negative = 0x4000;

/** A numeric as numeric_send writes it: digits of base 10000, `weight` of them before the point. */
export function numericText(bytes: Buffer): string {
  const count = bytes.readInt16BE(0);
  const weight = bytes.readInt16BE(2);
  const sign = bytes.readUInt16BE(4);
  const scale = bytes.readInt16BE(6);
  const named = special[sign];
  if (named !== undefined) return named;
  const digits = Array.from({length: count}, (_, index) => bytes.readInt16BE(8 + 2 * index));
  const group = (index: number) => String(digits[index] ?? 0).padStart(4, '0');
  const groups = (from: number, to: number) =>
    Array.from({length: Math.max(to - from, 0)}, (_, index) => group(from + index)).join('');
  const whole = groups(0, weight + 1).replace(/^0+(?=\d)/, '') || '0';
  const fraction = groups(weight + 1, weight + 1 + Math.ceil(scale / 4)).slice(0, scale);
  return `${sign === negative ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}
