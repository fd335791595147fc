import pg from 'pg';
import {instrumentPool, withTimeout} from '../../../source/kit/kit.ts';

const queries = 100;
const size = 10;
const timeout_ms = 200;
const sleep = 'SELECT pg_sleep(600)';

/** Connections that stay busy after queries whose callers have given up: with Promise.race, and with the kit. */
export async function heldAfterTimeouts(url: string, admin: pg.Client): Promise<string> {
  const rows = [
    await measure('`Promise.race` with a timer', url, admin, pool => race(pool.query(sleep))),
    await measure('`withTimeout` of the kit', url, admin, pool =>
      withTimeout(timeout_ms, () => pool.query(sleep)),
    ),
  ];
  return [
    `${queries} queries that time out after ${timeout_ms} ms, on a pool of ${size}, when all callers have their error:\n`,
    '| | statements that still run on the server | connections in use | checkouts waiting | the next `SELECT 1` |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

async function measure(
  name: string,
  connectionString: string,
  admin: pg.Client,
  query: (pool: pg.Pool) => Promise<unknown>,
): Promise<string> {
  const pool = instrumentPool(new pg.Pool({connectionString, max: size, application_name: 'bench'}));
  const outcomes = await Promise.allSettled(Array.from({length: queries}, () => query(pool)));
  if (outcomes.some(({status}) => status === 'fulfilled'))
    throw new Error(`${name}: a query did not time out`);
  const {busy, waiting} = pool.stats();
  const running = await admin.query(
    "SELECT count(*)::int AS count FROM pg_stat_activity WHERE state = 'active' AND query = $1",
    [sleep],
  );
  const answer = await race(pool.query('SELECT 1'), 2000).then(
    () => 'answers',
    () => 'waits for more than 2 s',
  );
  await pool.close(0);
  return `| ${name} | ${running.rows[0].count} | ${busy} of ${size} | ${waiting} | ${answer} |`;
}

/** As the applications did it by hand. */
function race<Result>(work: Promise<Result>, ms = timeout_ms): Promise<Result> {
  // No caller waits for it any more.
  work.catch(() => {});
  return Promise.race([
    work,
    new Promise<never>((_, reject) => setTimeout(() => reject(new Error('Query timeout')), ms)),
  ]);
}
