/** Values in the binary formats of PostgreSQL's send functions, as text that its input functions read. */

/** PostgreSQL's epoch, 2000-01-01, in milliseconds since 1970. */
const epoch_ms = 946_684_800_000;
const day_us = 86_400_000_000n;

/** Days since 2000. null beyond the years 1 to 9999. */
export function dateText(bytes: Buffer): string | null {
  const days = bytes.readInt32BE(0);
  if (days === 2_147_483_647) return 'infinity';
  if (days === -2_147_483_648) return '-infinity';
  return dayText(BigInt(days));
}

/** Microseconds since midnight. */
export function timeText(bytes: Buffer): string {
  return clockText(bytes.readBigInt64BE(0));
}

/** Microseconds since 2000, in UTC. null beyond the years 1 to 9999. */
export function timestampText(bytes: Buffer, zone: string): string | null {
  const time_us = bytes.readBigInt64BE(0);
  if (time_us === 2n ** 63n - 1n) return 'infinity';
  if (time_us === -(2n ** 63n)) return '-infinity';
  const ofDay_us = ((time_us % day_us) + day_us) % day_us;
  const day = dayText((time_us - ofDay_us) / day_us);
  return day === null ? null : `${day} ${clockText(ofDay_us)}${zone}`;
}

/** Microseconds, days and months, none of which is a multiple of another. */
export function intervalText(bytes: Buffer): string {
  const [time_us, days, months] = [bytes.readBigInt64BE(0), bytes.readInt32BE(8), bytes.readInt32BE(12)];
  return `${months} mons ${days} days ${time_us} us`;
}

function dayText(days: bigint): string | null {
  const date = new Date(Number(days) * 86_400_000 + epoch_ms);
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() < 1 || date.getUTCFullYear() > 9999) return null;
  return date.toISOString().slice(0, 10);
}

function clockText(time_us: bigint): string {
  const pad = (value: bigint, width = 2) => String(value).padStart(width, '0');
  const seconds = time_us / 1_000_000n;
  const clock = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n].map(value => pad(value)).join(':');
  const fraction = pad(time_us % 1_000_000n, 6).replace(/0+$/, '');
  return fraction === '' ? clock : `${clock}.${fraction}`;
}

/** An array (array_send) as `{1,NULL,"a b"}`. null where an element has no text, or an index does not begin at 1. */
export function arrayText(bytes: Buffer, readElement: (bytes: Buffer) => string | null): string | null {
  const dimensions = bytes.readInt32BE(0);
  if (dimensions === 0) return '{}';
  const sizes: number[] = [];
  let at = 12;
  for (let dimension = 0; dimension < dimensions; dimension++, at += 8) {
    if (bytes.readInt32BE(at + 4) !== 1) return null;
    sizes.push(bytes.readInt32BE(at));
  }
  const element = (): string | null => {
    const length = bytes.readInt32BE(at);
    at += 4 + Math.max(length, 0);
    if (length < 0) return 'NULL';
    if (at > bytes.length) throw new RangeError('the array is cut off');
    const text = readElement(bytes.subarray(at - length, at));
    return text === null ? null : quote(text);
  };
  const level = (depth: number): string | null => {
    const items: string[] = [];
    for (let index = 0; index < (sizes[depth] ?? 0); index++) {
      const item = depth === sizes.length - 1 ? element() : level(depth + 1);
      if (item === null) return null;
      items.push(item);
    }
    return `{${items.join(',')}}`;
  };
  return level(0);
}

function quote(text: string): string {
  if (/^[\w.+:-]+$/.test(text) && text.toUpperCase() !== 'NULL') return text;
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

const specialNumerics: Record<number, string | undefined> = {
  49152: 'NaN',
  53248: 'Infinity',
  61440: '-Infinity',
};
const negative = 0x4000;

/** A numeric (numeric_send): digits of base 10000, `weight` + 1 of them before the decimal point. */
export function numericText(bytes: Buffer): string {
  const count = bytes.readInt16BE(0);
  const weight = bytes.readInt16BE(2);
  const sign = bytes.readUInt16BE(4);
  const scale = bytes.readInt16BE(6);
  const named = specialNumerics[sign];
  if (named !== undefined) return named;
  const digits = Array.from({length: count}, (_, index) => bytes.readInt16BE(8 + 2 * index));
  const group = (index: number) => String(digits[index] ?? 0).padStart(4, '0');
  const groups = (from: number, to: number) =>
    Array.from({length: Math.max(to - from, 0)}, (_, index) => group(from + index)).join('');
  const whole = groups(0, weight + 1).replace(/^0+(?=\d)/, '') || '0';
  const fraction = groups(weight + 1, weight + 1 + Math.ceil(scale / 4)).slice(0, scale);
  return `${sign === negative ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}
