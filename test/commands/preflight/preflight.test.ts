import {mkdir, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest';
import type {Preflight} from '../../../source/model/preflight.ts';
import {createCliRoles, failing, leak, runProgram, temporaryHome, urlOf} from '../../cli/run-program.ts';
import {shareTestServer, type TestServer} from '../../helpers/server.ts';

it('judges a migration from its text alone', async () => {
  const home = await temporaryHome();
  await writeFile(join(home, 'm.sql'), 'ALTER TABLE t ADD a int;\nCREATE INDEX i ON t (a);\n');
  const text = await runProgram(['preflight', 'm.sql'], {home});
  expect(text).toMatchObject({code: 1, stderr: ''});
  expect(text.stdout).toContain('UNSAFE  line 2  CREATE INDEX i ON t (a)\n  SHARE on t: blocks writes\n');
  expect(text.stdout).toContain('    CREATE INDEX CONCURRENTLY i ON t (a);\n');
  const {code, stdout} = await runProgram(['preflight', 'm.sql', '--json'], {home});
  expect([code, JSON.parse(stdout)]).toMatchObject([
    1,
    {
      schema_version: 1,
      file: 'm.sql',
      verdict: 'unsafe',
      target: null,
      statements: [{holders: null}, {line: 2}],
    },
  ]);
  await writeFile(join(home, 'safe.sql'), 'ALTER TABLE t ADD a int;');
  expect(await runProgram(['preflight', 'safe.sql'], {home})).toMatchObject({code: 0});
  await writeFile(join(home, 'bad.sql'), 'SELECT 1;\n\nALTER TABL t;');
  expect(await failing(['preflight', 'bad.sql'], {home})).toEqual([
    2,
    'poolctl: bad.sql, line 3: not valid SQL: syntax error at or near "TABL"\n',
  ]);
});

describe('preflight of a server', () => {
  let server: TestServer;
  let home: string;
  beforeAll(async () => {
    server = await shareTestServer({major: 18});
    await createCliRoles(server);
    await server.query('CREATE TABLE orders (id int PRIMARY KEY, total int, note text)');
    // 34 MB: a rewrite takes longer than a request.
    await server.query("INSERT INTO orders SELECT g, g, repeat('x', 800) FROM generate_series(1, 40000) g");
    await server.query('CREATE TABLE tags (id int)');
    await server.query('GRANT SELECT ON tags TO app');
    await server.query('VACUUM ANALYZE orders');
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    home = await temporaryHome();
  });

  const write = (sql: string) => writeFile(join(home, 'm.sql'), sql);
  const judge = async (...flags: string[]) => {
    const rates = flags.includes('--rates') ? [] : ['--rates', '0.2s'];
    const args = ['preflight', 'm.sql', urlOf(server, 'oncall'), '--json', ...rates, ...flags];
    const {code, stdout, stderr} = await runProgram(args, {home});
    return {code, stderr, document: JSON.parse(stdout) as Preflight};
  };

  it('knows sizes, types and what does not exist', async () => {
    await write(
      'ALTER TABLE orders ALTER note TYPE varchar;\nALTER TABLE tags ALTER id TYPE bigint;\nALTER TABLE nothing ADD a int;\nALTER TABLE orders ADD needed int NOT NULL;',
    );
    const {code, document} = await judge();
    expect(code).toBe(1);
    expect(document.target).toEqual({
      id: `${server.host}:${server.port}/postgres`,
      server_version_num: server.version,
    });
    expect(document.statements).toMatchObject([
      {
        verdict: 'safe',
        rewrites: false,
        locks: [{relation: 'public.orders', size_bytes: expect.any(Number)}],
      },
      // An empty table is rewritten at once.
      {verdict: 'safe', rewrites: true, duration_ms: {low: 0, high: 0}},
      {verdict: 'unsafe', reasons: ['public.nothing does not exist on this server']},
      {
        verdict: 'unsafe',
        reasons: ['column needed is NOT NULL without a default, which fails if the table has rows'],
      },
    ]);
    const [{size = 0} = {}] = await server.query<{size: number}>(
      "SELECT pg_table_size('orders')::int4 AS size",
    );
    expect(document.statements[0]?.locks[0]?.size_bytes).toBe(size);
  });

  it('takes a table without statistics for one with rows, and a function that the server lacks for volatile', async () => {
    await server.query('CREATE TABLE fresh (id int); INSERT INTO fresh VALUES (1)');
    await write(
      'ALTER TABLE fresh ADD z int NOT NULL;\nALTER TABLE orders ADD code text DEFAULT gen_ulid();',
    );
    const {document} = await judge('--autocommit');
    expect(document.statements).toMatchObject([
      {verdict: 'unsafe', reasons: [expect.stringContaining('fails if the table has rows')]},
      {rewrites: null},
    ]);
  });

  it('counts the statements that would wait', async () => {
    await write(
      'ALTER TABLE orders ALTER total TYPE bigint;\nCREATE INDEX CONCURRENTLY i ON orders (total);',
    );
    const quiet = await judge('--autocommit');
    expect(quiet.document.statements).toMatchObject([
      {verdict: 'safe', rewrites: true, queue_per_second: 0},
      {verdict: 'safe'},
    ]);
    const client = await server.connect({application_name: 'web'});
    let isOver = false;
    const traffic = (async () => {
      while (!isOver) await client.query('SELECT total FROM orders WHERE id = $1', [1]);
    })();
    const busy = await judge('--autocommit', '--rates', '1s');
    isOver = true;
    await traffic;
    expect(busy.document.window_ms).toBeGreaterThanOrEqual(1000);
    const [rewrite, index] = busy.document.statements;
    expect(rewrite).toMatchObject({verdict: 'unsafe', queue_per_second: expect.any(Number)});
    expect(rewrite?.queue_per_second).toBeGreaterThan(0);
    expect(rewrite?.reasons[0]).toMatch(
      /^rewrites the whole table while reads and writes of public.orders wait: \S+ statements per second \(measured over 1s\)$/,
    );
    // It blocks neither.
    expect(index).toMatchObject({verdict: 'safe', queue_per_second: 0});
  });

  it('does not take a table for unused that only functions use', async () => {
    await server.query(
      "CREATE FUNCTION peek() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM orders WHERE id < 5); END'",
    );
    await write('ALTER TABLE orders ALTER total TYPE bigint');
    const client = await server.connect({application_name: 'web'});
    let isOver = false;
    const traffic = (async () => {
      while (!isOver) await client.query('SELECT peek(), pg_stat_force_next_flush()');
    })();
    const {document} = await judge('--rates', '1s');
    isOver = true;
    await traffic;
    expect(document.statements).toMatchObject([{verdict: 'unsafe', queue_per_second: null}]);
  });

  it('does not take statements that it may not see for none', async () => {
    await write('ALTER TABLE orders ALTER total TYPE bigint');
    const args = ['preflight', 'm.sql', urlOf(server, 'app'), '--json', '--rates', '0.1s'];
    const {stdout} = await runProgram(args, {home});
    expect(JSON.parse(stdout)).toMatchObject({
      window_ms: null,
      statements: [{verdict: 'unsafe', queue_per_second: null}],
      unavailable: [expect.stringMatching(/^\d+ statements of other roles are hidden/)],
    });
    // No later reading would have them.
    const watched = await runProgram([...args, '--watch'], {home});
    expect([watched.code, watched.stderr]).toEqual([
      1,
      'poolctl: no quiet moment makes this migration safe\n',
    ]);
  });

  it('names the sessions whose locks are in the way, and those alone', async () => {
    const holder = await leak(server, {application_name: 'web'});
    await holder.query('SELECT count(*) FROM tags');
    await write('ALTER TABLE tags ADD a int;\nCREATE INDEX i ON tags (id);\nALTER TABLE orders ADD a int;');
    const {document} = await judge();
    await holder.end();
    const [added, indexed, other] = document.statements;
    expect(added).toMatchObject({
      verdict: 'wait',
      holders: [
        {pid: holder.processID, application_name: 'web', relation: 'public.tags', mode: 'ACCESS SHARE'},
      ],
    });
    expect(added?.holders?.[0]?.xact_age_ms).toBeGreaterThan(200);
    expect(indexed).toMatchObject({verdict: 'safe', holders: []});
    expect(other).toMatchObject({verdict: 'safe', holders: []});
  });

  it('waits for a quiet moment with --watch', async () => {
    const holder = await leak(server, {application_name: 'web'});
    await holder.query('SELECT count(*) FROM tags');
    await write('ALTER TABLE tags ADD a int');
    const url = urlOf(server, 'oncall');
    let isReleased = false;
    const {code, stderr} = await runProgram(['preflight', 'm.sql', url, '--watch', '--rates', '0.2s'], {
      home,
      onStderr(text) {
        if (isReleased || !text.includes('not yet')) return;
        isReleased = true;
        void holder.query('COMMIT');
      },
    });
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(
        new RegExp(
          `^poolctl: not yet: waits for 1 session: ${holder.processID} web idle in transaction \\d+s\npoolctl: safe at \\d\\d:\\d\\d:\\d\\dZ, after \\d+s\n$`,
        ),
      ),
    ]);
  });

  it('gives up when --for is over, and at once if no moment is quiet enough', async () => {
    await write('ALTER TABLE nothing ADD a int');
    const hopeless = await judge('--watch');
    expect([hopeless.code, hopeless.stderr]).toEqual([
      1,
      'poolctl: no quiet moment makes this migration safe\n',
    ]);
    const holder = await leak(server, {application_name: 'web'});
    await holder.query('SELECT count(*) FROM tags');
    await write('ALTER TABLE tags ADD a int');
    const late = await judge('--watch', '--for', '1s');
    await holder.end();
    expect(late.code).toBe(1);
    expect(late.stderr).toContain('poolctl: not safe within 1s\n');
  });

  it('holds back a stage of a rollout until its migration is safe', async () => {
    await write('ALTER TABLE tags ADD a int');
    const stage = '{name: deploy, promote: echo deployed >> done, rollback: none, preflight: m.sql}';
    await writeFile(join(home, 'plan.yaml'), `name: web\nstages:\n  - ${stage}\n`);
    const url = urlOf(server, 'oncall');
    const rollout = () =>
      runProgram(['rollout', 'run', 'plan.yaml', url, '--yes', '--journal', 'j.jsonl'], {home});
    const holder = await leak(server, {application_name: 'web'});
    await holder.query('SELECT count(*) FROM tags');
    const held = await rollout();
    expect(held.code).toBe(1);
    expect(held.stderr).toContain(
      `deploy: the migration is not safe now: line 1 waits for 1 session: ${holder.processID} web idle in transaction`,
    );
    await expect(readFile(join(home, 'done'))).rejects.toMatchObject({code: 'ENOENT'});
    await holder.query('COMMIT');
    const {code, stderr} = await rollout();
    await holder.end();
    expect(code).toBe(0);
    expect(stderr).toContain('resuming rollout');
    expect(stderr).toContain('deploy: the migration is safe');
    expect(await readFile(join(home, 'done'), 'utf8')).toBe('deployed\n');
  });

  it('reads the migrations that the server has not applied', async () => {
    for (const name of ['1_a', '2_b', '3_c']) {
      await mkdir(join(home, 'migrations', name), {recursive: true});
      await writeFile(join(home, 'migrations', name, 'migration.sql'), `SELECT '${name}';`);
    }
    const readAll = async (url = urlOf(server, 'oncall')) => {
      const args = ['preflight', 'migrations', url, '--json', '--rates', '0.1s'];
      return JSON.parse((await runProgram(args, {home})).stdout) as Preflight;
    };
    // Nothing was ever applied here.
    expect((await readAll()).statements.map(({file}) => file)).toEqual(['1_a', '2_b', '3_c']);
    await server.query(
      'CREATE TABLE _prisma_migrations (migration_name text, finished_at timestamptz, rolled_back_at timestamptz)',
    );
    await server.query("INSERT INTO _prisma_migrations VALUES ('1_a', now(), NULL), ('2_b', now(), now())");
    const hidden = await readAll();
    expect(hidden.statements.map(({file}) => file)).toEqual(['3_c']);
    expect(hidden.unavailable[0]).toContain('_prisma_migrations may not be read');
    await server.query('GRANT SELECT ON _prisma_migrations TO oncall');
    expect((await readAll()).statements.map(({file}) => file)).toEqual(['2_b', '3_c']);
    await server.query('ALTER TABLE _prisma_migrations ENABLE ROW LEVEL SECURITY');
    expect((await readAll()).unavailable[0]).toContain('row security');
    await server.query('CREATE SCHEMA app; ALTER TABLE _prisma_migrations SET SCHEMA app');
    expect((await readAll()).unavailable[0]).toContain(
      '_prisma_migrations is in schema "app", not in public',
    );
  });

  it('reads which migrations of Prisma 8 its ledger has', async () => {
    for (const name of ['1_a', '2_b']) {
      await mkdir(join(home, 'eight', name), {recursive: true});
      await writeFile(
        join(home, 'eight', name, 'ops.json'),
        JSON.stringify([{execute: [{sql: 'SELECT 1'}]}]),
      );
      await writeFile(
        join(home, 'eight', name, 'migration.json'),
        JSON.stringify({migrationHash: `sha256:${name}`}),
      );
    }
    const readAll = async () => {
      const args = ['preflight', 'eight', urlOf(server, 'oncall'), '--json', '--rates', '0.1s'];
      return JSON.parse((await runProgram(args, {home})).stdout) as Preflight;
    };
    await server.query('DROP SCHEMA IF EXISTS app CASCADE');
    expect((await readAll()).statements.map(({file}) => file)).toEqual(['1_a', '2_b']);
    // As Prisma 8.0.0-rc.13 makes it.
    await server.query(`CREATE SCHEMA prisma_contract; CREATE TABLE prisma_contract.ledger (id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(), space text NOT NULL, migration_name text NOT NULL,
  migration_hash text NOT NULL, origin_core_hash text, origin_profile_hash text, destination_core_hash text NOT NULL,
  destination_profile_hash text, operations jsonb NOT NULL)`);
    await server.query(`INSERT INTO prisma_contract.ledger (space, migration_name, migration_hash, destination_core_hash, operations)
  VALUES ('app', '1_a', 'sha256:1_a', 'sha256:x', '[]')`);
    const hidden = await readAll();
    expect(hidden.statements.map(({file}) => file)).toEqual(['2_b']);
    expect(hidden.unavailable[0]).toContain('"prisma_contract".ledger may not be read');
    await server.query(
      'GRANT USAGE ON SCHEMA prisma_contract TO oncall; GRANT SELECT ON prisma_contract.ledger TO oncall',
    );
    const seen = await readAll();
    expect(seen.statements.map(({file}) => file)).toEqual(['2_b']);
    expect(seen.unavailable).toEqual([]);
  });

  it('names what triggers, rules and cascades of a statement reach', async () => {
    await server.query(`CREATE TABLE owners (id int PRIMARY KEY, name text);
CREATE TABLE pets (id int PRIMARY KEY, owner int REFERENCES owners ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE visits (pet int REFERENCES pets ON DELETE SET NULL);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER audited AFTER UPDATE ON visits FOR EACH ROW EXECUTE FUNCTION audit();
CREATE RULE kept AS ON INSERT TO owners DO ALSO NOTHING`);
    const notesOf = async (sql: string) => {
      await writeFile(join(home, 'reach.sql'), sql);
      const args = ['preflight', 'reach.sql', urlOf(server, 'oncall'), '--json', '--rates', '0.1s'];
      const {statements} = JSON.parse((await runProgram(args, {home})).stdout) as Preflight;
      return statements.flatMap(({notes}) => notes.filter(note => note.startsWith('not counted')));
    };
    expect(await notesOf('DELETE FROM owners WHERE id = 1')).toEqual([
      'not counted: DELETE on public.owners takes ROW EXCLUSIVE on public.pets (ON DELETE CASCADE), and locks rows there',
      'not counted: DELETE on public.pets takes ROW EXCLUSIVE on public.visits (ON DELETE SET NULL), and locks rows there',
      'not counted: UPDATE on public.visits calls public.audit()',
      'not counted: UPDATE on public.visits takes ROW SHARE on public.pets, to check its foreign keys',
    ]);
    expect(await notesOf("UPDATE owners SET name = '' WHERE id = 1")).toEqual([]);
    expect(await notesOf('UPDATE owners SET id = 2 WHERE id = 1')).toEqual([
      'not counted: UPDATE on public.owners takes ROW EXCLUSIVE on public.pets (ON UPDATE CASCADE), and locks rows there',
      'not counted: UPDATE on public.pets takes ROW SHARE on public.owners, to check its foreign keys',
    ]);
    expect(await notesOf("INSERT INTO owners VALUES (3, '')")).toEqual([
      'not counted: INSERT on public.owners runs its rules kept',
    ]);
  });
});
