import {randomFrom} from '../../source/core/random.ts';
import type {Context, Endpoint} from '../../source/replay/endpoint/endpoint.ts';
import {parseSqlEndpoint} from '../../source/replay/endpoint/parse-sql.ts';
import {compileSqlEndpoint} from '../../source/replay/endpoint/sql-endpoint.ts';
import {
  type BenchmarkCase,
  type Measured,
  type MeasureOptions,
  measure,
} from '../../source/replay/measure/measure.ts';
import {toResult} from '../../source/replay/measure/results.ts';
import type {TestServer} from '../helpers/server.ts';

/** Distinguishes sessions of a measurement from the test's own. */
const application_name = 'poolctl-replay-test';

export type Given = Partial<Omit<BenchmarkCase, 'variant'>> &
  Partial<MeasureOptions> & {user?: string; password?: string};

export function fromSql(text: string): Endpoint {
  return compileSqlEndpoint(parseSqlEndpoint(text, 'x.sql'), 'x.sql');
}

export function fromFunction(run: (context: Context) => Promise<unknown>, file = 'x.ts'): Endpoint {
  return {route: 'GET /x', file, samples: [{}], variants: [{name: 'main', run}]};
}

/** Measures an endpoint's first variant; by default 20 requests of one user at connection_limit 2. */
export async function measureOne(server: TestServer, endpoint: Endpoint, given: Given = {}) {
  const [variant] = endpoint.variants;
  if (variant === undefined) throw new Error('no variant');
  const {user, password, ...rest} = given;
  const url = server.url({application_name, ...(user && {user}), ...(password && {password})});
  const options = {
    variant,
    connection_limit: 2,
    instances: 1,
    concurrency: 1,
    requests: 20,
    duration_ms: null,
    rate: null,
    warm_up_ms: 0,
    endpoint,
    connection: {connectionString: url},
    pool_timeout_ms: 0,
    allowWrites: true,
    countSessions: () => countSessions(server),
    random: randomFrom(1),
    signal: new AbortController().signal,
    hang_timeout_ms: 10_000,
    ...rest,
  } satisfies BenchmarkCase & MeasureOptions;
  const measured: Measured = await measure(options, options);
  return {...toResult(options, measured), isComplete: measured.isComplete};
}

export async function countSessions(server: TestServer): Promise<number> {
  const [row] = await server.query<{count: number}>(
    'SELECT count(*)::int4 FROM pg_stat_activity WHERE application_name = $1',
    [application_name],
  );
  return row?.count ?? 0;
}
