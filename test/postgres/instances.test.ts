import pg from 'pg';
import {afterAll, afterEach, beforeAll, expect, it} from 'vitest';
import {createAssessor} from '../../source/core/assessment/assess.ts';
import {noDiagnosisData} from '../../source/core/recipe/diagnose.ts';
import {socketFrom} from '../../source/demo/instances.ts';
import {instrumentPool} from '../../source/kit/create-pool.ts';
import type {Finding} from '../../source/model/recipe.ts';
import type {Connection} from '../../source/postgres/connect/connect.ts';
import type {Reader} from '../../source/postgres/sampler/reader.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';
import {everything, openReader, until, watch} from './watching.ts';

let server: TestServer;
let connection: Connection;
let reader: Reader;
beforeAll(async () => {
  server = await shareTestServer({major: 18});
  await server.query("CREATE ROLE app LOGIN PASSWORD 'app'");
  connection = await watch(server.url());
  reader = await openReader(connection);
});
afterAll(async () => {
  await connection?.close();
  await server?.stop();
});

const pools: pg.Pool[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map(pool => pool.end()));
});

/** A pool that has opened `sessions` of its `max` and keeps them. */
async function openPool(application_name: string, address: string, sessions: number, max = sessions) {
  const connectionString = server.url({user: 'app', password: 'app', application_name});
  const pool = new pg.Pool({connectionString, max, idleTimeoutMillis: 0, stream: () => socketFrom(address)});
  pools.push(pool);
  const clients = await Promise.all(Array.from({length: sessions}, () => pool.connect()));
  for (const client of clients) client.release();
  return pool;
}

/** Until the youngest session of the application is as old. */
async function settle(application_name: string, least_ms: number) {
  await expect
    .poll(async () => {
      const [row] = await server.query<{age_ms: number}>(
        'SELECT extract(epoch FROM clock_timestamp() - max(backend_start))::float8 * 1000 AS age_ms FROM pg_stat_activity WHERE application_name LIKE $1',
        [`${application_name}%`],
      );
      return row?.age_ms;
    })
    .toBeGreaterThan(least_ms);
}

/** The finding of the application, once a reading shows it. */
async function findingOf(application_name: string): Promise<Finding> {
  const assessor = createAssessor([]);
  return until(async () => {
    const {findings, also} = assessor.assess(await reader.read(everything), noDiagnosisData);
    return [...findings, ...also].find(({subject}) => subject.startsWith(`application:${application_name}/`));
  });
}

it('names the pools that a reload left', async () => {
  for (let reload = 0; reload < 3; reload++) {
    await openPool('dev', '127.0.0.2', 3);
    if (reload < 2) await settle('dev', 2200);
  }
  await pools.at(-1)?.query('SELECT 1');
  expect(await findingOf('dev')).toMatchObject({
    cause: 'hot-reload',
    summary:
      'dev/app has 3 pools at 127.0.0.2, 2 of them (6 sessions) idle since the next one began: a reload left them',
  });
});

it('names two revisions of pools that together are more than the slots', async () => {
  const deploy = (addresses: readonly string[]) =>
    Promise.all(
      addresses.map(async address => {
        const pool = instrumentPool(await openPool('web', address, 2, 30), {application: 'web'});
        for (let time = 0; time < 2; time++) await pool.query('SELECT 1');
      }),
    );
  await deploy(['127.0.0.3', '127.0.0.4']);
  await settle('web', 5200);
  await deploy(['127.0.0.5', '127.0.0.6']);
  expect(await findingOf('web')).toMatchObject({
    cause: 'deploy-overlap',
    summary: expect.stringMatching(
      /^web\/app: 2 revisions overlap: 2 old \+ 2 new instances of about 30 sessions each, ceiling 12\d of 97 slots$/,
    ),
    params: {instances: '2', deploy_overlap: '2'},
  });
});

it('names the one instance of three whose pool is full', async () => {
  const full = await openPool('shop', '127.0.0.7', 3);
  for (const address of ['127.0.0.8', '127.0.0.9']) await openPool('shop', address, 3);
  let isOver = false;
  const workers = Array.from({length: 6}, async (_, worker) => {
    for (let call = worker; !isOver; call++)
      await full.query(`SELECT ${'1, '.repeat(call % 8)} pg_sleep(0.3)`);
  });
  try {
    expect(await findingOf('shop')).toMatchObject({
      cause: 'pool-saturated',
      summary: expect.stringMatching(
        /^the pool of shop\/app at 127\.0\.0\.7 is full: all 3 sessions busy in \d+% of \d+ snapshots; \d+ slots/,
      ),
      evidence: {client: '127.0.0.7', sessions_elsewhere: 6},
    });
  } finally {
    isOver = true;
    await Promise.all(workers);
  }
});
