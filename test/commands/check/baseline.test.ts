import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it} from 'vitest';
import {openRecording} from '../../../source/recording/recording.ts';
import {createCliRoles, password, runProgram, temporaryHome, urlOf} from '../../cli/run-program.ts';
import {describeEachMajor, isMainMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';

/** Wide limits for what a new server without traffic cannot pass or fail. */
const quiet = ['--max-mean', '1h', '--min-cache-hit', '0%', '--min-index-hit', '0%'];

/**
 * Calls each statement 40 times, from ten sessions. Half a second is long beside what a busy machine adds to a call, and
 * beside the quick calls that follow the last reading of a recording: they count with these.
 */
async function callSlowly(server: TestServer, ...statements: string[]): Promise<void> {
  const callEach = async (statement: string) => {
    const client = await server.connect({user: 'app', password, application_name: 'web'});
    for (let call = 0; call < 4; call++) await client.query(statement, [0.5]);
    await client.end();
  };
  await Promise.all(statements.flatMap(statement => Array.from({length: 10}, () => callEach(statement))));
}

/** A recording of two readings needs no minimum of time: a busy machine takes seconds for the first. */
async function untilRecorded(file: string, statement: string): Promise<void> {
  const callsBetween = async () => {
    const {recording} = await openRecording(file);
    const readings = await recording.read(0, recording.times().length - 1);
    const calls = readings.flatMap(({statements}) =>
      statements.filter(({query}) => query?.includes(statement)).map(each => each.calls),
    );
    return (calls.at(-1) ?? 0) - (calls[0] ?? 0);
  };
  await expect.poll(() => callsBetween().catch(() => 0)).toBeGreaterThanOrEqual(30);
}

describeEachMajor('poolctl check --baseline', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await createCliRoles(server);
  });
  afterAll(() => server?.stop());

  it('finds the statement that became slower than before', async () => {
    const home = await temporaryHome();
    const client = await server.connect({user: 'app', password, application_name: 'web'});
    await server.query('SELECT pg_stat_statements_reset()');
    const call = (seconds: number) => client.query('SELECT pg_sleep($1)', [seconds]);
    for (let each = 0; each < 40; each++) await call(0.001);
    const {stdout} = await runProgram(['snapshot', urlOf(server, 'oncall')]);
    await writeFile(join(home, 'before.json'), stdout);
    await callSlowly(server, 'SELECT pg_sleep($1)');
    const args = ['check', urlOf(server, 'oncall'), ...quiet, '--baseline', 'before.json', '--json'];
    const [slower, tolerant] = await Promise.all([
      runProgram(args, {home}),
      runProgram([...args, '--slower', '1000'], {home}),
    ]);
    expect(slower.code, slower.stdout).toBe(1);
    expect(JSON.parse(slower.stdout).baseline).toMatchObject({
      test: expect.stringContaining("Welch's t-test"),
      slower: [{query: expect.stringContaining('pg_sleep'), calls_after: 40}],
    });
    expect([tolerant.code, JSON.parse(tolerant.stdout).baseline.slower]).toEqual([0, []]);
    await client.end();
  });

  if (!isMainMajor(major)) return;

  it('finds the slower statement against an earlier recording, too', async () => {
    const home = await temporaryHome();
    const client = await server.connect({user: 'app', password, application_name: 'web'});
    await server.query('SELECT pg_stat_statements_reset()');
    const call = (seconds: number) => client.query('SELECT pg_sleep($1)', [seconds]);
    for (let each = 0; each < 40; each++) await call(0.001);
    const file = join(home, 'before.poolctl');
    const recording = runProgram(['record', file, urlOf(server, 'oncall'), '--interval', '0.5s'], {
      home,
      interrupt: {when: untilRecorded(file, 'during'), signal: 'SIGINT'},
    });
    let isRecording = true;
    const recorded = recording.finally(() => {
      isRecording = false;
    });
    const callWhile = (seconds: number) => client.query('SELECT pg_sleep($1), 1 AS during', [seconds]);
    while (isRecording) await callWhile(0.001);
    expect((await recorded).code).toBe(0);
    await client.query('SELECT 7 AS brand_new');
    await client.query('SELECT 7 AS brand_new');
    await callSlowly(server, 'SELECT pg_sleep($1)', 'SELECT pg_sleep($1), 1 AS during');
    const args = ['check', urlOf(server, 'oncall'), ...quiet, '--baseline', 'before.poolctl'];
    const [slower, text, reasons] = await Promise.all([
      runProgram([...args, '--json'], {home}),
      runProgram(args, {home}),
      runProgram([...args, '--nagios', '--junit', 'out.xml'], {home}),
    ]);
    expect(slower.code, slower.stdout).toBe(1);
    expect(JSON.parse(slower.stdout).baseline).toMatchObject({
      since: expect.any(String),
      slower: expect.arrayContaining([
        expect.objectContaining({query: 'SELECT pg_sleep($1)', calls_before: 40, calls_after: 40}),
        // The calls between two readings of the recording, not those up to its first.
        expect.objectContaining({query: 'SELECT pg_sleep($1), $2 AS during'}),
      ]),
      new_statements: [{query: expect.stringContaining('brand_new'), calls: 2}],
      left_out: [],
    });
    expect(text.stdout).toMatch(/compared with \d{4}-\d\d-\d\d [\d:]+Z to \d{4}-\d\d-\d\d [\d:]+Z\n/);
    expect([reasons.code, reasons.stdout]).toEqual([
      1,
      expect.stringMatching(/^POOLCTL WARNING - SLOWER \d.* times: .*\nwarning: SLOWER .*pg_sleep/s),
    ]);
    expect(await readFile(join(home, 'out.xml'), 'utf8')).toMatch(
      /name="not slower and no more errors than the baseline"><failure type="warning" message="SLOWER .*pg_sleep/,
    );
    await writeFile(join(home, 'before.poolctl'), 'something else');
    const {code, stderr} = await runProgram(args, {home});
    expect([code, stderr]).toEqual([2, expect.stringContaining('neither a snapshot nor a recording')]);
    await client.end();
  });
});
