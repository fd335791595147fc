import {performance} from 'node:perf_hooks';
import pg from 'pg';
import {instrumentPool, watchQueries, withTags} from '../../../source/kit/kit.ts';

const rounds = 5;
const queriesPerRound = 4000;

/** Time of `SELECT 1` on a pool of one, bare and with the whole kit, one query of each in turn. */
export async function overhead(connectionString: string): Promise<{text: string; micros: number}> {
  const bare = new pg.Pool({connectionString, max: 1});
  const open = () => new pg.Pool({connectionString, max: 1, application_name: 'bench'});
  const kit = instrumentPool(open(), {timeout: 'standard'});
  const watched = watchQueries(instrumentPool(open(), {timeout: 'standard'}));
  const micros: {bare: number; kit: number; watched: number}[] = [];
  for (let round = 0; round <= rounds; round++) {
    const times = {bare: [] as number[], kit: [] as number[], watched: [] as number[]};
    for (let query = 0; query < queriesPerRound; query++) {
      times.bare.push(await timed(() => bare.query('SELECT 1')));
      const tags = {route: '/users/[id]', action: 'GET'};
      times.kit.push(await timed(() => withTags(tags, () => kit.query('SELECT 1'))));
      times.watched.push(await timed(() => withTags(tags, () => watched.query('SELECT 1'))));
    }
    // The first round warms up.
    if (round > 0) {
      micros.push({bare: median(times.bare), kit: median(times.kit), watched: median(times.watched)});
    }
  }
  await Promise.all([bare, kit, watched].map(pool => pool.end()));
  const cost = median(micros.map(each => each.kit - each.bare));
  const text = [
    `\`SELECT 1\` on a pool of one, ${queriesPerRound} queries of each in turn; medians in µs:\n`,
    '| round | bare | with the kit: report, tags, timeout | difference | and `watchQueries` |',
    '|---|---|---|---|---|',
    ...micros.map(
      (each, index) =>
        `| ${index + 1} | ${each.bare.toFixed(1)} | ${each.kit.toFixed(1)} | ${(each.kit - each.bare).toFixed(1)} | ${(each.watched - each.bare).toFixed(1)} |`,
    ),
    `\nOverhead: ${cost.toFixed(1)} µs a query at the median of the rounds.`,
  ];
  return {text: text.join('\n'), micros: cost};
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
