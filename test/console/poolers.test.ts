import {expect, it} from 'vitest';
import controlPgBouncer from '../../recipes/control-pgbouncer.ts';
import {noDiagnosisData, withFacts} from '../../source/core/recipe/diagnose.ts';
import type {Pooler, PoolerReading} from '../../source/model/pooler.ts';
import type {Backend} from '../../source/model/snapshot.ts';
import {createPooler} from '../helpers/pooler.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';
import {open, play, press, read, rowsOf, screenOf} from './played.ts';

/** The second reading knows what PgBouncer said after the first. */
function watching(
  columns: number,
  rows: number,
  reading: PoolerReading,
  {read_at = '2026-01-01T00:02:01Z', ...session}: Partial<Backend> & {read_at?: string} = {},
) {
  const backends = [11, 12, 13].map(pid =>
    createBackend({
      pid,
      application_name: 'web',
      usename: 'app',
      state: 'idle in transaction',
      client_addr: '10.0.0.2',
      datname: 'shop_app',
      ...session,
    }),
  );
  const at = (second: number) =>
    read({...createSnapshot({backends}), at: `2026-01-01T00:02:0${second}.000000Z`});
  const diagnosisData = withFacts(noDiagnosisData, {facts: {pooler: reading}, unread: []});
  return play(
    open(columns, rows, {recipes: [controlPgBouncer]}),
    at(1),
    {kind: 'diagnosis-data', at_ms: Date.parse(read_at), diagnosisData},
    at(2),
  ).state;
}
const known = {pooler: createPooler(), problem: null};

it.each([
  [80, 24],
  [160, 50],
])("Pools shows PgBouncer's pools below the applications', at %i by %i", (columns, height) => {
  const state = press(watching(columns, height, known), '8');
  const rows = rowsOf(state);
  const at = rows.findIndex(row => row.includes('PgBouncer 1.24.1 at 10.0.0.2:6432, transaction mode'));
  expect(rows[at + 1]).toMatch(/^ +PGBOUNCER POOL +VERDICT +WAIT MAXWAIT/);
  expect(rows[at + 2]).toMatch(/^ {2}shop\/app +full +12 +4s .* all 2 /);
  expect(rows[at + 3]).toMatch(/^ {2}shop\/jobs +fine +0 +-/);
  expect(rows.filter(row => row.startsWith('> '))).toHaveLength(1);
  expect(rowsOf(press(state, 'j'))[at + 2]).toMatch(/^> shop\/app/);
});

it('selects the first pool of PgBouncer where the filter hides every application, and sorts none of them', () => {
  const state = press(watching(120, 40, known), '8', '/', ...'nothing', 'enter');
  expect(rowsOf(state).filter(row => row.startsWith('> '))).toEqual([expect.stringContaining('> shop/app')]);
  expect(screenOf(press(state, 'enter'))).toContain('pool shop/app of PgBouncer');
  const head = (at: typeof state) => rowsOf(at).find(row => row.includes('PGBOUNCER POOL'));
  expect(head(press(state, ':', ...'sort verdict', 'enter'))).toBe(
    head(press(state, ':', ...'sort role', 'enter')),
  );
});

it('leaves a gap after a long name, or gives it a row of its own', () => {
  const pooler = createPooler();
  const clients =
    pooler.clients?.map(client => ({...client, client_addr: 'fd00:10:20:30:40:50:60:7'})) ?? null;
  const page = press(watching(100, 50, {pooler: {...pooler, clients}, problem: null}), '8', 'j', 'enter');
  expect(screenOf(page)).toMatch(/fd00:10:20:30:40:50:60:7:4001\n +web, waiting for 4\.10s/);
});

it("Enter on a pool says whose its server connections are, and a session's page and row name the client behind it", () => {
  const state = watching(160, 50, known);
  const page = screenOf(press(state, '8', 'j', 'enter'));
  expect(page).toMatch(/pool shop\/app of PgBouncer 1\.24\.1 at 10\.0\.0\.2:6432/);
  expect(page).toMatch(
    /full +12 clients wait, up to 4\.10s: all 2 server connections are busy, 2 idle in transaction/,
  );
  expect(page).toMatch(/leads to +shop_app at 10\.0\.0\.1:5432/);
  expect(page).toMatch(/prepared +max_prepared_statements is 200.*drop pgbouncer=true/);
  expect(page).toMatch(/11 +idle in transaction for .*; web, 10\.0\.0\.7:4002/);
  expect(page).toMatch(/12 +idle in transaction for .*; its client was not read/);
  expect(page).toMatch(/10\.0\.0\.7:4001 +web, waiting for 4\.10s/);
  const sessions = rowsOf(press(state, '2'));
  const row = (pid: number) => sessions.find(each => new RegExp(`^>? +${pid} `).test(each));
  expect(row(11)).toContain('10.0.0.7');
  expect(row(12)).toContain('(pooler)');
  expect(row(13)).toContain('10.0.0.2');
});

it('says in one line why no PgBouncer is shown, and what to do', () => {
  const problem = {
    address: null,
    reason: 'no PgBouncer configured',
    remedy: 'set --pooler URL',
  };
  const state = press(watching(100, 24, {pooler: null, problem}), '8');
  expect(screenOf(state)).toContain('no PgBouncer configured; set --pooler URL');
});

it('r on a pool opens its finding, or the recipe set to its database', () => {
  const state = press(watching(120, 40, known), '8', 'j');
  expect(press(state, 'r').overlay).toMatchObject({
    kind: 'finding',
    id: expect.stringContaining('pooler:shop/app'),
  });
  expect(press(state, 'j', 'r').wizard).toMatchObject({
    recipe: 'control-pgbouncer',
    params: {database: 'shop'},
  });
});

it.each([
  ['a transaction began', {xact_start: '2026-01-01T00:02:01.500000Z'}],
  ['a statement outside of one ended', {xact_start: null, state_change: '2026-01-01T00:02:01.500000Z'}],
])('names no client of a session in which %s after PgBouncer was read', (_name, session) => {
  const state = press(watching(160, 50, known, session), '2');
  expect(rowsOf(state).find(row => /^>? +11 /.test(row))).toContain('(pooler)');
  expect(screenOf(press(state, 'enter'))).toMatch(
    /PgBouncer +a server connection .*; its client was not read/,
  );
});

it('names the client of a transaction that goes on, by either name', () => {
  const session = {xact_start: '2026-01-01T00:02:00Z', state_change: '2026-01-01T00:02:01.500000Z'};
  const pooler = createPooler();
  const clients = pooler.clients?.map(client => ({...client, application_name: 'earlier'})) ?? null;
  const state = press(watching(160, 50, {pooler: {...pooler, clients}, problem: null}, session), '2');
  const row = (at: typeof state) => rowsOf(at).find(each => /^>? +11 /.test(each));
  expect(row(state)).toMatch(/ web .* 10\.0\.0\.7 /);
  for (const name of ['web', 'earlier'])
    expect(row(press(state, '/', ...`application=${name}`, 'enter'))).toContain('10.0.0.7');
  expect(row(press(state, '/', ...'application=other', 'enter'))).toBeUndefined();
});

it('claims nothing of clients and server connections that were not read', () => {
  const page = (changes: Partial<Pooler>) =>
    screenOf(press(watching(160, 50, {pooler: createPooler(changes), problem: null}), '8', 'j', 'enter'));
  expect(page({clients: null})).toMatch(/11 +idle in transaction for .*; its client was not read/);
  const cut = page({clients: [], servers: []});
  expect(cut).toMatch(/2 server connections, not among those that were read/);
  expect(cut).toMatch(/clients\n +not among those that were read/);
});
