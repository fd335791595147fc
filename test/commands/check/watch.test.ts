import {afterAll, beforeAll, describe, expect, it, onTestFinished} from 'vitest';
import {createCliRoles, leak, password, runProgram, urlOf} from '../../cli/run-program.ts';
import {describePgBouncer, startPgBouncer} from '../../helpers/pgbouncer.ts';
import {describeEachMajor, isMainMajor, type OwnServer, startTestServer} from '../../helpers/server.ts';

/** Wide limits for what a new server without traffic cannot pass or fail. */
const quiet = ['--max-mean', '1h', '--min-cache-hit', '0%', '--min-index-hit', '0%'];

describeEachMajor('poolctl check --for', major => {
  let server: OwnServer;
  beforeAll(async () => {
    // 17 slots for ordinary roles.
    server = await startTestServer({major, settings: {max_connections: 20, max_wal_senders: 0}});
    await createCliRoles(server);
  });
  afterAll(() => server?.stop());

  const watch = async (args: string[], options: Parameters<typeof runProgram>[1] = {}) => {
    const call = ['check', urlOf(server, 'oncall'), ...quiet, '--every', '0.5s', '--json', ...args];
    const {code, stdout, stderr} = await runProgram(call, options);
    return {code, stderr, document: stdout === '' ? null : JSON.parse(stdout)};
  };

  /** Watches for 3 s, and again for longer if a busy machine was too slow for what happens meanwhile. */
  async function watchUntil(
    isSeen: (document: {metrics: Record<string, number>; watch: {losses: unknown[]}}) => boolean,
    args: string[],
    happens: () => Promise<void>,
    afterwards: () => Promise<void> = async () => {},
  ) {
    for (let seconds = 3; ; seconds *= 3) {
      let happening: Promise<void> | null = null;
      const watched = await watch(['--for', `${seconds}s`, ...args], {
        onStderr: text => {
          // The first progress line follows the first snapshot.
          if (text.includes('readable')) happening ??= happens();
        },
      });
      await happening;
      await afterwards();
      // Without a document, too little was read to measure a limit: of a version that has no such figure, always.
      const isOver =
        watched.document === null ? watched.stderr.includes('it requires') : isSeen(watched.document);
      if (isOver || seconds > 60) return watched;
    }
  }

  it('exits 0 after its time, with averages, 95th percentiles and peaks', async () => {
    const {code, document} = await watch(['--for', '3s']);
    expect([code, document.status]).toEqual([0, 'ok']);
    expect(document.watch).toMatchObject({for_ms: 3000, failed_early: null, losses: [], critical_peaks: []});
    expect(document.watch.readings).toBeGreaterThan(2);
    expect(document.watch.series.used_ratio).toEqual({
      average: expect.any(Number),
      p95: expect.any(Number),
      peak: expect.any(Number),
    });
    expect(document.metrics.availability_ratio).toBeGreaterThan(0.9);
  });

  it('counts the connections that the server refuses it', async () => {
    const refuse = async () => {
      await server.query('ALTER ROLE oncall CONNECTION LIMIT 0');
      await server.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'oncall'");
    };
    const {code, document} = await watchUntil(
      ({metrics}) => (metrics.refused_connections_per_minute ?? 0) > 0,
      ['--min-availability', '1%', '--max-refused', '0'],
      refuse,
      async () => void (await server.query('ALTER ROLE oncall CONNECTION LIMIT -1')),
    );
    expect([code, document.thresholds.refused_connections_per_minute.level]).toEqual([1, 'critical']);
  });

  it('counts sessions ended by a timeout, if the server counts them', async () => {
    const {code, document, stderr} = await watchUntil(
      ({metrics}) => (metrics.fatal_sessions_per_minute ?? 0) > 0,
      ['--max-fatal-sessions', '0'],
      () => endByTimeout(server),
    );
    if (major < 14) expect([code, stderr]).toEqual([5, expect.stringContaining('it requires PostgreSQL 14')]);
    else expect([code, document.thresholds.fatal_sessions_per_minute.level]).toEqual([1, 'critical']);
  });

  if (!isMainMajor(major)) return;

  it('stops as soon as a limit stays critical', async () => {
    const args = ['--for', '10min', '--sustain', '1s', '--max-used', '1%'];
    const [{code, document}, nagios] = await Promise.all([
      watch(args),
      runProgram(['check', urlOf(server, 'oncall'), ...quiet, '--every', '0.5s', ...args, '--nagios']),
    ]);
    expect([code, document.status, document.watch.failed_early]).toEqual([1, 'critical', 'used_ratio']);
    expect(document.watch.elapsed_ms).toBeLessThan(600_000);
    expect([nagios.code, nagios.stdout]).toEqual([
      2,
      expect.stringMatching(
        /^POOLCTL CRITICAL - slots used stayed critical; slots used \d.*% \(at most 1%\)/,
      ),
    ]);
  });

  it('fails if the average exceeds its limit, even if no single snapshot does', async () => {
    const {code, document} = await watch(['--for', '2s', '--max-average-used', '1%']);
    expect([code, document.thresholds.average_used_ratio.level]).toEqual([1, 'critical']);
  });

  it('survives a restart of the server, and reports the availability', async () => {
    const {code, document} = await watchUntil(
      ({watch: {losses}, metrics}) => losses.length > 0 && (metrics.availability_ratio ?? 0) > 0.1,
      ['--min-availability', '10%'],
      () => server.restart(),
    );
    expect(document.watch.losses).toHaveLength(1);
    expect(document.watch.losses[0].lasted_ms).toBeGreaterThan(0);
    expect(document.metrics.availability_ratio).toBeLessThan(1);
    expect(code).toBe(0);
  });

  it('fails if the availability is too low', async () => {
    const {code, document} = await watchUntil(
      ({metrics}) => (metrics.availability_ratio ?? 1) < 0.9,
      ['--min-availability', '90%'],
      () => server.pause(),
      () => server.resume(),
    );
    expect([code, document.thresholds.availability_ratio.level]).toEqual([1, 'critical']);
  });

  it('compares a canary with the stable version, and takes limits for one application', async () => {
    const client = (application_name: string) => server.connect({user: 'app', password, application_name});
    const stable = await Promise.all([client('web'), client('web')]);
    const canary = await Promise.all([client('web-canary'), client('web-canary')]);
    for (const each of canary) {
      await each.query('BEGIN');
      await each.query('SELECT 1/0').catch(() => {});
    }
    let isBusy = true;
    onTestFinished(() => {
      isBusy = false;
    });
    const busy = stable.map(async each => {
      while (isBusy) await each.query('BEGIN; SELECT pg_sleep(0.05); COMMIT');
    });
    const against = ['--application', 'web-canary', '--against', 'web'];
    let compared = await watch(['--for', '4s', ...against]);
    // A busy machine reads less often, or too little to compare.
    while (compared.document === null || compared.document.applications[0].left_out.length > 1)
      compared = await watch(['--for', '15s', ...against]);
    isBusy = false;
    await Promise.all(busy);
    const [application] = compared.document.applications;
    expect([compared.code, application.level]).toEqual([1, 'warning']);
    expect(application).toMatchObject({
      figures: {name: 'web-canary', average_sessions: 2, average_busy_sessions: 2, aborted_ratio: 1},
      against: {name: 'web', average_sessions: 2, aborted_ratio: 0},
      worse: expect.arrayContaining([{figure: 'aborted_ratio', value: 1, against: 0}]),
      left_out: [expect.stringContaining('does not count them by application')],
    });

    const check = (...args: string[]) => runProgram(['check', urlOf(server, 'oncall'), ...quiet, ...args]);
    const oneFifth = ['--max-used', '20%'];
    const [limited, within, unseen] = await Promise.all([
      check('--application', 'role:app', ...oneFifth, '--junit', '-'),
      check('--application', 'web-canary', ...oneFifth, '--ignore', 'kill-idle-sessions'),
      check('--application', 'elsewhere', ...oneFifth, '--fail-on', 'critical'),
    ]);
    expect([limited.code, limited.stdout]).toEqual([
      1,
      expect.stringMatching(
        /classname="poolctl.applications" name="role:app"><failure type="critical" message="role:app: slots used 2\d(\.\d+)?% \(at most 20%\)"/,
      ),
    ]);
    expect(within.stdout).toMatch(/slots used, on average +1\d(\.\d+)?%\n/);
    expect(within.stdout).toMatch(/slots used +1\d(\.\d+)?% +ok: at most 20%/);
    expect([unseen.code, unseen.stderr]).toEqual([
      5,
      expect.stringContaining('elsewhere cannot be checked: no session of elsewhere was seen'),
    ]);
    await Promise.all([...stable, ...canary].map(each => each.end()));
  });

  it('exits 130 when interrupted', async () => {
    const {code, stderr} = await watch(['--for', '10min'], {interrupt: {when: /readable/, signal: 'SIGINT'}});
    expect([code, stderr]).toEqual([130, expect.stringMatching(/^poolctl: interrupted$/m)]);
  });

  describe('beside a pooler', () => {
    describePgBouncer('poolctl check --pooler', () => {
      it('counts the clients that wait for a server connection', async () => {
        const users = {app: password};
        const pooler = await startPgBouncer({
          server,
          pool_mode: 'transaction',
          users,
          settings: {default_pool_size: 1},
        });
        onTestFinished(() => pooler.stop());
        const clients = await Promise.all(
          [1, 2, 3].map(() => server.connect({config: {connectionString: pooler.url({user: 'app'})}})),
        );
        const [holder, ...waiting] = clients;
        await holder?.query('BEGIN');
        for (const client of waiting) client.query('SELECT 1').catch(() => {});
        const admin = pooler.url({database: 'pgbouncer'});
        const check = (limit: string, ...more: string[]) =>
          runProgram([
            'check',
            urlOf(server, 'oncall'),
            ...quiet,
            '--pooler',
            admin,
            '--max-pooler-waiting',
            limit,
            ...more,
            '--json',
          ]);
        await expect
          .poll(async () => JSON.parse((await check('9')).stdout).metrics.pooler_waiting_clients)
          .toBe(2);
        const [known, within, over, late, wrong] = await Promise.all([
          runProgram(['check', urlOf(server, 'oncall'), ...quiet, '--max-pooler-waiting', '1'], {
            env: {POOLCTL_POOLER_URL: admin},
          }),
          check('2'),
          check('1'),
          check('2', '--max-pooler-wait', '10ms'),
          runProgram(['check', urlOf(server, 'oncall'), '--pooler', urlOf(server, 'oncall')]),
        ]);
        expect([known.code, within.code, over.code, late.code]).toEqual([1, 0, 1, 1]);
        expect(JSON.parse(late.stdout).metrics.pooler_max_wait_ms).toBeGreaterThan(10);
        expect([wrong.code, wrong.stderr]).toEqual([
          3,
          expect.stringContaining("cannot query PgBouncer's admin console"),
        ]);
      });
    });
  });
});

/** A session that is idle in transaction longer than the limit, then ends. */
async function endByTimeout(server: OwnServer): Promise<void> {
  const client = await leak(server, {application_name: 'web'});
  await client.query('SET idle_in_transaction_session_timeout = 1');
  await expect
    .poll(() => server.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [client.processID]))
    .toHaveLength(0);
}
