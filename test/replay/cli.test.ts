import {mkdir, readFile, symlink, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {ReplayDocument} from '../../source/model/replay-report.ts';
import {createCliRoles, failing, password, runProgram, temporaryHome, urlOf} from '../cli/run-program.ts';
import {type OwnServer, startTestServer} from '../helpers/server.ts';

/** The built `poolctl replay`, on a server with 37 slots for roles that are not superusers. */
describe('poolctl replay', () => {
  let server: OwnServer;
  let url: string;
  beforeAll(async () => {
    server = await startTestServer({major: 18, settings: {max_connections: 40}});
    await createCliRoles(server);
    await server.query('CREATE TABLE t AS SELECT id FROM generate_series(1, 20) id');
    await server.query('GRANT ALL ON t TO app');
    url = urlOf(server, 'app');
  });
  afterAll(() => server?.stop());

  const nPlusOne = `-- @endpoint GET /api/t
-- @variant before
SELECT id FROM t;
-- @each
SELECT * FROM t WHERE id = $id;
-- @variant after
SELECT * FROM t;
`;

  /** With a short warm-up, in which each user sends a request, unless `flags` set another. */
  async function replay(sql: string, flags: string[], options: Parameters<typeof runProgram>[1] = {}) {
    const home = await temporaryHome();
    await writeFile(join(home, 'x.sql'), sql);
    const warmUp = flags.includes('--warm-up') ? [] : ['--warm-up', '0.1s'];
    return runProgram(['replay', 'x.sql', url, ...warmUp, ...flags], {home, ...options});
  }

  async function replayJson(sql: string, flags: string[]): Promise<[number | null, ReplayDocument, string]> {
    const {code, stdout, stderr} = await replay(sql, [...flags, '--json']);
    return [code, JSON.parse(stdout) as ReplayDocument, stderr];
  }

  it('measures each variant at each limit and concurrency, in the documented JSON', async () => {
    const [code, document] = await replayJson(nPlusOne, [
      '--connection-limit',
      '1,3',
      '--concurrency',
      '2,4',
      '--requests',
      '12',
    ]);
    expect(code).toBe(0);
    expect(document).toMatchObject({
      schema_version: 1,
      endpoint: 'GET /api/t',
      file: 'x.sql',
      prisma: {major: null, is_emulated: false},
      recommendation: null,
      is_complete: true,
    });
    expect(
      document.results.map(({variant, connection_limit, concurrency}) => [
        variant,
        connection_limit,
        concurrency,
      ]),
    ).toEqual(
      ['before', 'after'].flatMap(variant =>
        [1, 3].flatMap(limit => [2, 4].map(users => [variant, limit, users])),
      ),
    );
    for (const result of document.results) {
      expect(result).toMatchObject({
        requests: 12,
        queries_per_request: result.variant === 'before' ? 21 : 1,
        peak_connections: Math.min(result.connection_limit, result.concurrency),
        errors: {pool_timeout: 0, too_many_connections: 0, other: 0},
      });
    }
  });

  it('prints a table, what a request does, and the N+1 with its line', async () => {
    const {code, stdout} = await replay(nPlusOne, ['--requests', '5']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^GET \/api\/t/);
    expect(stdout).toMatch(/20x +N\+1 +line 5 .* SELECT \* FROM t WHERE id = \$1/);
    expect(stdout).toMatch(/after: 1 quer/);
  });

  it('prints a comparison as Markdown', async () => {
    const {stdout} = await replay(nPlusOne, ['--requests', '5', '--markdown']);
    expect(stdout).toContain('| Metric | `before` | `after` | Change |');
    expect(stdout).toContain('| Queries per request | 21 | 1 | -95% |');
  });

  it('sends requests at a rate', async () => {
    const users = ['--concurrency', '100', '--connection-limit', '1'];
    // In a warm-up each of the users would send a request.
    const flags = ['--rate', '40', '--requests', '30', ...users, '--warm-up', '0'];
    const [code, document] = await replayJson('SELECT pg_sleep(0.1);', flags);
    expect(code).toBe(0);
    const [result] = document.results;
    expect(result).toMatchObject({rate_per_second: 40, requests: 30});
    // 30 requests of 100 ms arrive within a second at one connection: the last one waits for most of the others.
    expect(result?.latency_ms.max).toBeGreaterThan(1000);
    expect(result?.wait_ms.p95).toBeGreaterThan(result?.execute_ms.p95 ?? 0);
    expect(document.notes).toEqual([
      expect.stringMatching(/limit 1: 40 requests\/s arrived, \d+\.?\d*\/s were answered/),
    ]);
  });

  it('finds a knee, draws it and recommends it', async () => {
    const flags = ['--sweep', 'connection_limit=1..3', '--concurrency', '6', '--requests', '20'];
    const slow = 'SELECT pg_sleep(0.004);';
    const {code, stdout} = await replay(slow, flags);
    expect(code).toBe(0);
    expect(stdout).toContain('requests/s over connection_limit, 6 users');
    expect(stdout).toMatch(/recommended: connection_limit \d/);
    const [, document] = await replayJson(slow, flags);
    expect(document.results).toHaveLength(3);
    expect(document.recommendation).toMatchObject({
      variant: 'main',
      concurrency: 6,
      reason: expect.any(String),
    });
  });

  it('simulates more instances as far as its check supports them, and labels the results', async () => {
    const load = ['--requests', '20', '--connection-limit', '4', '--concurrency', '8'];
    const flags = [...load, '--simulate', '100', '--warm-up', '0.5s'];
    const [code, document] = await replayJson('SELECT pg_sleep(0.1);', flags);
    expect(code).toBe(0);
    // About 32 slots are free for the instances of the check, of 4 connections each.
    const note = document.notes.find(each => each.includes('checked against')) ?? '';
    expect(note).toMatch(/against [78] measured instances, fitted to [34]: off by \d+%/);
    for (const [, error] of note.matchAll(/(\d+)% in/g)) expect(Number(error)).toBeLessThanOrEqual(25);
    const simulated = document.results.filter(({is_simulated}) => is_simulated);
    expect(simulated.map(({instances}) => instances)).toEqual([10, 100]);
    expect(simulated[1]).toMatchObject({
      peak_connections: 37,
      latency_ms: {p99: null, max: null},
      harness_cores: null,
    });
    expect(simulated[1]?.errors.too_many_connections).toBeGreaterThan(0);
  });

  it('does not simulate without room for a check', async () => {
    const {code, stdout} = await replay('SELECT pg_sleep(0.05);', [
      '--requests',
      '20',
      '--connection-limit',
      '20',
      '--simulate',
      '10',
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/main: not simulated: its check needs 2 instances with 20 connections each/);
    expect(stdout).not.toContain('(simulated)');
  });

  describe('with its guards', () => {
    it('is read-only without --allow-writes', async () => {
      const write = 'INSERT INTO t VALUES (1000);';
      const [code, document] = await replayJson(write, ['--requests', '2']);
      expect(code).toBe(7);
      expect(document.results[0]?.errors.by_sqlstate).toEqual({'25006': 2});
      expect(document.notes.join()).toContain('all its requests failed');
      expect(document.notes.join()).toContain('25006): --allow-writes lets');
      const [allowed] = await replayJson(write, ['--requests', '2', '--warm-up', '0', '--allow-writes']);
      expect(allowed).toBe(0);
      expect(await server.query('DELETE FROM t WHERE id = 1000 RETURNING id')).toHaveLength(2);
    });

    it('refuses writes on production', async () => {
      const home = await temporaryHome();
      await writeFile(join(home, 'x.sql'), nPlusOne);
      const [code, stderr] = await failing(['replay', 'x.sql', url, '--allow-writes', '--production'], {
        home,
      });
      expect([code, stderr]).toEqual([2, expect.stringContaining('--allow-writes is refused')]);
    });

    it('leaves slots for other clients, and names the limits it skipped', async () => {
      const [code, document] = await replayJson('SELECT 1;', [
        '--connection-limit',
        '2,36',
        '--requests',
        '5',
      ]);
      expect(code).toBe(7);
      expect(document.results.map(({connection_limit}) => connection_limit)).toEqual([2]);
      expect(document.notes.join()).toMatch(
        /connection_limit 36: skipped, it needs 36 connections, and \d+ may be opened: \d of 37 slots are used, poolctl's among them, and 4 stay free/,
      );
    });

    it('stops when other clients run short of slots, and says so', async () => {
      const others: Promise<unknown>[] = [];
      const takeSlots = (stderr: string) => {
        if (others.length > 0 || !stderr.includes('1/1 main')) return;
        for (let each = 0; each < 34; each++) others.push(server.connect({user: 'app', password}));
      };
      const {code, stdout} = await replay(
        'SELECT 1;',
        ['--duration', '60s', '--connection-limit', '1', '--json'],
        {
          onStderr: takeSlots,
        },
      );
      const clients = (await Promise.allSettled(others)) as PromiseSettledResult<{end(): Promise<void>}>[];
      await Promise.all(clients.map(each => each.status === 'fulfilled' && each.value.end()));
      const document = JSON.parse(stdout) as ReplayDocument;
      expect([code, document.is_complete]).toEqual([7, false]);
      expect(document.results[0]?.requests).toBeGreaterThan(0);
      expect(document.notes.join()).toMatch(
        /stopped to leave slots for other clients: [0-2] of 37 were free/,
      );
    });

    it('stops at --time-limit', async () => {
      const [code, document] = await replayJson('SELECT 1;', ['--duration', '60s', '--time-limit', '1s']);
      expect(code).toBe(7);
      expect(document.results[0]?.requests).toBeGreaterThan(0);
      expect(document.notes.join()).toContain('--time-limit');
    });
  });

  it('stops at Ctrl-C with the results so far', async () => {
    const {code, stdout} = await replay(
      'SELECT 1;',
      ['--duration', '60s', '--connection-limit', '1,2', '--json'],
      {
        interrupt: {when: /1\/2 main/, signal: 'SIGINT'},
      },
    );
    expect(code).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject({is_complete: false});
    const left = () =>
      server.query("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'poolctl-replay%'");
    await expect.poll(left).toEqual([]);
  });

  it('reports what was measured before the server restarted, as partial, with exit 3', async () => {
    let restart: Promise<void> | null = null;
    const {code, stdout} = await replay(
      'SELECT pg_sleep(0.01);',
      ['--connection-limit', '1,2,3', '--duration', '3s', '--json'],
      {
        onStderr(text) {
          if (text.includes('2/3 main')) restart ??= server.restart();
        },
      },
    );
    await restart;
    const document = JSON.parse(stdout) as ReplayDocument;
    expect([code, document.is_complete]).toEqual([3, false]);
    expect(document.results[0]).toMatchObject({connection_limit: 1, errors: {other: 0}});
    expect(document.results.length).toBeLessThan(3);
    expect(document.notes.join()).toContain("poolctl's connection to the server ended: partial");
  });

  it('runs the examples of docs/replay.md', async () => {
    await server.query(`CREATE TABLE orders AS SELECT id, id % 2 + 1 AS customer FROM generate_series(1, 8) id;
      CREATE TABLE items AS SELECT id AS order_id, 'item' AS name FROM generate_series(1, 8) id;
      GRANT SELECT ON orders, items TO app`);
    const text = await readFile(new URL('../../docs/replay.md', import.meta.url), 'utf8');
    const example = (language: string) =>
      new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(text)?.[1] ?? '';
    const home = await temporaryHome();
    await mkdir(join(home, 'lib'));
    await symlink(new URL('../../node_modules', import.meta.url).pathname, join(home, 'node_modules'));
    await writeFile(join(home, 'orders.sql'), example('sql'));
    await writeFile(join(home, 'orders.endpoint.ts'), example('ts'));
    await writeFile(join(home, 'tsconfig.json'), '{"compilerOptions": {"paths": {"@/*": ["./*"]}}}');
    await writeFile(
      join(home, 'lib/orders.ts'),
      `import pg from 'pg';
const pool = new pg.Pool({connectionString: process.env.DATABASE_URL});
export async function listOrders(customer: number) {
  const {rows} = await pool.query('SELECT id FROM orders WHERE customer = $1', [customer]);
  for (const {id} of rows) await pool.query('SELECT name FROM items WHERE order_id = $1', [id]);
}
`,
    );
    const files = ['orders.sql', 'orders.endpoint.ts'];
    const replays = files.map(file => runProgram(['replay', file, url, '--requests', '6', '--json'], {home}));
    for (const {code, stdout, stderr} of await Promise.all(replays)) {
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        endpoint: 'GET /api/orders',
        results: [{requests: 6, queries_per_request: 5, failures: []}],
      });
    }
  });

  it("resolves names in the address's schema", async () => {
    await server.query('CREATE SCHEMA "my own"; CREATE TABLE "my own".only_here (id int)');
    await server.query('GRANT USAGE ON SCHEMA "my own" TO app; GRANT SELECT ON "my own".only_here TO app');
    const home = await temporaryHome();
    await writeFile(join(home, 'x.sql'), 'SELECT count(*) FROM only_here;');
    const words = ['replay', 'x.sql', `${url}?schema=my%20own`, '--requests', '3', '--json'];
    const {stdout} = await runProgram(words, {home});
    expect(JSON.parse(stdout)).toMatchObject({results: [{requests: 3, failures: []}]});
  });

  it('emulates the pool of Prisma 6 and earlier, and says so', async () => {
    const [, document] = await replayJson('SELECT 1;', ['--requests', '2', '--prisma-major', '6']);
    expect(document.prisma).toMatchObject({
      major: 6,
      is_emulated: true,
      semantics: expect.stringContaining('emulated'),
    });
  });

  it('rejects what it cannot measure', async () => {
    const home = await temporaryHome();
    await writeFile(join(home, 'x.sql'), nPlusOne);
    await writeFile(join(home, 'bad.sql'), '-- @endpoint x\n-- @nope\n');
    const calls: [string[], RegExp][] = [
      [[], /needs an endpoint/],
      [['nope.sql'], /cannot read the endpoint file nope\.sql/],
      [['x.sql', '--connection-limit', 'many'], /--connection-limit many/],
      [['x.sql', '--sweep', '5..1'], /--sweep 5\.\.1/],
      [['x.sql', '--variant', 'nope'], /no variant "nope"/],
      [['x.sql', '--requests', '2000000'], /from 1 to 1000000/],
      [['x.sql', '--concurrency', '0'], /--concurrency 0/],
      [['bad.sql'], /bad\.sql:2: /],
      [['x.sql', '--out', 'y.sql'], /--out requires --capture/],
      [['x.sql', '--listen', '5433'], /--listen requires --capture/],
    ];
    const ended = await Promise.all(calls.map(([args]) => failing(['replay', ...args], {home})));
    expect(ended).toEqual(calls.map(([, message]) => [2, expect.stringMatching(message)]));
  });
});
