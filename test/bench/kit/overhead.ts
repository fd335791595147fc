import {performance} from 'node:perf_hooks';
import process from 'node:process';
import pg from 'pg';

/** As applications load it: tsx adds a call to each function that a query creates. */
const built = new URL('../../../dist/kit.cjs', import.meta.url).href;
const {instrumentPool, watchQueries, withTags}: typeof import('../../../source/kit/kit.ts') = await import(
  built
);

const rounds = 200;
const queriesPerRound = 100;

/** Of a query in a block, µs. */
type Cost = {time: number; cpu: number};

/**
 * `SELECT 1` on a pool of one, bare, with the whole kit, and watched as in tests, in turn. What the kit costs is processor time of the
 * application's process: the time of a query depends on whether the server's process sleeps between two of them.
 */
export async function overhead(connectionString: string): Promise<{text: string; micros: number}> {
  const open = () => new pg.Pool({connectionString, max: 1, application_name: 'bench'});
  const bare = open();
  const kit = instrumentPool(open(), {timeout: 'standard'});
  const watched = watchQueries(instrumentPool(open(), {timeout: 'standard'}));
  const tags = {route: '/users/[id]', action: 'GET'};
  const variants = {
    bare: () => bare.query('SELECT 1'),
    kit: () => withTags(tags, () => kit.query('SELECT 1')),
    watched: () => withTags(tags, () => watched.query('SELECT 1')),
  };
  const order = ['bare', 'kit', 'watched'] as const;
  const costs: Record<keyof typeof variants, Cost>[] = [];
  // The first rounds warm up.
  for (let round = -20; round < rounds; round++) {
    const cost = {bare: none, kit: none, watched: none};
    for (const name of round % 2 === 0 ? order : order.toReversed())
      cost[name] = await costOf(variants[name]);
    if (round >= 0) costs.push(cost);
  }
  await Promise.all([bare, kit, watched].map(pool => pool.end()));
  const typical = (read: (of: (typeof costs)[number]) => number) => median(costs.map(read));
  const names = {
    bare: 'bare',
    kit: 'with the kit: report, tags, timeout',
    watched: 'and `watchQueries`, as in development',
  };
  const rows = order.map(name => {
    const figures = [
      typical(of => of[name].cpu),
      typical(of => of[name].cpu - of.bare.cpu),
      typical(of => of[name].time),
    ];
    return `| ${names[name]} | ${figures.map(figure => figure.toFixed(1)).join(' | ')} |`;
  });
  const text = [
    `\`SELECT 1\` on a pool of one, ${rounds} rounds of ${queriesPerRound} queries of each in turn; µs a query at the median of the rounds:\n`,
    '| | processor time | more than bare | time |',
    '|---|---|---|---|',
    ...rows,
  ];
  return {text: text.join('\n'), micros: typical(of => of.kit.cpu - of.bare.cpu)};
}

const none: Cost = {time: Number.NaN, cpu: Number.NaN};

async function costOf(query: () => Promise<unknown>): Promise<Cost> {
  const [cpu, start] = [process.cpuUsage(), performance.now()];
  for (let each = 0; each < queriesPerRound; each++) await query();
  const time = (performance.now() - start) * 1000;
  const {user, system} = process.cpuUsage(cpu);
  return {time: time / queriesPerRound, cpu: (user + system) / queriesPerRound};
}

export async function timed(query: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await query();
  return (performance.now() - start) * 1000;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
