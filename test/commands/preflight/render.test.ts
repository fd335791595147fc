import {expect, it} from 'vitest';
import {preflightText} from '../../../source/commands/preflight/render-preflight.ts';
import type {LockHolder, PreflightStatement} from '../../../source/model/preflight.ts';

const holder = (pid: number): LockHolder => ({
  ...{pid, application_name: 'web\u001b[2J', usename: 'app', state: 'idle in transaction'},
  ...{relation: 'public.orders', mode: 'ROW EXCLUSIVE', xact_age_ms: 65_000},
});
const statement: PreflightStatement = {
  ...{file: '', line: 1, sql: 'ALTER TABLE orders\n  ALTER total TYPE bigint', verdict: 'unsafe'},
  reasons: ['rewrites the whole table'],
  locks: [
    {
      relation: 'public.orders',
      mode: 'ACCESS EXCLUSIVE',
      blocks_reads: true,
      blocks_writes: true,
      size_bytes: 2 ** 31,
    },
  ],
  ...{rewrites: true, scans: true, in_transaction: true, queue_per_second: 120},
  holders: [1, 2, 3, 4, 5, 6].map(holder),
  duration_ms: {low: 13_653, high: 102_400, basis: '2.0G written at 20M to 150M per second'},
  notes: ['a note'],
  safe_form: 'SELECT 1;\nSELECT 2;',
};

it('prints each statement as a block, and the sum', () => {
  const again = {
    ...statement,
    ...{line: 4, verdict: 'safe' as const, reasons: [], notes: [], safe_form: null},
  };
  const text = preflightText(
    {
      ...{
        schema_version: 1,
        file: 'm.sql',
        verdict: 'unsafe',
        window_ms: 3000,
        unavailable: ['Not all is seen.'],
      },
      target: {id: 'db:5432/shop', server_version_num: 180_004},
      statements: [statement, {...again, duration_ms: {low: 1, high: 900, basis: ''}}],
    },
    60,
  );
  expect(text.split('\n')).toEqual([
    'UNSAFE  line 1  ALTER TABLE orders ALTER total TYPE bigint',
    '  ACCESS EXCLUSIVE on public.orders (2.0G): blocks reads and writes: 120 statements per second',
    '  rewrites the table, about 14s to 1m42s (2.0G written at 20M to 150M per second)',
    ...[1, 2, 3, 4, 5].map(
      pid =>
        `  in its way: ${pid} web·[2J of app, idle in transaction, holds ROW EXCLUSIVE on public.orders, transaction 1m05s old`,
    ),
    '  in its way: 1 more',
    '  ! rewrites the whole table',
    '  a note',
    '  safer, each statement by itself:',
    '    SELECT 1;',
    '    SELECT 2;',
    '',
    'safe    line 4  ALTER TABLE orders ALTER total TYPE bigint',
    '  ACCESS EXCLUSIVE on public.orders (2.0G): blocks reads and writes: 120 statements per second',
    '  rewrites the table',
    '  in its way: the same 6 locks as above',
    '',
    'Not all is seen.',
    '',
    'm.sql: UNSAFE (1 unsafe, 1 safe), on db:5432/shop, statements counted for 3s',
  ]);
});
