/** Type oids of PostgreSQL (pg_type.dat), by what becomes of them; all others keep pg's own parser. */
const numbers = [20, 21, 23, 26, 28, 700, 701, 1700]; // int8 int2 int4 oid xid float4 float8 numeric
const texts = [1082, 1083, 1114, 1184, 1186, 1266]; // date, time, timestamp, timestamptz, interval, timetz
const numberArrays = [1005, 1007, 1016, 1028]; // int2[] int4[] int8[] oid[]

/** A JavaScript Date would drop the microseconds, and an int8 as text would sort as text. */
export const parserOverrides: [oid: number, parse: (text: string) => unknown][] = [
  ...numbers.map((oid): [number, (text: string) => unknown] => [oid, Number]),
  ...texts.map((oid): [number, (text: string) => unknown] => [oid, text => text]),
  ...numberArrays.map((oid): [number, (text: string) => unknown] => [oid, parseIntegerArray]),
];

function parseIntegerArray(text: string): (number | null)[] {
  if (text === '{}') return [];
  return text
    .slice(1, -1)
    .split(',')
    .map(element => (element === 'NULL' ? null : Number(element)));
}
