import {PrismaPg} from '@prisma/adapter-pg';
import pg from 'pg';
import {PrismaClient} from '../../../source/demo/prisma/generated/assessments/client.ts';
import {createCache, detectQueries, watchQueries} from '../../../source/kit/kit.ts';
import {median, timed} from './overhead.ts';

const queries = 1000;

/** What a query of Prisma costs on a watched client and pool, outside detection and in it, and a hit of the cache. */
export async function queryCosts(connectionString: string): Promise<string> {
  const pools = [1, 2].map(() => new pg.Pool({connectionString, max: 1}));
  const [bare, watched] = pools.map(pool => new PrismaClient({adapter: new PrismaPg(pool)}));
  const [, watchedPool] = pools;
  if (bare === undefined || watched === undefined || watchedPool === undefined) throw new Error('two pools');
  watchQueries(watchedPool);
  const prisma = watchQueries(watched);
  const cache = createCache();
  const key = {tenant: 1, key: 'one', models: ['User']};
  const hit = () => cache.get(prisma, key, db => db.$queryRaw`SELECT 1`);
  await hit();
  const rounds: {bare: number; watched: number; detected: number; hit: number}[] = [];
  for (let round = 0; round <= 5; round++) {
    const times = {bare: [] as number[], watched: [] as number[], detected: [] as number[]};
    for (let query = 0; query < queries; query++) {
      times.bare.push(await timed(() => bare.$queryRaw`SELECT 1`));
      times.watched.push(await timed(() => prisma.$queryRaw`SELECT 1`));
      times.detected.push(await timed(() => detectQueries({}, () => prisma.$queryRaw`SELECT 1`)));
    }
    const hits = await timed(async () => {
      for (let query = 0; query < queries; query++) await hit();
    });
    const base = median(times.bare);
    const [more, most] = [median(times.watched) - base, median(times.detected) - base];
    // The first round warms up.
    if (round > 0) rounds.push({bare: base, watched: more, detected: most, hit: hits / queries});
  }
  for (const pool of pools) await pool.end();
  const of = (name: keyof (typeof rounds)[number]) => median(rounds.map(each => each[name])).toFixed(1);
  return [
    `\nPrisma's \`SELECT 1\`, ${queries} of each in turn, five rounds: ${of('bare')} µs at the median; with \`watchQueries\``,
    `${of('watched')} µs more, in \`detectQueries\` ${of('detected')} µs more. A hit of the cache: ${of('hit')} µs.`,
  ].join(' ');
}
