import {performance} from 'node:perf_hooks';
import process from 'node:process';
import pg from 'pg';

/** As applications load it: tsx adds a call to each function that a query creates. */
const built = new URL('../../../dist/kit.cjs', import.meta.url).href;
const {instrumentPool, watchQueries, withTags}: typeof import('../../../source/kit/kit.ts') = await import(
  built
);

const rounds = 200;
const queriesPerRound = 50;

type Sample = {time: number; cpu: number};

/**
 * `SELECT 1` on a pool of one, bare, with the whole kit, and watched as in tests, in turn: the time of a query and the processor
 * time of the application's process in it. The difference in time is that of the kit only where the machine is otherwise quiet.
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
  const samples: Record<keyof typeof variants, Sample>[] = [];
  // The first rounds warm up.
  for (let round = -40; round < rounds; round++) {
    const sample = {bare: none, kit: none, watched: none};
    for (const name of round % 2 === 0 ? order : order.toReversed())
      sample[name] = await sampleOf(variants[name]);
    if (round >= 0) samples.push(sample);
  }
  await Promise.all([bare, kit, watched].map(pool => pool.end()));
  const typical = (read: (of: (typeof samples)[number]) => number) => median(samples.map(read));
  const micros = typical(of => of.kit.time - of.bare.time);
  const names = {
    bare: 'bare',
    kit: 'with the kit: report, tags, timeout',
    watched: 'and `watchQueries`, as in development',
  };
  const rows = order.map(name => {
    const figures = [
      typical(of => of[name].time),
      typical(of => of[name].time - of.bare.time),
      typical(of => of[name].cpu - of.bare.cpu),
    ];
    return `| ${names[name]} | ${figures.map(figure => figure.toFixed(1)).join(' | ')} |`;
  });
  const text = [
    `\`SELECT 1\` on a pool of one, ${rounds} rounds of ${queriesPerRound} queries of each in turn; µs at the median of the rounds:\n`,
    '| | query | more than bare | more processor time |',
    '|---|---|---|---|',
    ...rows,
  ];
  return {text: text.join('\n'), micros};
}

const none: Sample = {time: Number.NaN, cpu: Number.NaN};

async function sampleOf(query: () => Promise<unknown>): Promise<Sample> {
  const times: number[] = [];
  const before = process.cpuUsage();
  for (let each = 0; each < queriesPerRound; each++) times.push(await timed(query));
  const {user, system} = process.cpuUsage(before);
  return {time: median(times), cpu: (user + system) / queriesPerRound};
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
