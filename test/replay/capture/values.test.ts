import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {decodeValue, typeName} from '../../../source/replay/capture/values.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';

/** Literals by type. The server's binary format of each must decode to the same value. */
const literals: Record<string, string[]> = {
  bool: ['t', 'f'],
  int2: ['-32768', '7'],
  int4: ['-2147483648', '0'],
  int8: ['9223372036854775807', '-1'],
  oid: ['4294967295'],
  float4: ['0.1', '-1e+30', '16777216', 'Infinity', 'NaN'],
  float8: ['0.1', '1e-300', '-Infinity', '123456789012345680'],
  numeric: ['0', '1.10', '-0.00012', '12345678901234567890.123456', '10000', '1e20', '0.00001', 'NaN'],
  text: ['', 'naïve 日本'],
  varchar: ['a'],
  bpchar: ['a'],
  name: ['pg_class'],
  uuid: ['0f8fad5b-d9cb-469f-a165-70867728950e'],
  json: ['{"a": 1}'],
  jsonb: ['{"a": [1, null]}'],
  date: ['2024-02-29', '1969-12-31', 'infinity', '0001-01-01'],
  time: ['00:00:00', '23:59:59.999999', '12:30:00.5'],
  timestamp: ['1999-12-31 23:59:59.999999', '2026-11-21 07:00:00', '-infinity'],
  timestamptz: ['2026-11-21 07:00:00.25+00'],
  interval: ['1 year 2 mons -3 days 04:05:06.7', '-00:00:01', '-1 day +100000:00:00.5'],
  'int4[]': ['{}', '{1,NULL,3}', '{{1,2},{3,4}}'],
  'text[]': ['{a,"b c","NULL",NULL,"q\\"\\\\"}'],
  'uuid[]': ['{0f8fad5b-d9cb-469f-a165-70867728950e}'],
};

const sendNames: Record<string, string> = {
  time: 'time_send',
  date: 'date_send',
  'int4[]': 'array_send',
  'text[]': 'array_send',
  'uuid[]': 'array_send',
  name: 'namesend',
  bool: 'boolsend',
  oid: 'oidsend',
  text: 'textsend',
  varchar: 'varcharsend',
  bpchar: 'bpcharsend',
};

describeEachMajor('values of the binary format', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
  });
  afterAll(() => server?.stop());

  const cases = Object.entries(literals).flatMap(([type, texts]) => texts.map(text => [type, text]));
  // Infinite intervals came with PostgreSQL 17.
  const sinceVersion17 = [
    ['interval', 'infinity'],
    ['interval', '-infinity'],
  ];
  it.each(major >= 17 ? [...cases, ...sinceVersion17] : cases)('%s %s', async (type = '', text = '') => {
    const send = sendNames[type] ?? (/^(int\d|float)/.test(type) ? `${type}send` : `${type}_send`);
    const [row] = await server.query<{bytes: Buffer; oid: number}>(
      `SELECT ${send}($1::${type}) AS bytes, '${type}'::regtype::oid::int8::int4 AS oid`.replace(
        '::int8::int4',
        '::text::int8',
      ),
      [text],
    );
    const {param} = decodeValue(row?.bytes ?? null, 1, Number(row?.oid));
    expect('value' in param, 'decoded').toBe(true);
    const value = 'value' in param ? String(param.value) : '';
    // json has no equality, so compare its text.
    const cast = type === 'json' ? 'json::text' : type;
    const [same] = await server.query<{is_same: boolean}>(
      `SELECT $1::${cast} IS NOT DISTINCT FROM $2::${cast} AS is_same`,
      [value, text],
    );
    expect(same?.is_same, `${value} for ${text}`).toBe(true);
    expect(typeName(Number(row?.oid))?.replace('"char"', 'char')).toBe(type);
  });
});

describe('values', () => {
  it.each([
    ['NULL', null, 0, 25, {value: null}],
    ['text of no known type', Buffer.from('42'), 0, 0, {value: '42'}],
    ['text of an integer', Buffer.from('42'), 0, 23, {value: 42}],
    ['one that a number would change', Buffer.from('9007199254740993'), 0, 20, {value: '9007199254740993'}],
    ['numeric, whose scale a number would lose', Buffer.from('1.10'), 0, 1700, {value: '1.10'}],
    ['a boolean', Buffer.from('t'), 0, 16, {value: true}],
    ['bytea', Buffer.from([1, 2]), 1, 17, {bytes: Buffer.from([1, 2])}],
    ['binary of an unknown type', Buffer.from([1, 2]), 1, 99_999, {bytes: Buffer.from([1, 2])}],
    ['binary shorter than its type', Buffer.from([1]), 1, 23, {bytes: Buffer.from([1])}],
  ])('%s', (_, bytes, format, oid, param) => {
    expect(decodeValue(bytes, format, oid).param).toEqual(param);
  });
});
