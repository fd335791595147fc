import {describe, expect, it} from 'vitest';
import recipe from '../../recipes/analyze-stale-tables.ts';
import type {TableUpkeep, XminHolder} from '../../source/model/maintenance.ts';
import type {ParameterValues} from '../../source/model/recipe.ts';
import type {Target} from '../../source/model/target.ts';
import {createCatalog, createTable} from '../helpers/catalog.ts';
import {createSnapshot} from '../helpers/snapshot.ts';

/** A table of 100,000 rows, vacuumed and analyzed. */
function table(name: string, overrides: Partial<TableUpkeep> = {}): TableUpkeep {
  return {
    oid: '16400',
    schema: 'public',
    name,
    live_rows: 100_000,
    dead_rows: 0,
    rows_changed_since_analyze: 1000,
    analyze_threshold: 10_050,
    vacuum_threshold: 20_050,
    is_autovacuum_enabled: true,
    analyze_age_ms: 7_200_000,
    vacuum_age_ms: 7_200_000,
    analyze_count: 0,
    may_analyze: true,
    ...overrides,
  };
}

const stale = (name: string, rows: number, overrides: Partial<TableUpkeep> = {}) =>
  table(name, {rows_changed_since_analyze: rows, ...overrides});

const holder = (overrides: Partial<XminHolder> = {}): XminHolder => ({
  kind: 'backend',
  name: '4711',
  description: 'web/app',
  xmin_age: 5000,
  age_ms: 3_600_000,
  ...overrides,
});

function plan(
  tables: TableUpkeep[],
  params: ParameterValues = {},
  options: {xmin_holders?: XminHolder[]; target?: Partial<Target>} = {},
) {
  if (!recipe.plan) throw new Error('it acts');
  const snapshot = createSnapshot();
  const target = {...snapshot.target, ...options.target};
  const {xmin_holders = []} = options;
  const names = ['a', 'b', 'c', 'd', 'quiet', 'users'].map(name => createTable({name}));
  const catalog = createCatalog({tables: [...names, createTable({schema: 'archive', name: 'users'})]});
  return recipe.plan({...snapshot, target}, params, {maintenance: {tables, xmin_holders}, catalog});
}

const titles = (...args: Parameters<typeof plan>) => plan(...args).steps.map(({title}) => title);

describe('plan', () => {
  const tables = [stale('a', 20_000), stale('b', 90_000), stale('c', 30_000), table('d')];

  it.each<[ParameterValues, string[]]>([
    [{}, ['analyze public.b', 'analyze public.c']],
    [{threshold_times: '1'}, ['analyze public.a', 'analyze public.b', 'analyze public.c']],
    [{threshold_times: '1', at_most: '2'}, ['analyze public.b', 'analyze public.c']],
    [{at_most: '1'}, ['analyze public.b']],
    [{tables: 'public.a, public.d'}, ['analyze public.a', 'analyze public.d']],
    [{tables: 'd,a, public.a'}, ['analyze public.a', 'analyze public.d']],
  ])('with %j', (params, expected) => {
    expect(titles(tables, params)).toEqual(expected);
  });

  it('plans the same steps while rows change', () => {
    const later = tables.map((each, index) => ({
      ...each,
      rows_changed_since_analyze: each.rows_changed_since_analyze + 10 * index,
      analyze_age_ms: 9_000_000,
    }));
    expect(plan(later).steps).toEqual(plan(tables).steps);
  });

  it('quotes names, guards the table by its oid, and verifies by the number of ANALYZEs', () => {
    const [step] = plan([stale('Or"ders', 90_000, {schema: 'my shop', oid: '99', analyze_count: 7})]).steps;
    expect(step).toMatchObject({
      apply: {text: 'ANALYZE "my shop"."Or""ders"', values: []},
      guard: {query: {values: ['99', 'my shop', 'Or"ders']}},
      verify: {expect: {column: 'analyzed', op: '>', value: 7}},
      progress: 'analyze',
      undo: 'unneeded',
    });
  });

  it.each([
    [160_004, 'only the owner of the table or the database may analyze it'],
    [
      170_000,
      'only the owner of the table or the database may analyze it: GRANT MAINTAIN ON "public"."b" TO "oncall"',
    ],
  ])('skips a table that this role may not analyze, with the grant on %i', (server_version_num, reason) => {
    const {steps, skipped} = plan(
      [stale('b', 90_000, {may_analyze: false})],
      {},
      {target: {server_version_num}},
    );
    expect(steps).toEqual([]);
    expect(skipped).toMatchObject([{description: 'public.b', reason, is_forbidden: true}]);
  });

  it('skips a named table whose statistics are up to date', () => {
    expect(plan(tables, {tables: 'public.quiet'})).toMatchObject({
      steps: [],
      skipped: [{description: 'public.quiet', reason: 'almost no row has changed since it was analyzed'}],
    });
  });

  it.each([
    ['none', 'tables=none does not exist', /^candidates: /],
    ['public.quite', 'tables=public.quite does not exist', /^did you mean public\.quiet\?$/],
    ['usres', 'tables=usres does not exist', /^candidates: public\.users, archive\.users$/],
    ['users', 'tables=users exists in more than one schema', /^candidates: public\.users, archive\.users$/],
  ])('refuses an unknown or ambiguous name: %s', (name, message, hint) => {
    expect(() => plan(tables, {tables: `a, ${name}`})).toThrow(
      expect.objectContaining({message, hint: expect.stringMatching(hint), exitCode: 2}),
    );
  });

  it('does nothing on a standby', () => {
    expect(plan(tables, {}, {target: {is_in_recovery: true}})).toMatchObject({
      steps: [],
      explanation: [expect.stringContaining('primary')],
    });
  });

  it.each<[string, XminHolder[], RegExp]>([
    ['nothing', [], /^Nothing holds it back.*\nVACUUM \(ANALYZE, VERBOSE\) "public"\."a";$/],
    ['a backend', [holder()], /backend 4711 \(web\/app\).*\nEnd its transaction first.*pid=4711/],
    // A statement of a moment has ended when this is read.
    ['a short transaction', [holder({age_ms: 500})], /^Nothing holds it back.*\nVACUUM [^\n]*;$/],
    ['a hidden session', [holder({age_ms: null})], /^Nothing holds it back.*\nVACUUM [^\n]*;$/],
    [
      'a prepared transaction',
      [holder({kind: 'prepared transaction', name: "o'x"})],
      /ROLLBACK PREPARED 'o''x';/,
    ],
    [
      'a slot',
      [holder({kind: 'replication slot', name: 'gone', age_ms: null})],
      /pg_drop_replication_slot\('gone'\)/,
    ],
    ['a standby', [holder({kind: 'standby', name: 'replica', age_ms: null})], /hot_standby_feedback/],
  ])('advises on vacuum: held back by %s', (_, xmin_holders, text) => {
    const [step] = plan([table('a', {dead_rows: 90_000, vacuum_age_ms: 30_000})], {}, {xmin_holders}).steps;
    expect(step).toMatchObject({kind: 'advice', title: 'vacuum public.a', text: expect.stringMatching(text)});
  });

  it('reports a table whose autovacuum is off', () => {
    const [step] = plan([table('a', {dead_rows: 90_000, is_autovacuum_enabled: false})]).steps;
    expect(step).toMatchObject({text: expect.stringContaining('RESET (autovacuum_enabled)')});
  });

  it('draws the tables within 76 columns', () => {
    const {figure = []} = plan([stale('x'.repeat(63), 90_000, {analyze_age_ms: null})]);
    expect(figure[1]).toMatch(/100k {6}90k {8}0 {4}never$/);
    for (const line of figure) expect(line.length).toBeLessThanOrEqual(76);
  });
});

describe('diagnose', () => {
  const diagnose = (tables: TableUpkeep[], xmin_holders: XminHolder[] = []) =>
    recipe.diagnose(createSnapshot(), {maintenance: {tables, xmin_holders}});

  it('reports the stalest tables and what holds vacuum back', () => {
    expect(
      diagnose(
        [stale('a', 30_000), stale('b', 90_000), table('c', {dead_rows: 50_000, vacuum_age_ms: 30_000})],
        [holder()],
      ),
    ).toMatchObject([
      {
        subject: 'statistics',
        summary: '2 tables have stale statistics, so the planner guesses: public.b, public.a',
      },
      {subject: 'vacuum', summary: 'vacuum is behind on 1 table: public.c, held back by backend 4711'},
    ]);
  });

  it('names no holder of a table that was not vacuumed since it began', () => {
    expect(diagnose([table('c', {dead_rows: 50_000})], [holder()])).toMatchObject([
      {summary: 'vacuum is behind on 1 table: public.c', evidence: {xmin_holder: null}},
    ]);
  });

  it('reports nothing that autovacuum will process, nor a few rows', () => {
    expect(diagnose([stale('a', 15_000), stale('b', 9000, {analyze_threshold: 50})])).toEqual([]);
  });
});
