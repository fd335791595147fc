import {spawn} from 'node:child_process';
import {afterAll, beforeAll, describe, expect, it, onTestFinished} from 'vitest';
import {createCliRoles, leak, password, runProgram, urlOf} from '../cli/run-program.ts';
import {program} from '../helpers/build.ts';
import {availableMajors, shareTestServer, type TestServer} from '../helpers/server.ts';

type Figures = Record<string, number | null>;

const sessions = `(SELECT a.*, CASE WHEN a.pid = pg_backend_pid() THEN 'idle' ELSE a.state END AS state_then
  FROM pg_stat_activity a WHERE a.backend_type = 'client backend' AND a.application_name NOT LIKE 'poolctl%') a`;
const count = (condition: string) => `(SELECT count(*)::int FROM ${sessions} WHERE ${condition})`;
const oldest = (since: string, condition: string) =>
  `(SELECT max(extract(epoch FROM clock_timestamp() - ${since}) * 1000)::float8 FROM ${sessions} WHERE ${condition})`;
const setting = (name: string) => `coalesce(current_setting('${name}', true), '0')::int`;
const usable = `(${setting('max_connections')} - ${setting('superuser_reserved_connections')} - ${setting('reserved_connections')})`;
/** poolctl's session has a slot, too. */
const used = `(${count('true')} + 1)`;

/** `metrics` of `check --json` and what they are; null is what needs a second reading, more time or a pooler. */
const metricSql: Record<string, string | null> = {
  used_ratio: `${used}::float8 / ${usable}`,
  longest_idle_in_transaction_ms: oldest('a.state_change', "a.state LIKE 'idle in transaction%'"),
  longest_transaction_ms: oldest('a.xact_start', 'a.pid <> pg_backend_pid()'),
  pool_wait_ms: `(SELECT max(substring(a.application_name FROM 'p95 (\\d+)ms')::float8) FROM ${sessions})`,
  blocked_sessions: count('cardinality(pg_blocking_pids(a.pid)) > 0'),
  slowest_mean_exec_time_ms: `(SELECT max(s.mean_exec_time) FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
    WHERE s.query LIKE 'SELECT %' AND s.query !~ 'pg_sleep|/\\* poolctl' AND s.calls > 1
      AND (r.rolname = ':role' OR pg_has_role(':role', 'pg_read_all_stats', 'USAGE')))`,
  cache_hit_ratio: `(SELECT blks_hit::float8 / (blks_hit + blks_read) FROM pg_stat_database
    WHERE datname = current_database())`,
  index_hit_ratio: `(SELECT sum(idx_blks_hit)::float8 / sum(idx_blks_hit + idx_blks_read) FROM pg_statio_user_indexes)`,
  invalid_indexes: '(SELECT count(*)::int FROM pg_index WHERE NOT indisvalid)',
  stale_tables: '0',
  statement_evictions_per_minute: null,
  n_plus_one_suspects: null,
  fatal_sessions_per_minute: null,
  average_used_ratio: null,
  refused_connections_per_minute: null,
  pooler_waiting_clients: null,
  pooler_max_wait_ms: null,
  availability_ratio: null,
};

/** Series of `check --metrics`: `name{label="value"}`. */
const seriesSql: Record<string, string> = {
  up: '1',
  slots_used: used,
  slots_usable: usable,
  ...Object.fromEntries(
    ['active', 'idle', 'idle in transaction', 'idle in transaction (aborted)'].map(state => [
      `sessions{state="${state}"}`,
      count(`a.state_then = '${state}'`),
    ]),
  ),
  ...Object.fromEntries(
    ['active', 'idle', 'idle in transaction'].map(state => [
      `application_sessions{application="web",role="app",state="${state}"}`,
      count(
        `a.application_name = 'web' AND a.usename = 'app' AND a.state_then LIKE '${state}${state === 'idle' ? '' : '%'}'`,
      ),
    ]),
  ),
  ...Object.fromEntries(
    [
      ['size', '/(\\d+)'],
      ['busy', '\\[(\\d+)/'],
      ['waiting', ' w(\\d+)'],
    ].map(([name, pattern]) => [
      `pool_${name}{application="api",role="app",database="postgres"}`,
      `(SELECT substring(a.application_name FROM '${pattern}')::float8 FROM ${sessions} WHERE a.application_name LIKE 'api%')`,
    ]),
  ),
  pool_wait_seconds: `${metricSql.pool_wait_ms} / 1000`,
  used_ratio: metricSql.used_ratio ?? '',
  blocked_sessions: metricSql.blocked_sessions ?? '',
  longest_idle_in_transaction_seconds: `${metricSql.longest_idle_in_transaction_ms} / 1000`,
  longest_transaction_seconds: `${metricSql.longest_transaction_ms} / 1000`,
  invalid_indexes: metricSql.invalid_indexes ?? '',
};

/** What a role sees that may not see other roles' sessions. */
const hiddenFromBlind = ['longest_idle_in_transaction_ms', 'longest_transaction_ms'];

describe.runIf(program !== '')('figures of check', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await shareTestServer({major: availableMajors()[0] ?? 18});
    await createCliRoles(server);
    await server.query('CREATE TABLE orders AS SELECT generate_series(1, 5000) AS id');
    await server.query('CREATE INDEX ON orders (id)');
    await server.query('CREATE TABLE audit (id int)');
    await server.query('GRANT ALL ON orders, audit TO app');
    const web = () => server.connect({user: 'app', password, application_name: 'web'});
    const reader = await web();
    await reader.query('SET enable_seqscan = off');
    for (let turn = 0; turn < 100; turn++) await reader.query('SELECT count(id) FROM orders WHERE id < 4000');
    await reader.end();
    await web();
    await (await leak(server, {application_name: 'web'})).query('INSERT INTO audit VALUES (0)');
    await (await leak(server, {application_name: 'web'})).query('SELECT 1/0').catch(() => {});
    await (await leak(server, {application_name: 'migrate'})).query('LOCK TABLE orders');
    // It does not end: an idle session would report an empty queue.
    const api = {user: 'app', password, application_name: 'api[5/5 w3 p95 850ms #k3f.a]'};
    (await server.connect(api)).query('SELECT pg_sleep(600)').catch(() => {});
    for (const each of [await web(), await web()]) each.query('SELECT FROM orders').catch(() => {});
    // Its own entries in pg_stat_statements.
    for (let turn = 0; turn < 2; turn++) await ask(metricSql, 'oncall');
  });
  afterAll(() => server?.stop());

  async function ask(figures: Record<string, string | null>, role: string): Promise<Figures> {
    const columns = Object.entries(figures).map(([name, sql]) => `'${name}', ${sql ?? 'NULL::float8'}`);
    const [row] = await server.query<{figures: Figures}>(
      `SELECT json_build_object(${columns.join(', ')}) AS figures`.replaceAll(':role', role),
    );
    return row?.figures ?? {};
  }

  const untilBlocked = () =>
    expect.poll(() => server.query('SELECT FROM pg_locks WHERE NOT granted')).toHaveLength(2);

  it.each([
    ['oncall', []],
    ['blind', hiddenFromBlind],
    ['app', hiddenFromBlind],
  ])('are what SQL says, or unknown, for %s', async (role, hidden) => {
    await untilBlocked();
    const before = await ask(metricSql, role);
    const {stdout} = await runProgram(['check', urlOf(server, role), '--json']);
    const after = await ask(metricSql, role);
    const {metrics} = JSON.parse(stdout) as {metrics: Figures};
    expect(Object.keys(metrics).sort()).toEqual(Object.keys(metricSql).sort());
    expect(wrongIn(metrics, before, after)).toEqual(hidden.map(name => `${name} is unknown`));
  });

  it('fail --max-pool-wait for what a pool reports', async () => {
    const check = ['check', urlOf(server, 'blind'), '--json', '--max-pool-wait'];
    const [over, under] = [await runProgram([...check, '500ms']), await runProgram([...check, '1s,2s'])];
    const levelOf = ({stdout}: {stdout: string}) => JSON.parse(stdout).thresholds.pool_wait_ms.level;
    expect([over.code, levelOf(over), levelOf(under)]).toEqual([1, 'critical', 'ok']);
  });

  it.each([
    ['oncall', (name: string) => name],
    // Nothing is served of states that are hidden.
    ['blind', (name: string) => (/sessions\{|longest_.*seconds$/.test(name) ? null : name)],
  ])('are what SQL says in --metrics, or absent, for %s', async (role, shownAs) => {
    await untilBlocked();
    const child = spawn(process.execPath, [
      program,
      'check',
      urlOf(server, role),
      '--metrics',
      ':0',
      '--every',
      '0.5s',
    ]);
    onTestFinished(() => void child.kill());
    const address = await new Promise<string>(resolve => {
      child.stderr.on('data', text => {
        const [url] = /http:\S+/.exec(String(text)) ?? [];
        if (url !== undefined) resolve(url);
      });
    });
    const scrape = async () => (await fetch(address)).text();
    await expect.poll(scrape).toMatch(/^poolctl_blocked_sessions 2$/m);
    const [before, text, after] = [await ask(seriesSql, role), await scrape(), await ask(seriesSql, role)];
    const served = Object.fromEntries(
      [...text.matchAll(/^poolctl_(\S+?\{.*\}|\S+) (\S+)$/gm)].map(([, name = '', value]) => [
        name,
        Number(value),
      ]),
    );
    const shown = Object.keys(seriesSql).filter(name => shownAs(name) !== null);
    expect(Object.keys(seriesSql).filter(name => name in served)).toEqual(shown);
    const compared = Object.fromEntries(shown.map(name => [name, served[name] ?? null]));
    // The last reading was before the scrape, on a busy machine well before.
    const age_s = Date.now() / 1000 - (served.last_reading_timestamp_seconds ?? 0);
    expect(wrongIn(compared, before, after, age_s)).toEqual([]);
  });
});

/** Figures that are neither between both answers of SQL nor unknown in all of them. */
function wrongIn(figures: Figures, before: Figures, after: Figures, ageSlack_s = 0): string[] {
  return Object.entries(figures).flatMap(([name, value]) => {
    const [low, high] = [before[name] ?? null, after[name] ?? null];
    if (low === null || high === null) return value === null ? [] : [`${name}: ${value}, SQL: nothing`];
    if (value === null) return [`${name} is unknown`];
    const slack = /_ms$/.test(name)
      ? 1
      : /_seconds$/.test(name)
        ? ageSlack_s
        : 1e-3 * Math.abs(value) * Number(/ratio/.test(name));
    const isRight = Math.min(low, high) - slack <= value && value <= Math.max(low, high) + slack;
    return isRight ? [] : [`${name}: ${value}, SQL: ${low} to ${high}`];
  });
}
