import type pg from 'pg';
import {afterEach, beforeAll, expect, it} from 'vitest';
import {recipes} from '../../recipes/index.ts';
import {loadRecipeData} from '../../source/cli/recipe-data.ts';
import {poolerColumns, poolerRows} from '../../source/console/rows/poolers.ts';
import {loadDiagnosisData} from '../../source/core/recipe/diagnose.ts';
import {formatAge} from '../../source/core/text/format.ts';
import {connect} from '../../source/postgres/connect/connect.ts';
import {readOnce} from '../../source/postgres/sampler/sampler.ts';
import {open, play, press, read, rowsOf} from '../console/played.ts';
import {describePgBouncer, startPgBouncer} from '../helpers/pgbouncer.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';
import {requestTo} from '../postgres/requests.ts';
import {until} from '../postgres/watching.ts';
import type {Cells} from './cells.ts';
import type {Row} from './sections.ts';
import {columns, printedCells, sortedCells} from './seen.ts';

const password = 'secret';

describePgBouncer("what Pools says of PgBouncer's pools", () => {
  let server: TestServer;
  const ending: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    server = await shareTestServer({major: 18});
    await server.query(`CREATE ROLE app LOGIN PASSWORD '${password}'`);
    await server.query(`CREATE ROLE jobs LOGIN PASSWORD '${password}'`);
    return () => server.stop();
  });
  afterEach(async () => {
    for (const end of ending.splice(0).reverse()) await end();
  });

  async function client(url: string): Promise<pg.Client> {
    const opened = await server.connect({config: {connectionString: url, application_name: 'web'}});
    ending.push(() => opened.end().catch(() => {}));
    return opened;
  }

  it.each([
    ['its administrator', 'postgres'],
    ['a role that may only look', 'viewer'],
  ])('is what its SHOW commands say, for %s', async (_name, user) => {
    const pooler = await startPgBouncer({
      server,
      pool_mode: 'transaction',
      users: {app: password, jobs: password, viewer: 'v'},
      settings: {default_pool_size: 2, stats_users: 'viewer'},
    });
    ending.push(() => pooler.stop());
    const admin = await client(pooler.url({database: 'pgbouncer'}));
    const show = async (what: string): Promise<Row[]> => (await admin.query(`SHOW ${what}`)).rows;
    for (let count = 0; count < 2; count++) await (await client(pooler.url({user: 'app'}))).query('BEGIN');
    for (let count = 0; count < 3; count++)
      (await client(pooler.url({user: 'app'}))).query('SELECT 1').catch(() => {});
    for (let count = 0; count < 2; count++)
      await (await client(pooler.url({user: 'jobs'}))).query('SELECT 1');
    const isOfServer = ({database}: Row) => database !== 'pgbouncer';
    const askPools = async () => (await show('POOLS')).filter(isOfServer);
    // Later `maxwait` is a figure.
    await until(async () => (await askPools()).some(row => row.user === 'app' && Number(row.maxwait) >= 2));

    const pooled = requestTo(
      pooler.url({user, database: 'pgbouncer', ...(user === 'viewer' && {password: 'v'})}),
    );
    const connection = await connect({...requestTo(server.url()), pooler: pooled}, {purpose: 'watch'});
    ending.push(() => connection.close());
    const before = await askPools();
    const diagnosisData = await loadDiagnosisData(recipes, needs => loadRecipeData(connection, needs));
    const after = await askPools();
    const snapshot = await readOnce(connection, {rates_over_ms: null});
    const [databases, version, config] = [
      await show('DATABASES'),
      await show('VERSION'),
      await show('CONFIG'),
    ];
    const idle = await server.query<{usename: string}>(
      "SELECT usename FROM pg_stat_activity WHERE application_name = 'web' AND state LIKE 'idle in transaction%'",
    );

    const {state} = play(
      open(columns, 60, {recipes}),
      {kind: 'diagnosis-data', at_ms: Date.now(), diagnosisData},
      read(snapshot),
    );
    const shown = press(state, '8');
    const found = poolerRows(shown);
    const maxwait = (pools: Row[], row: Row) => {
      const own = pools.find(each => each.database === row.database && each.user === row.user);
      return Number(own?.maxwait) * 1000 + Number(own?.maxwait_us) / 1000;
    };
    const expected = before.map((row): Cells => {
      const waiting = Number(row.cl_waiting);
      const size = databases.find(({name}) => name === row.database)?.pool_size;
      const waited_ms = found.find(({pool}) => pool.user === row.user)?.pool.maxwait_ms ?? Number.NaN;
      expect(waited_ms, String(row.user)).toBeGreaterThanOrEqual(maxwait(before, row));
      expect(waited_ms, String(row.user)).toBeLessThanOrEqual(maxwait(after, row));
      const held = idle.filter(({usename}) => usename === row.user).length;
      return {
        pool: `${row.database}/${row.user}`,
        verdict: waiting === 0 ? 'fine' : 'full',
        waiting: String(waiting),
        maxwait: waiting === 0 ? '-' : formatAge(waited_ms),
        clients: String(row.cl_active),
        sv_active: String(row.sv_active),
        sv_idle: String(row.sv_idle),
        sv_used: String(Number(row.sv_used) + Number(row.sv_tested)),
        sv_login: String(row.sv_login),
        size: String(size),
        mode: String(row.pool_mode),
        why:
          waiting === 0
            ? `${row.sv_active} of ${size} server connections busy`
            : `all ${row.sv_active} server connections are busy, ${held} idle in transaction`,
      };
    });
    expect(expected.map(({pool, waiting, sv_active}) => [pool, waiting, sv_active]).sort()).toEqual([
      ['postgres/app', '3', '2'],
      ['postgres/jobs', '0', '0'],
    ]);
    const ids = poolerColumns.map(({id}) => id);
    const printed = printedCells(shown, poolerColumns, found, ['PGBOUNCER POOL', 'MAXWAIT']);
    expect(sortedCells(printed, ids)).toEqual(sortedCells(expected, ids));
    const mode = config.find(({key}) => key === 'pool_mode')?.value;
    const number = /[\d.]+/.exec(String(version[0]?.version))?.[0];
    expect(rowsOf(shown)).toContain(`  PgBouncer ${number} at 127.0.0.1:${pooler.port}, ${mode} mode`);
  });
});
