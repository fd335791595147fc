import type {SqlParam} from '../endpoint/sql-endpoint.ts';

/** A value for the endpoint file, and its text, by which values are compared. */
export type Value = {param: SqlParam; key: string | null};

/**
 * Decodes a value: text (format 0) unchanged, binary (format 1) of common types to the equivalent text. Binary values of
 * other types stay bytes, which a replay sends in the binary format.
 */
export function decodeValue(bytes: Buffer | null, format: number, oid: number): Value {
  if (bytes === null) return {param: {value: null}, key: null};
  const text = format === 0 ? bytes.toString('utf8') : binaryText(bytes, oid);
  if (text === null) return {param: {bytes}, key: `\\x${bytes.toString('hex')}`};
  if (oid === oids.bool) {
    const isTrue = text === 't' || text === 'true';
    if (isTrue || text === 'f' || text === 'false') return {param: {value: isTrue}, key: String(isTrue)};
  }
  const number = Number(text);
  if (integers.has(oid) && Number.isSafeInteger(number) && String(number) === text)
    return {param: {value: number}, key: text};
  return {param: {value: text}, key: text};
}

/** The type's name for a cast; null for a type that is not built in. */
export function typeName(oid: number): string | null {
  const own = types.get(oid);
  if (own !== undefined) return own.name;
  const element = arrays.get(oid);
  return element === undefined ? null : `${types.get(element)?.name}[]`;
}

/** Whether a column's value and a parameter of this type have the same text. */
export function isKeyType(oid: number): boolean {
  return keys.has(oid) || oid >= firstUserOid;
}

/** FirstNormalObjectId (access/transam.h): enums, domains and other user-defined types. */
const firstUserOid = 16_384;

function binaryText(bytes: Buffer, oid: number): string | null {
  try {
    const element = arrays.get(oid);
    if (element !== undefined) return arrayText(bytes, each => binaryText(each, element));
    return types.get(oid)?.read?.(bytes) ?? null;
  } catch (error) {
    // Shorter than the type: the value is of another type and stays bytes.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

type Type = {name: string; read?: (bytes: Buffer) => string | null};

const utf8 = (bytes: Buffer) => bytes.toString('utf8');

/** Built-in types by OID (pg_type.dat). `read` decodes the output of the type's send function. */
const types = new Map<number, Type>([
  [16, {name: 'bool', read: bytes => (bytes.readInt8(0) === 0 ? 'f' : 't')}],
  [17, {name: 'bytea'}],
  [18, {name: '"char"', read: utf8}],
  [19, {name: 'name', read: utf8}],
  [20, {name: 'int8', read: bytes => String(bytes.readBigInt64BE(0))}],
  [21, {name: 'int2', read: bytes => String(bytes.readInt16BE(0))}],
  [23, {name: 'int4', read: bytes => String(bytes.readInt32BE(0))}],
  [25, {name: 'text', read: utf8}],
  [26, {name: 'oid', read: bytes => String(bytes.readUInt32BE(0))}],
  [114, {name: 'json', read: utf8}],
  [142, {name: 'xml', read: utf8}],
  [650, {name: 'cidr'}],
  [700, {name: 'float4', read: bytes => float4Text(bytes.readFloatBE(0))}],
  [701, {name: 'float8', read: bytes => String(bytes.readDoubleBE(0))}],
  [790, {name: 'money'}],
  [829, {name: 'macaddr'}],
  [869, {name: 'inet'}],
  [1042, {name: 'bpchar', read: utf8}],
  [1043, {name: 'varchar', read: utf8}],
  [1082, {name: 'date', read: dateText}],
  [1083, {name: 'time', read: timeText}],
  [1114, {name: 'timestamp', read: bytes => timestampText(bytes, '')}],
  [1184, {name: 'timestamptz', read: bytes => timestampText(bytes, '+00')}],
  [1186, {name: 'interval', read: intervalText}],
  [1266, {name: 'timetz'}],
  [1560, {name: 'bit'}],
  [1562, {name: 'varbit'}],
  [1700, {name: 'numeric', read: numericText}],
  [2950, {name: 'uuid', read: uuidText}],
  // A format version (1), then the text.
  [3802, {name: 'jsonb', read: bytes => (bytes.readInt8(0) === 1 ? bytes.toString('utf8', 1) : null)}],
]);

/** Element type by array type (OIDs). */
const arrays = new Map<number, number>([
  [1000, 16],
  [1001, 17],
  [1002, 18],
  [1003, 19],
  [1016, 20],
  [1005, 21],
  [1007, 23],
  [1009, 25],
  [1028, 26],
  [199, 114],
  [143, 142],
  [651, 650],
  [1021, 700],
  [1022, 701],
  [791, 790],
  [1040, 829],
  [1041, 869],
  [1014, 1042],
  [1015, 1043],
  [1182, 1082],
  [1183, 1083],
  [1115, 1114],
  [1185, 1184],
  [1187, 1186],
  [1270, 1266],
  [1561, 1560],
  [1563, 1562],
  [1231, 1700],
  [2951, 2950],
  [3807, 3802],
]);

const oids = {bool: 16};
const integers = new Set([20, 21, 23, 26]);
/** Types whose values drivers return unchanged: no times, which become Dates, no floats and no documents. */
const keys = new Set([16, 18, 19, 20, 21, 23, 25, 26, 1042, 1043, 2950]);

/** The shortest text that reads back as the same float4. */
function float4Text(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    if (Math.fround(Number(text)) === value) return text;
  }
  return String(value);
}

function uuidText(bytes: Buffer): string | null {
  if (bytes.length !== 16) return null;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** PostgreSQL's epoch, 2000-01-01, in milliseconds since 1970. */
const epoch_ms = 946_684_800_000;
const day_us = 86_400_000_000n;

/** From days since 2000. null outside the years 1 to 9999. */
function dateText(bytes: Buffer): string | null {
  const days = bytes.readInt32BE(0);
  if (days === 2_147_483_647) return 'infinity';
  if (days === -2_147_483_648) return '-infinity';
  return dayText(BigInt(days));
}

/** From microseconds since midnight. */
function timeText(bytes: Buffer): string {
  return clockText(bytes.readBigInt64BE(0));
}

/** From microseconds since 2000 in UTC. null outside the years 1 to 9999. */
function timestampText(bytes: Buffer, zone: string): string | null {
  const time_us = bytes.readBigInt64BE(0);
  if (time_us === 2n ** 63n - 1n) return 'infinity';
  if (time_us === -(2n ** 63n)) return '-infinity';
  const ofDay_us = ((time_us % day_us) + day_us) % day_us;
  const day = dayText((time_us - ofDay_us) / day_us);
  return day === null ? null : `${day} ${clockText(ofDay_us)}${zone}`;
}

/**
 * From microseconds, days and months, which do not convert into each other. As a clock's time with a sign: before
 * PostgreSQL 15 an interval may not have 2^31 microseconds or more in one field.
 */
function intervalText(bytes: Buffer): string {
  const [time_us, days, months] = [bytes.readBigInt64BE(0), bytes.readInt32BE(8), bytes.readInt32BE(12)];
  if (time_us === 2n ** 63n - 1n && months === 2 ** 31 - 1) return 'infinity';
  if (time_us === -(2n ** 63n) && months === -(2 ** 31)) return '-infinity';
  const clock = time_us < 0n ? `-${clockText(-time_us)}` : `+${clockText(time_us)}`;
  return `${months} mons ${days} days ${clock}`;
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

/** An array (array_send) as `{1,NULL,"a b"}`. null if an element has no text or a lower bound is not 1. */
function arrayText(bytes: Buffer, readElement: (bytes: Buffer) => string | null): string | null {
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
function numericText(bytes: Buffer): string {
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
