import type pg from 'pg';
import {loadEndpoint} from '../../../source/cli/replay/load-endpoint.ts';
import type {ReplayResult} from '../../../source/model/replay-report.ts';
import {type BenchmarkMatrix, runBenchmark} from '../../../source/replay/measure/benchmark.ts';
import {createGuard} from '../../../source/replay/measure/guard.ts';
import {runSetup} from '../../../source/replay/measure/instance.ts';
import {measure} from '../../../source/replay/measure/measure.ts';

/** As the teams ran it: the limit of their pool, and how long a query waits for one of its connections. */
export type PoolSetting = {connection_limit: number; pool_timeout_ms: number};

export type VariantFigures = {
  /** One request at a time, its pool without a limit that it could meet. */
  alone: ReplayResult;
  /** Ten users, the pool without such a limit. */
  unlimited: ReplayResult;
  /** Ten and a hundred users on the pool as the teams set it. */
  ten: ReplayResult;
  hundred: ReplayResult;
};

export type EndpointFigures = {before: VariantFigures; after: VariantFigures};

/** More than any request here takes, and fewer than the server has. */
export const noLimit = 80;

/** A measurement is given up where no request is answered for so long. */
export const hang_timeout_ms = 60_000;

/** Measures both variants of one of the demo's endpoints on a server that has its rows. */
export async function measureEndpoint(
  name: string,
  {
    connection,
    setting,
    countSessions,
  }: {
    connection: pg.PoolConfig;
    setting: PoolSetting;
    countSessions: () => Promise<number>;
  },
): Promise<EndpointFigures> {
  const source = {isDemo: true, cwd: process.cwd()};
  const {endpoint, prisma} = await loadEndpoint(name, source);
  const readSlots = async () => ({usable: 100, used: 0, own: await countSessions()});
  const run = async (matrix: Part, pool_timeout_ms: number) => {
    const basics = {
      endpoint,
      connection,
      pool_timeout_ms,
      hang_timeout_ms,
      openPrisma: (pool: pg.Pool) => prisma?.open(pool, endpoint.file) ?? never(),
    };
    const {results, notes} = await runBenchmark(
      {...usual, ...matrix, variants: endpoint.variants},
      {
        guard: createGuard(readSlots, false),
        signal: new AbortController().signal,
        measure: (benchmark, own) => measure(benchmark, {...basics, ...own}),
        setUp: (connection_limit, signal) => runSetup(connection_limit, {...basics, signal}),
      },
    );
    for (const note of notes) console.error(`${name}: ${note}`);
    return results;
  };
  const {connection_limit, pool_timeout_ms} = setting;
  const alone = await run(
    {concurrencies: [1], connection_limits: [noLimit], requests: 30, warm_up_ms: 200},
    0,
  );
  const unlimited = await run({concurrencies: [10], connection_limits: [noLimit]}, 0);
  const limited = await run(
    {concurrencies: [10, 100], connection_limits: [connection_limit]},
    pool_timeout_ms,
  );
  const of = (variant: string): VariantFigures => {
    const find = (results: ReplayResult[], users: number) =>
      results.find(each => each.variant === variant && each.concurrency === users) ?? never();
    return {
      alone: find(alone, 1),
      unlimited: find(unlimited, 10),
      ten: find(limited, 10),
      hundred: find(limited, 100),
    };
  };
  return {before: of('before'), after: of('after')};
}

type Part = Pick<BenchmarkMatrix, 'concurrencies' | 'connection_limits'> & Partial<BenchmarkMatrix>;

const usual = {
  instances: 1,
  requests: null,
  duration_ms: 2000,
  rate: null,
  warm_up_ms: 0,
  seed: 1,
};

function never(): never {
  throw new Error('an endpoint of the demo has a client, and both of its variants are measured');
}
