import {cpus} from 'node:os';
import pg from 'pg';
import {afterAll, beforeAll, describe, expect, it, onTestFinished} from 'vitest';
import type {Output} from '../../../source/cli/context.ts';
import {printSnapshot, run} from '../../../source/commands/snapshot/command.ts';
import {noLoad} from '../../../source/core/activity/session-load.ts';
import {socketFrom} from '../../../source/demo/instances.ts';
import {instrumentPool} from '../../../source/kit/create-pool.ts';
import type {PoolerReading} from '../../../source/model/pooler.ts';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {readOnce} from '../../../source/postgres/sampler/sampler.ts';
import {createCliContext} from '../../helpers/cli-context.ts';
import {createPooler} from '../../helpers/pooler.ts';
import {describeMainMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {createSnapshot} from '../../helpers/snapshot.ts';
import {requestTo} from '../../postgres/requests.ts';

function capture(overrides: Partial<Output> = {}) {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const output: Output = {
    stdout: text => void stdout.push(text),
    stderr: text => void stderr.push(text),
    isTty: false,
    columns: 80,
    ...overrides,
  };
  return {stdout, stderr, output};
}

describe('snapshot', () => {
  it('begins with the schema version, on one line for a pipe and indented for a person', () => {
    const piped = capture();
    printSnapshot(createSnapshot(), piped.output);
    expect(piped.stdout.join('')).toMatch(/^\{"schema_version":1,"at":[^\n]*$/);
    const shown = capture({isTty: true});
    printSnapshot(createSnapshot(), shown.output);
    expect(shown.stdout.join('')).toMatch(/^\{\n {2}"schema_version": 1,\n/);
  });

  it('has the PgBouncer that is known, or says why it has none', () => {
    const printed = (pooler: PoolerReading | null) => {
      const {stdout, stderr, output} = capture();
      printSnapshot(createSnapshot({unavailable: []}), output, {pooler});
      const {poolers, unavailable} = JSON.parse(stdout.join(''));
      return {poolers, unavailable, stderr};
    };
    expect(printed(null)).toEqual({poolers: null, unavailable: [], stderr: []});
    const pooler = createPooler();
    expect(printed({pooler, problem: null}).poolers).toEqual([pooler]);
    const problem = {address: 'db:6432', reason: 'no answer', remedy: 'correct it'};
    expect(printed({pooler: null, problem})).toEqual({
      poolers: null,
      unavailable: [{section: 'poolers', sqlstate: null, reason: 'no answer', remedy: 'correct it'}],
      stderr: ['poolers: no answer. correct it'],
    });
  });

  it('has no waits where no sample was taken', () => {
    const {stdout, output} = capture();
    printSnapshot(createSnapshot(), output, {load: noLoad});
    expect(JSON.parse(stdout.join(''))).toMatchObject({waits: null, load: null});
  });

  it('reports on stderr what could not be read', () => {
    const {stderr, output} = capture();
    const unavailable = [
      {section: 'statements', sqlstate: null, reason: 'not installed', remedy: 'CREATE EXTENSION x;'},
    ];
    printSnapshot(createSnapshot({unavailable}), output);
    expect(stderr).toEqual(['statements: not installed. CREATE EXTENSION x;']);
  });
});

describeMainMajor('snapshot of a server', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await server.query('CREATE EXTENSION pg_stat_statements');
    await server.query(`CREATE ROLE app LOGIN PASSWORD 'hunter2' IN ROLE pg_monitor`);
  });
  afterAll(() => server?.stop());

  const take = async (rates_over_ms: number | null) => {
    const connection = await connect(requestTo(server.url({user: 'app', password: 'hunter2'})), {
      purpose: 'watch',
    });
    const {stdout, output} = capture();
    try {
      printSnapshot(await readOnce(connection, {rates_over_ms}), output);
    } finally {
      await connection.close();
    }
    return stdout.join('');
  };

  it('has every section, statement texts included, and no password', async () => {
    const text = await take(null);
    expect(text).not.toContain('hunter2');
    const read = JSON.parse(text);
    expect(Object.keys(read)).toEqual(
      expect.arrayContaining([
        'target',
        'budget',
        'backends',
        'statements',
        'lock_waits',
        'databases',
        'unavailable',
      ]),
    );
    expect(read.unavailable).toEqual([]);
    expect(read.statements.length).toBeGreaterThan(0);
    expect(read.statements.every((statement: {query: unknown}) => typeof statement.query === 'string')).toBe(
      true,
    );
    expect(read.statements[0].calls_per_second).toBeUndefined();
  });

  it('has rates with a second snapshot', async () => {
    const {statements, databases} = JSON.parse(await take(100));
    expect(statements.some((statement: object) => 'calls_per_second' in statement)).toBe(true);
    expect(statements.some((statement: object) => 'rates' in statement)).toBe(false);
    expect(databases[0].interval_ms).toBeGreaterThan(0);
  });

  /** One of eight kinds of requests, each of up to 0.7 s more than `least_s`. */
  const request = (call: number, least_s = 0) =>
    `SELECT ${'1, '.repeat(call % 8)} pg_sleep(${least_s + (call % 8) / 10})`;

  /** A pool of 5, which keeps its sessions; `use` returns what ends its use. */
  function openPool(
    application_name: string,
    address: string,
    use: (pool: pg.Pool) => () => Promise<unknown>,
  ): void {
    const pool = new pg.Pool({
      connectionString: server.url({user: 'app', password: 'hunter2', application_name}),
      max: 5,
      idleTimeoutMillis: 0,
      stream: () => socketFrom(address),
    });
    const end = use(pool);
    onTestFinished(async () => {
      await end();
      await pool.end();
    });
  }

  /** More requests at a time than it has sessions, all the time. */
  function starve(pool: pg.Pool): () => Promise<unknown> {
    let isOver = false;
    const work = async (worker: number) => {
      for (let call = worker; !isOver; call++) {
        // Long beside the time in which a busy machine gives the session its next request.
        await pool.query(request(call, 2));
      }
    };
    const workers = Promise.all(Array.from({length: 20}, (_, worker) => work(worker)));
    return () => {
      isOver = true;
      return workers;
    };
  }

  /** Five requests at once, then one every so often: two at a time on average. */
  function useWell(pool: pg.Pool): () => Promise<unknown> {
    const calls = [0, 1, 2, 3, 4].map(call => pool.query(request(call)));
    const timer = setInterval(() => calls.push(pool.query(request(calls.length))), 160);
    return () => {
      clearInterval(timer);
      return Promise.all(calls);
    };
  }

  it('takes the word of a pool that reports, whose load looks like that of a batch', async () => {
    const pool = instrumentPool(
      new pg.Pool({connectionString: server.url({user: 'app', password: 'hunter2'}), max: 3}),
      {application: 'told'},
    );
    let isOver = false;
    const work = async () => {
      while (!isOver) await pool.query('SELECT pg_sleep(0.3)');
    };
    const workers = Promise.all(Array.from({length: 12}, work));
    onTestFinished(async () => {
      isOver = true;
      await workers;
      await pool.end();
    });
    const reports = `SELECT FROM pg_stat_activity WHERE application_name ~ '^told\\[3/3 w[1-9].* p95'`;
    await expect.poll(() => server.query(reports), {timeout: 20_000}).not.toEqual([]);
    const {stdout, output} = capture();
    const url = server.url({user: 'app', password: 'hunter2'});
    await run({...createCliContext(), output}, {words: [url], flags: {for: '2s', every: '0.5s'}});
    const {applications} = JSON.parse(stdout.join(''));
    const told = applications.find((each: {application_name: string}) => each.application_name === 'told');
    expect(told).toMatchObject({
      sessions: 3,
      reported: {size: 3, busy: 3},
      verdict: 'saturated',
      reason: expect.stringMatching(/^\d requests wait for its pool of 3 \(p95 wait \d/),
    });
    // One is handed out while the pool reports.
    expect(pool.stats().waiting - told.reported.waiting).toBeLessThanOrEqual(1);
    expect(told.reported.wait_p95_ms).toBeGreaterThanOrEqual(500);
  });

  it('names a pool that starves while the server rests, and not one that is used well', async () => {
    openPool('starving', '127.0.0.2', starve);
    openPool('busy', '127.0.0.3', useWell);
    const {stdout, output} = capture();
    const url = server.url({user: 'app', password: 'hunter2'});
    const context = {...createCliContext(), output};
    await run(context, {words: [url], flags: {for: '8s', every: '0.5s'}});
    const {applications, waits, load} = JSON.parse(stdout.join(''));
    const ofPools = applications.filter((each: {usename: string}) => each.usename === 'app');
    expect(ofPools).toMatchObject([
      {application_name: 'busy', sessions: 5, verdict: 'fine'},
      {
        application_name: 'starving',
        usename: 'app',
        clients: [{client_addr: '127.0.0.2', sessions: 5, busy: 5}],
        ...{sessions: 5, ceiling: 5, most_busy: 5, instances: 1, revisions: 1, reported: null},
        verdict: 'saturated',
        reason: expect.stringMatching(
          new RegExp(
            `^all 5 busy in \\d+% of ${load.readings} snapshots over \\d+s; the server has \\d+ free slots: the application's pool is the limit, not the server$`,
          ),
        ),
      },
    ]);
    expect(waits[0]).toMatchObject({class: 'Timeout', event: 'PgSleep'});
    expect(waits[0].average_active_sessions).toBeGreaterThan(4);
    // The server runs on this machine.
    expect(load).toMatchObject({hidden_sessions: 0, cores: cpus().length});
    expect(load.classes[0]).toMatchObject({class: 'other', share: expect.closeTo(waits[0].share, 10)});
    // A reading may find a session between two statements, on a CPU.
    const [leading] = load.top.application;
    expect(leading.value).toBe('starving');
    expect(leading.classes[0].class).toBe('other');
  });
});
