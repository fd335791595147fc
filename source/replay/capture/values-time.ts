/** 2000-01-01, where PostgreSQL counts from, in milliseconds since 1970. */
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
