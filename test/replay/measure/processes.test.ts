import {writeFile} from 'node:fs/promises';
import os from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {ReplayDocument} from '../../../source/model/replay-report.ts';
import type {BenchmarkCase} from '../../../source/replay/measure/measure.ts';
import {createProcesses, type Worker} from '../../../source/replay/measure/processes.ts';
import {createRunStats, recordFailure, statementStats} from '../../../source/replay/measure/run-stats.ts';
import {
  type Loaded,
  mergeMeasured,
  packMeasured,
  splitCase,
  type WorkerReport,
  type WorkerSettings,
  type WorkerTask,
} from '../../../source/replay/measure/worker.ts';
import {beginRequest, recordFailedRequest, recordRequest} from '../../../source/replay/pool/request-trace.ts';
import {createCliRoles, runProgram, temporaryHome, urlOf} from '../../cli/run-program.ts';
import {shareTestServer, type TestServer} from '../../helpers/server.ts';

const benchmark: BenchmarkCase = {
  variant: {name: 'main'},
  connection_limit: 2,
  concurrency: 10,
  instances: 5,
  requests: 101,
  duration_ms: null,
  rate: 50,
  warm_up_ms: 100,
};

describe('a case split among processes', () => {
  it('has parts that add up to the whole, each instance with its users', () => {
    const parts = splitCase(benchmark, 2);
    expect(parts.map(({instances, concurrency}) => [instances, concurrency])).toEqual([
      [3, 6],
      [2, 4],
    ]);
    expect(parts.map(({requests}) => requests ?? 0).reduce((a, b) => a + b)).toBe(101);
    expect(parts.map(({rate}) => rate)).toEqual([30, 20]);
    expect(parts.every(({connection_limit}) => connection_limit === 2)).toBe(true);
  });

  it.each([
    [5, 10, 8, 5],
    [5, 3, 8, 3],
    [1, 10, 8, 1],
    [7, 4, 4, 4],
  ])(
    '%i instances and %i users over %i processes become %i parts, none without users',
    (instances, concurrency, count, parts) => {
      const shares = splitCase({...benchmark, instances, concurrency}, count);
      expect(shares).toHaveLength(parts);
      expect(shares.every(each => each.instances > 0 && each.concurrency > 0)).toBe(true);
      expect(shares.reduce((sum, each) => sum + each.instances, 0)).toBe(instances);
      expect(shares.reduce((sum, each) => sum + each.concurrency, 0)).toBe(concurrency);
    },
  );
});

describe('measurements of several processes', () => {
  const measured = (latency_ms: number, line: number) => {
    const stats = createRunStats();
    const trace = beginRequest(stats);
    const statement = statementStats(stats, 'SELECT 1', line);
    statement.calls += 2;
    trace.queries = 2;
    trace.repetitions.push({statement, count: 2});
    recordRequest(trace, latency_ms);
    const failure = {kind: 'sqlstate', sqlstate: '42P01', line: 3, message: 'no such table'} as const;
    recordFailedRequest(beginRequest(stats), failure);
    recordFailure(stats, failure);
    return {
      stats,
      elapsed_ms: latency_ms * 2,
      peak_connections: null,
      peak_in_use: 2,
      process_busy_ratio: latency_ms / 100,
      cpu_ms: latency_ms,
      process_cpu_ratio: latency_ms / 200,
      isComplete: true,
    };
  };

  it('are merged', () => {
    const parts = [measured(10, 1), measured(30, 1), measured(50, 9)];
    const packed = JSON.parse(JSON.stringify(parts.map(packMeasured)));
    const {stats, ...rest} = mergeMeasured(packed);
    expect(rest).toEqual({
      elapsed_ms: 100,
      peak_connections: null,
      peak_in_use: 6,
      process_busy_ratio: 0.5,
      cpu_ms: 90,
      process_cpu_ratio: 0.25,
      isComplete: true,
    });
    expect(stats).toMatchObject({requests: 6, failed: 3, queries: 6, max_ms: 50});
    expect(stats.latency_us.totalCount).toBe(3);
    expect(stats.latency_us.getValueAtPercentile(50) / 1000).toBeCloseTo(30, 1);
    expect([...stats.statements.values()].flat()).toMatchObject([
      {line: 1, calls: 4, requests: 2, most_per_request: 2},
      {line: 9, calls: 2, requests: 1},
    ]);
    expect([...stats.failures.values()]).toMatchObject([{sqlstate: '42P01', line: 3, count: 6}]);
  });

  it('are merged even if some measured no request', () => {
    const idle = {...measured(1, 1), stats: createRunStats()};
    const {stats} = mergeMeasured([packMeasured(idle), packMeasured(measured(20, 1))]);
    expect(stats.latency_us.totalCount).toBe(1);
    expect(stats.latency_us.maxValue / 1000).toBeCloseTo(20, 1);
  });
});

describe('after a case that failed', () => {
  const settings: WorkerSettings = {
    ...{connection: {}, allowWrites: false, schema: null, ignoresIdentity: false},
    ...{pool_timeout_ms: 0, hang_timeout_ms: 300},
  };
  const loaded: Loaded = {
    endpoint: {route: 'GET /x', file: 'x.ts', variants: [{name: 'main'}], hasSetup: false},
    prisma: null,
  };
  const reportOf = (requests: number): WorkerReport => {
    const stats = createRunStats();
    for (let each = 0; each < requests; each++) recordRequest(beginRequest(stats), 1);
    const measured = {
      ...{stats, elapsed_ms: 1, peak_connections: null, peak_in_use: 0, isComplete: true},
      ...{process_busy_ratio: 0, process_cpu_ratio: 0, cpu_ms: 0},
    };
    return {kind: 'measured', measured: packMeasured(measured), notes: [], refusals: []};
  };

  /** Processes whose worker `index` answers its tasks with `answer`. */
  function processesOf(
    count: number,
    answer: (index: number, task: WorkerTask<null>, report: (report: WorkerReport) => void) => void,
  ) {
    let started = 0;
    const start = (): Worker<null> => {
      const index = started++;
      let listener: (report: WorkerReport) => void = () => {};
      let end = (_reason: string) => {};
      const ended = new Promise<string>(resolve => {
        end = resolve;
      });
      const report = (each: WorkerReport) => listener(each);
      return {
        send: task =>
          void setImmediate(() =>
            task.kind === 'load' ? report({kind: 'loaded', loaded}) : answer(index, task, report),
          ),
        onReport: next => {
          listener = next;
        },
        ended,
        stop: () => {},
        // As a real process, it ends a moment later.
        kill: () => void setTimeout(() => end('SIGKILL'), 50),
      };
    };
    const {measure} = createProcesses({count, source: null, start}).measureWith(settings);
    const options = {
      random: () => 0.5,
      countSessions: async () => null,
      signal: new AbortController().signal,
    };
    return () => measure({...benchmark, instances: count}, options);
  }

  it('the next one gets its own figures, not those of a share that was stopped', async () => {
    let cases = 0;
    const measure = processesOf(2, (index, {kind}, report) => {
      if (kind === 'measure' && index === 0) cases++;
      if (kind === 'measure' && index === 0 && cases === 1) report({kind: 'failed', message: 'broken'});
      else if (kind === 'measure') report({kind: 'ready'});
      if (kind === 'stop' && index === 1) setTimeout(() => report(reportOf(1000)), 100);
      if (kind === 'go') setTimeout(() => report(reportOf(index + 1)), 200);
    });
    await expect(measure()).rejects.toThrow('broken');
    expect((await measure()).stats.requests).toBe(3);
  });

  it('because its code held the process, the next one gets a new process', async () => {
    const measure = processesOf(1, (index, {kind}, report) => {
      if (index === 0) return;
      if (kind === 'measure') report({kind: 'ready'});
      if (kind === 'go') report(reportOf(5));
    });
    await expect(measure()).rejects.toThrow('as an endless loop does');
    expect((await measure()).stats.requests).toBe(5);
  });
});

/** On a machine with one core there is one process. */
describe.runIf(os.availableParallelism() > 1)('poolctl replay --instances', () => {
  let server: TestServer;
  let url: string;
  beforeAll(async () => {
    server = await shareTestServer({major: 18});
    await createCliRoles(server);
    url = urlOf(server, 'app');
  });
  afterAll(() => server?.stop());

  async function replay(name: string, text: string, flags: string[], when?: RegExp) {
    const home = await temporaryHome();
    await writeFile(join(home, name), text);
    const {code, stdout} = await runProgram(['replay', name, url, '--instances', '3', '--json', ...flags], {
      home,
      ...(when && {interrupt: {when, signal: 'SIGINT'}}),
    });
    return {code, document: JSON.parse(stdout) as ReplayDocument};
  }
  const processes = Math.min(3, os.availableParallelism());

  it('measures in separate processes, and says so', async () => {
    const text = 'SELECT id FROM generate_series(1, 4) id;\n-- @each\nSELECT pg_sleep(0.005), $id::int;';
    const {code, document} = await replay('x.sql', text, [
      '--concurrency',
      '6',
      '--connection-limit',
      '2',
      '--requests',
      '60',
    ]);
    expect(code).toBe(0);
    expect(document.results).toMatchObject([
      {
        instances: 3,
        concurrency: 6,
        requests: 60,
        queries_per_request: 5,
        peak_connections: 6,
        peak_in_use: 6,
        errors: {other: 0},
      },
    ]);
    expect(document.results[0]?.statements).toContainEqual(
      expect.objectContaining({line: 3, calls: 240, most_per_request: 4, is_n_plus_one: true}),
    );
    expect(document.notes).toContain(`the 3 instances ran in ${processes} processes`);
  });

  it('is read-only in each of them', async () => {
    const {document} = await replay('x.sql', 'BEGIN READ WRITE;', ['--concurrency', '3', '--requests', '6']);
    expect(document.results[0]?.failures).toMatchObject([
      {line: 1, message: expect.stringContaining('refused')},
    ]);
  });

  it('stops at Ctrl-C with the results so far, and leaves no session', async () => {
    const flags = ['--concurrency', '6', '--duration', '60s'];
    const {code, document} = await replay('x.sql', 'SELECT 1;', flags, /1\/1 main/);
    expect([code, document.is_complete]).toEqual([130, false]);
    const left = () =>
      server.query("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'poolctl-replay%'");
    await expect.poll(left).toEqual([]);
  });

  it('reports a process that ends early, and keeps the other results', async () => {
    const text = `import {defineEndpoint} from 'poolctl';
export default defineEndpoint<unknown>({
  route: 'GET /x', samples: [{}],
  variants: [
    {name: 'leaves', async run() { process.exit(3); }},
    {name: 'stays', async run({sql}) { await sql('SELECT 1'); }},
  ],
});`;
    const {code, document} = await replay('x.ts', text, ['--requests', '6', '--variant', 'stays,leaves']);
    expect(code).toBe(7);
    expect(document.results).toMatchObject([{variant: 'stays', requests: 6}]);
    expect(document.notes.join()).toContain("leaves: the endpoint's process ended: exit code 3");
  });

  describe("with an endpoint's code that misbehaves", () => {
    const fileOf = (body: string) => `import {defineEndpoint} from 'poolctl';
export default defineEndpoint<unknown>({
  route: 'GET /x', samples: [{}],
  variants: [{name: 'main', async run({sql}) { await sql('SELECT 1'); ${body} }}],
});`;
    async function run(body: string, flags: string[] = [], options: Parameters<typeof runProgram>[1] = {}) {
      const home = await temporaryHome();
      await writeFile(join(home, 'x.ts'), fileOf(body));
      const words = ['replay', 'x.ts', url, '--requests', '30', '--warm-up', '0', '--json', ...flags];
      const {code, stdout, stderr} = await runProgram(words, {home, ...options});
      return {code, document: JSON.parse(stdout) as ReplayDocument, stderr};
    }

    it('keeps what it prints apart from the results', async () => {
      const {code, document, stderr} = await run(
        "console.log('printed'); process.stderr.write('\\u001b[2J\\n');",
      );
      expect(code).toBe(0);
      expect(document.results).toMatchObject([{requests: 30}]);
      expect(stderr.split('\n').filter(line => line === 'endpoint: printed').length).toBeGreaterThan(5);
      expect(stderr).not.toContain('\u001b[2J');
      expect(document.notes).toContain('the endpoint printed 60 lines, of which 20 are shown');
    });

    it('reports an exception in a timer with its line, and keeps the results', async () => {
      const {code, document} = await run(
        "setTimeout(() => { throw new Error('late'); }); await sql('SELECT 2');",
      );
      expect(code).toBe(0);
      expect(document.results).toMatchObject([{requests: 30, errors: {other: 0}}]);
      expect(document.notes.join()).toMatch(/x\.ts:4: a timer or an event threw, .*: late/);
    });

    it('reports an exit with 0 as the end of its process', async () => {
      const {code, document} = await run('process.exit(0);');
      expect(code).toBe(7);
      expect(document.notes).toContain("main: the endpoint's process ended: exit code 0");
    });

    it('ends an endless loop at Ctrl-C, and its process with it', async () => {
      const {code, document} = await run("console.log('looping', process.pid); for (;;) {}", [], {
        interrupt: {when: /looping \d+/, signal: 'SIGINT'},
      });
      expect(code).toBe(130);
      expect(document.is_complete).toBe(false);
      expect(document.notes.join()).toContain("the endpoint's code did not stop: its process was ended");
    });

    it('counts statements of one line that differ in literals only as one', async () => {
      const text = `'SELECT ' + i + ' AS "a 1", ' + "'it''s " + i + "'"`;
      const {document} = await run(`for (let i = 0; i < 20; i++) await sql(${text});`);
      expect(document.results[0]).toMatchObject({queries_per_request: 21, statement_count: 2});
      expect(document.results[0]?.statements).toContainEqual(
        expect.objectContaining({query: 'SELECT ? AS "a 1", ?', most_per_request: 20, is_n_plus_one: true}),
      );
    });
  });
});
