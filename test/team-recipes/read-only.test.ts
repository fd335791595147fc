import {mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it, onTestFinished} from 'vitest';
import {createActing, leak, temporaryFolder} from '../cli/execution/acting.ts';
import {createCliRoles, runProgram, temporaryHome, urlOf} from '../cli/run-program.ts';
import {describeEachMajor, isMainMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import {actingWith} from './acting.ts';

/** A recipe whose diagnosis selects `columns` from `from`. */
const diagnosing = (columns: string, from: string, head = '') => `---
title: t
why: w
${head}---
\`\`\`sql diagnose
SELECT 'x' AS subject, 's' AS summary, 'warning' AS severity, ${columns} FROM ${from}
\`\`\`
`;

const acts = ', a function that does more than read';
const outside = ', a function outside pg_catalog';

describeEachMajor('SQL that only reads in a Markdown recipe', major => {
  const terminate = `pg_catalog.pg_terminate_backend(${major < 14 ? 'integer' : 'integer, bigint'})`;
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await createCliRoles(server);
    await server.query('CREATE TABLE notes (id int)');
    await server.query('CREATE SEQUENCE numbers');
    await server.query(
      "CREATE FUNCTION ending() RETURNS bigint LANGUAGE sql AS $$ SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'victim' $$",
    );
    await server.query('CREATE VIEW ended AS SELECT ending() AS n');
    await server.query(
      "CREATE VIEW ended_by_itself AS SELECT pg_terminate_backend(pid) AS n FROM pg_stat_activity WHERE application_name = 'victim'",
    );
    await server.query('CREATE FUNCTION harmless(int) RETURNS int LANGUAGE sql AS $$ SELECT $1 $$');
  });
  afterAll(() => server?.stop());

  /** A session that is alive. */
  async function startVictim() {
    const client = await leak(server, 'victim');
    onTestFinished(() => client.end().catch(() => {}));
    return async () => expect((await client.query('SELECT 1 AS one')).rows).toEqual([{one: 1}]);
  }
  const victims = "pg_stat_activity WHERE application_name = 'victim'";
  async function teamWith(text: string, name = 'looks.md') {
    const folder = await temporaryFolder();
    await writeFile(join(folder, name), text);
    return actingWith(await createActing(server), folder);
  }

  it.each([
    ['ends sessions', 'pg_terminate_backend(pid)', victims, `${terminate}${acts}`],
    [
      'cancels queries',
      'pg_catalog.pg_cancel_backend(pid)',
      victims,
      `pg_catalog.pg_cancel_backend(integer)${acts}`,
    ],
    ['ends them behind a function', 'public.ending()', 'notes', `public.ending()${outside}`],
    ['ends them behind a view', 'n', 'public.ended', `public.ending()${outside}`],
    ['ends them in a view', 'n', 'public.ended_by_itself', `${terminate}${acts}`],
    [
      'ends them in a text',
      `query_to_xml('SELECT public.ending()', true, true, '')`,
      'pg_class',
      'pg_catalog.query_to_xml(text, boolean, boolean, text), a function that runs what its arguments name',
    ],
    [
      'changes a setting of the session',
      `set_config('default_transaction_read_only', 'off', false)`,
      'pg_class',
      `pg_catalog.set_config(text, text, boolean)${acts}`,
    ],
    ['keeps a lock', 'pg_advisory_lock(1)', 'pg_class', `pg_catalog.pg_advisory_lock(bigint)${acts}`],
    ['advances a sequence', `nextval('public.numbers')`, 'pg_class', `pg_catalog.nextval(regclass)${acts}`],
    ['takes a transaction id', 'txid_current()', 'pg_class', `pg_catalog.txid_current()${acts}`],
    ['reads a file', `pg_read_file('PG_VERSION')`, 'pg_class', 'pg_catalog.pg_read_file(text)'],
    [
      'resets statistics',
      'public.pg_stat_statements_reset()',
      'pg_class',
      'public.pg_stat_statements_reset(',
    ],
    ['locks rows', 'n.id', 'public.notes n FOR UPDATE', 'it is not a SELECT that only reads'],
    [
      'writes',
      'w.id',
      '(WITH w AS (DELETE FROM public.notes RETURNING id) SELECT * FROM w) w',
      'it is not a SELECT that only reads',
    ],
  ])('is not executed if it %s', async (_, columns, from, objection) => {
    const isAlive = await startVictim();
    const team = await teamWith(diagnosing(columns, from));
    await expect(team.findings('looks')).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(objection),
    });
    await isAlive();
    expect(await server.query('SELECT is_called FROM numbers')).toEqual([{is_called: false}]);
    const held = "SELECT FROM pg_locks WHERE locktype = 'advisory'";
    expect(await server.query(held)).toEqual([]);
  });

  it.each([
    ['sizes', 'pg_total_relation_size(c.oid) AS size', 'pg_class c LIMIT 1'],
    ['the WAL', 'pg_is_in_recovery() AS r, pg_current_wal_lsn()::text AS lsn', 'pg_class LIMIT 1'],
    [
      'blockers',
      'pg_blocking_pids(pid)::text AS by, clock_timestamp() - now() AS for',
      'pg_stat_activity LIMIT 1',
    ],
    ['statements', 's.calls', 'public.pg_stat_statements s LIMIT 1'],
    [
      'slots and settings',
      `current_setting('port') AS port, random() AS r`,
      'pg_settings LEFT JOIN pg_replication_slots ON true LIMIT 1',
    ],
    ['its own tables', 'count(*) AS n', 'public.notes'],
  ])('may use %s', async (_, columns, from) => {
    const team = await teamWith(diagnosing(columns, from));
    expect(await team.findings('looks')).toHaveLength(1);
  });

  if (!isMainMajor(major)) return;

  it('may call a declared function, which the plan names', async () => {
    const named = diagnosing(
      'public.harmless(7) AS seven',
      'pg_class LIMIT 1',
      'functions: [public.harmless]\n',
    );
    const team = await teamWith(
      `${named}\`\`\`sql plan lock=none undo-unneeded\nSELECT 1\n\`\`\`\n\`\`\`sql verify\nSELECT public.harmless(1) = 1\n\`\`\`\n`,
    );
    expect(await team.run('looks', {dryRun: true, json: false})).toBe(0);
    expect(team.stdout.join('\n')).toContain('Its queries call functions of this database: public.harmless.');
    expect(await team.run('looks', {yes: true})).toBe(0);
    expect(team.document().steps).toMatchObject([{outcome: 'verified'}]);
    const unnamed = await teamWith(named.replace('functions: [public.harmless]\n', ''));
    await expect(unnamed.findings('looks')).rejects.toMatchObject({
      message: `the diagnosis of looks was not run: it reaches public.harmless(integer)${outside}`,
    });
  });

  it('is not executed as a verification if it has side effects, nor the step before it', async () => {
    const isAlive = await startVictim();
    const verify = `SELECT count(pg_terminate_backend(pid)) >= 0 FROM ${victims}`;
    const team = await teamWith(
      `${diagnosing('1 AS one', 'pg_class LIMIT 1')}\`\`\`sql plan lock=none\nCOMMENT ON TABLE public.notes IS 'x'\n\`\`\`\n\`\`\`sql verify\n${verify}\n\`\`\`\n\`\`\`sql undo\nCOMMENT ON TABLE public.notes IS NULL\n\`\`\`\n`,
    );
    expect(await team.run('looks', {dryRun: true, json: false})).toBe(0);
    expect(team.stdout.join('\n')).toContain(verify);
    expect(await team.run('looks', {yes: true})).toBe(2);
    const [step] = team.document().steps;
    expect(step).toMatchObject({
      outcome: 'failed',
      message: expect.stringContaining(`${terminate}${acts}`),
    });
    expect(await server.query("SELECT obj_description('notes'::regclass) AS comment")).toEqual([
      {comment: null},
    ]);
    await isAlive();
  });

  it('is enforced for a TypeScript recipe written for poolctl 0.1', async () => {
    const isAlive = await startVictim();
    const ending = `SELECT count(pg_terminate_backend(pid)) AS n FROM ${victims}`;
    const recipe = (query: string, functions = '') => `import {defineRecipe} from 'poolctl';
const query = {text: ${JSON.stringify(query)}, values: []${functions}};
export default defineRecipe({
  id: 'looks', title: 't', summary: 's', parameters: [],
  watches: {answers: {looks: query}},
  diagnose: (_, facts) => (facts.answers?.looks ?? []).map(row => ({recipe: 'looks', severity: 'warning', subject: 'x', summary: String(row.n), evidence: {}})),
  plan: (_, params) => ({
    recipe: 'looks', params, explanation: [], skipped: [], batch_size: 1, pause_ms: 0, slots_freed: 0, watch_groups: [],
    steps: [{
      kind: 'sql', title: 'comment', subject: 'x', undo: 'unneeded', lock: 'none', transaction: true, timeout_ms: 1000,
      guard: {query, expect: {column: 'n', op: '>=', value: 0}},
      apply: {text: "COMMENT ON TABLE public.notes IS 'y'", values: []},
      verify: {query: {text: 'SELECT 1 AS one', values: []}, expect: {column: 'one', op: '=', value: 1}},
    }],
  }),
});
`;
    const team = await teamWith(recipe(ending), 'looks.ts');
    await expect(team.findings('looks')).rejects.toMatchObject({
      message: expect.stringContaining('pg_terminate_backend'),
    });
    expect(await team.run('looks', {yes: true})).toBe(2);
    await isAlive();
    const named = recipe('SELECT public.harmless(1) AS n', `, functions: ['public.harmless']`);
    const allowed = await teamWith(named, 'looks.ts');
    expect(await allowed.findings('looks')).toMatchObject([{summary: '1'}]);
    expect(await allowed.run('looks', {yes: true})).toBe(0);
  });

  it('is not executed by check or record if it has side effects', async () => {
    const isAlive = await startVictim();
    const home = await temporaryHome();
    await mkdir(join(home, 'team'));
    await writeFile(join(home, 'team', 'looks.md'), diagnosing('pg_terminate_backend(pid)', victims));
    const url = urlOf(server, 'oncall');
    const checked = await runProgram(['check', url, '--recipes', 'team'], {home});
    expect(checked.stdout + checked.stderr).toContain('pg_terminate_backend');
    await isAlive();
    const recorded = await runProgram(['record', 'out.poolctl', url, '--recipes', 'team', '--for', '2s'], {
      home,
    });
    expect(recorded.code).toBe(0);
    await isAlive();
  });
});
