import {mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it, onTestFinished} from 'vitest';
import {
  createCliRoles,
  failing,
  leak,
  password,
  runProgram,
  temporaryHome,
  urlOf,
} from '../../cli/run-program.ts';
import {describeEachMajor, isMainMajor, startTestServer, type TestServer} from '../../helpers/server.ts';

/** Limits that no test reaches. */
const wide = {
  '--max-used': '100%',
  '--max-idle-in-transaction': '1h',
  '--max-transaction': '1h',
  '--max-blocked': '100',
  '--max-mean': '1h',
  '--min-cache-hit': '0%',
  '--min-index-hit': '0%',
  '--max-invalid-indexes': '100',
  '--max-stale-tables': '100',
};

describeEachMajor('poolctl check', major => {
  let server: TestServer;
  beforeAll(async () => {
    // 17 slots for ordinary roles.
    server = await startTestServer({
      major,
      settings: {max_connections: 20, max_wal_senders: 0, 'pg_stat_statements.max': 100},
    });
    await createCliRoles(server);
  });
  afterAll(() => server?.stop());

  const check = async (...args: string[]) => {
    const {code, stdout, stderr} = await runProgram(['check', urlOf(server, 'oncall'), ...args, '--json']);
    return {code, stderr, document: JSON.parse(stdout)};
  };

  it('exits 0 on a healthy server, as text and JSON', async () => {
    const [{code, document, stderr}, text] = await Promise.all([
      check(),
      runProgram(['check', urlOf(server, 'oncall')]),
    ]);
    expect([code, stderr]).toEqual([0, '']);
    expect(Object.keys(document)).toEqual([
      'schema_version',
      'status',
      'findings',
      'also',
      'writable',
      'contention',
      'assessed',
      'metrics',
      'thresholds',
      'unavailable',
    ]);
    expect(document).toMatchObject({
      schema_version: 1,
      status: 'ok',
      findings: [],
      metrics: {blocked_sessions: 0, longest_idle_in_transaction_ms: 0},
      thresholds: {
        used_ratio: {max: 0.8, is_crossed: false, judged_by: 'limit'},
        longest_transaction_ms: {max: 300_000, critical: 1_800_000, is_crossed: false, judged_by: 'findings'},
      },
    });
    expect([text.code, text.stdout]).toEqual([
      0,
      expect.stringMatching(/^ok: .*\n\nno finding in 3 snapshots over \d+s: .*\n\nok +slots used +\d/),
    ]);
  });

  it('exits 5 for a limit that the role cannot measure', async () => {
    const client = await server.connect({user: 'app', password});
    const args = ['check', urlOf(server, 'blind')];
    expect(await failing([...args, '--max-transaction', '1h'])).toEqual([
      5,
      expect.stringMatching(/--max-transaction cannot be checked: .*hidden.*\n.*GRANT pg_monitor TO "blind"/),
    ]);
    // Without such a limit it does not fail the check, which is not called ok either.
    const [text, nagios, json, junit] = await Promise.all(
      [[], ['--nagios'], ['--json'], ['--junit', '-']].map(format => runProgram([...args, ...format])),
    );
    expect([text?.code, text?.stderr]).toEqual([
      0,
      expect.stringMatching(/incomplete check, backends: .*GRANT/),
    ]);
    expect(text?.stdout).toMatch(/^unknown: .*\n.*hidden.*GRANT pg_monitor TO "blind"/);
    expect([nagios?.code, nagios?.stdout]).toEqual([
      3,
      expect.stringMatching(/^POOLCTL UNKNOWN - .*hidden.*GRANT pg_monitor TO "blind";\|/),
    ]);
    expect(JSON.parse(json?.stdout ?? '')).toMatchObject({
      status: 'unknown',
      metrics: {longest_transaction_ms: null, longest_idle_in_transaction_ms: null, blocked_sessions: 0},
      unavailable: [{section: 'backends'}],
    });
    expect(junit?.stdout).toMatch(/name="longest transaction"><skipped message="[^"]*GRANT pg_monitor/);
    await client.end();
  });

  it('exits 5 for a given limit that a quiet server does not let it measure', async () => {
    expect(await failing(['check', urlOf(server, 'oncall'), '--min-index-hit', '99%'])).toEqual([
      5,
      expect.stringMatching(/--min-index-hit cannot be checked: the server has done too little/),
    ]);
  });

  it('exits 1 for each limit that is crossed, and names only that', async () => {
    await makeEveryLimitCrossable(server);
    const strict: [flag: keyof typeof wide, value: string, metric: string][] = [
      ['--max-used', '20%', 'used_ratio'],
      ['--max-idle-in-transaction', '0s', 'longest_idle_in_transaction_ms'],
      ['--max-transaction', '0s', 'longest_transaction_ms'],
      ['--max-blocked', '0', 'blocked_sessions'],
      ['--max-mean', '10ms', 'slowest_mean_exec_time_ms'],
      ['--min-cache-hit', '100%', 'cache_hit_ratio'],
      ['--min-index-hit', '1.0', 'index_hit_ratio'],
      ['--max-invalid-indexes', '0', 'invalid_indexes'],
      ['--max-stale-tables', '0', 'stale_tables'],
    ];
    const crossedWith = async (limits: Record<string, string>) => {
      const {code, document} = await check(...Object.entries(limits).flat());
      const thresholds: [string, {is_crossed: boolean}][] = Object.entries(document.thresholds);
      return {code, names: thresholds.filter(([, {is_crossed}]) => is_crossed).map(([name]) => name)};
    };
    expect((await crossedWith(wide)).names).toEqual([]);
    // At the same time: each reads the server for two seconds.
    const crossed = await Promise.all(strict.map(([flag, value]) => crossedWith({...wide, [flag]: value})));
    expect(crossed).toEqual(strict.map(([, , metric]) => ({code: 1, names: [metric]})));
    const {stdout} = await runProgram(['check', urlOf(server, 'oncall'), '--max-mean', '10ms']);
    expect(stdout).toMatch(
      /^critical +slowest statement, on average +\d.*s +at most 10ms +--max-mean +queryid -?\d+: SELECT count\(\*\) FROM generate_series/m,
    );
  });

  it('exits 1 for what needs two snapshots: an N+1, and evictions where the extension counts them', async () => {
    const client = await server.connect({user: 'app', password});
    onTestFinished(() => client.end());
    const busy = keepBusy(async turn => {
      // Many different statements, and one that is called at least ten times for each of them.
      if (turn % 20 === 0) await client.query(`SELECT ${Array(1 + ((turn / 20) % 1000)).fill(1)}`);
      await client.query('SELECT $1::int', [turn]);
    });
    const limits = (...args: string[]) => [...Object.entries(wide).flat(), '--rates', '0.5s', ...args];
    const measured = async (...args: string[]) => {
      const {document, code} = await check(...limits(...args));
      const {statement_evictions_per_minute: evictions, n_plus_one_suspects: suspects} = document.thresholds;
      const levels = {evictions: evictions.level, suspects: suspects.level};
      return {code, suspects: document.metrics.n_plus_one_suspects, levels};
    };
    const isEvicting = async () => {
      const [row] = await server.query<{dealloc: number}>('SELECT dealloc::int FROM pg_stat_statements_info');
      return (row?.dealloc ?? 0) > 0;
    };
    if (major >= 14) await expect.poll(isEvicting).toBe(true);
    // On a busy machine too little may happen between two snapshots.
    await expect
      .poll(() => measured('--max-n1', '0'))
      .toMatchObject({
        code: 1,
        suspects: 1,
        levels: {suspects: 'critical', evictions: major < 14 ? 'unknown' : 'warning'},
      });
    expect(await measured('--max-n1', '9')).toMatchObject({levels: {suspects: 'ok'}});
    if (major < 14) {
      expect(await failing(['check', urlOf(server, 'oncall'), ...limits('--max-evictions', '0')])).toEqual([
        5,
        expect.stringContaining('--max-evictions cannot be checked: it requires pg_stat_statements 1.9'),
      ]);
    } else {
      const evictions = async (max: string) => (await measured('--max-evictions', max)).levels.evictions;
      await expect.poll(() => evictions('0')).toBe('critical');
      expect(await evictions('100000')).toBe('ok');
    }
    await busy.stop();
  });

  if (!isMainMajor(major)) return;

  it('measures mean times between two snapshots with --rates', async () => {
    await server.query(slowQuery);
    const {document} = await check(
      ...Object.entries({...wide, '--max-mean': '40ms'}).flat(),
      '--rates',
      '100ms',
    );
    expect(document.thresholds.slowest_mean_exec_time_ms).toMatchObject({max: 40, is_crossed: false});
  });

  it('lists findings with their recipe, the worst first', async () => {
    const clients: Awaited<ReturnType<typeof leak>>[] = [];
    const used = async () => {
      const sessions = "SELECT FROM pg_stat_activity WHERE backend_type = 'client backend'";
      return (await server.query(sessions)).length;
    };
    // With poolctl's session 16 of 17 slots; one stays free for a session that is still ending.
    while ((await used()) < 15) clients.push(await leak(server, {application_name: 'web'}));
    const {code, document} = await check();
    expect([code, document.status]).toEqual([1, 'critical']);
    expect(document.findings[0]).toMatchObject({
      severity: 'critical',
      summary: expect.stringMatching(/web\/app .*in transaction/),
      harm: {kind: 'slots'},
      evidence: {usable: 17},
    });
    const {stdout} = await runProgram(['check', urlOf(server, 'oncall')]);
    expect(stdout).toMatch(
      /^critical: .*\n\ncritical +[\w-]+ +(web\/app leaks .*: )?\d+ of 17 slots are in use/,
    );
    for (const client of clients) await client.end();
  });

  it('lets a given limit loosen the finding of what it limits', async () => {
    const clients: Awaited<ReturnType<typeof leak>>[] = [];
    while (clients.length < 12) clients.push(await leak(server, {application_name: 'web'}));
    const wideButSlots = Object.entries({...wide, '--max-used': '100%'}).flat();
    const slotsOf = ({findings, also}: Record<string, {harm?: {kind: string}}[]>) =>
      [findings, also].map(list => list?.filter(({harm}) => harm?.kind === 'slots').length);
    // Another test's sessions may still be ending.
    await expect.poll(async () => slotsOf((await check()).document)).toEqual([1, 0]);
    expect(slotsOf((await check(...wideButSlots)).document)).toEqual([0, 1]);
    for (const client of clients) await client.end();
  });

  it('applies a limit of config.toml only if the call can measure it', async () => {
    const home = await temporaryHome();
    await mkdir(join(home, '.config', 'poolctl'), {recursive: true});
    const text = '[thresholds]\nmax_average_used = "1%"\nmax_pooler_waiting = 5\n';
    await writeFile(join(home, '.config', 'poolctl', 'config.toml'), text);
    const levelOf = async (...args: string[]) => {
      const call = ['check', urlOf(server, 'oncall'), ...Object.entries(wide).flat(), '--json', ...args];
      return JSON.parse((await runProgram(call, {home})).stdout).thresholds.average_used_ratio.level;
    };
    const levels = await Promise.all([levelOf(), levelOf('--for', '1s', '--every', '0.5s')]);
    expect(levels).toEqual(['unknown', 'critical']);
  });
});

/** At work for more than 10 ms. */
const slowQuery = 'SELECT count(*) FROM generate_series(1, 500000)';

/** Calls `work` repeatedly until the returned function is called. */
function keepBusy(work: (turn: number) => Promise<void>): {stop(): Promise<void>} {
  let isStopped = false;
  const running = (async () => {
    for (let turn = 0; !isStopped; turn++) await work(turn);
  })();
  const stop = () => {
    isStopped = true;
    return running;
  };
  onTestFinished(stop);
  return {stop};
}

/** One session idle in transaction that blocks another, a slow statement, and blocks read from outside the cache. */
async function makeEveryLimitCrossable(server: TestServer): Promise<void> {
  const reader = await server.connect();
  await reader.query('CREATE TABLE numbers AS SELECT generate_series(1, 30000) AS n');
  await reader.query('CREATE INDEX ON numbers (n)');
  await reader.query('SET enable_seqscan = off');
  for (let each = 0; each < 20; each++) await reader.query('SELECT count(n) FROM numbers WHERE n > 0');
  for (let each = 0; each < 3; each++) await reader.query(slowQuery);
  // Neither a wait nor a utility statement is slow work.
  for (let each = 0; each < 3; each++) await reader.query('SELECT pg_sleep(0.2)');
  // The session reports its statistics when it ends.
  await reader.end();
  const counted =
    'SELECT sum(idx_blks_hit)::int AS hit, sum(idx_blks_read)::int AS read FROM pg_statio_user_indexes';
  await expect
    .poll(async () => (await server.query<{hit: number; read: number}>(counted))[0])
    .toSatisfy(({hit, read}) => hit > 1000 && read > 0);
  await server.query('GRANT ALL ON numbers TO app');
  // A duplicate makes CREATE INDEX CONCURRENTLY fail, which leaves an invalid index.
  await server.query('CREATE TABLE doubled AS SELECT 1 AS n FROM generate_series(1, 2)');
  await server.query('CREATE UNIQUE INDEX CONCURRENTLY doubled_n ON doubled (n)').catch(() => {});
  await server.query('CREATE TABLE stale (n int) WITH (autovacuum_enabled = off)');
  await server.query('INSERT INTO stale SELECT generate_series(1, 30000)');
  const blocker = await leak(server, {application_name: 'web'});
  await blocker.query('LOCK TABLE numbers');
  const blocked = await server.connect({user: 'app', password, application_name: 'web'});
  blocked.query('SELECT n FROM numbers LIMIT 1').catch(() => {});
  await expect
    .poll(() => server.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
    .toHaveLength(1);
}
