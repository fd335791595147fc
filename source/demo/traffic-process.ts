import process from 'node:process';
import {setTimeout as delay} from 'node:timers/promises';
import type pg from 'pg';
import {createRandom, type Random} from '../core/random.ts';
import {connectOutsidePool, createLoadLimiter, startFleet} from './instances.ts';
import {importOne} from './requests/assessments.ts';
import {type Query, tagged, update} from './requests/prisma-sql.ts';
import {
  abandoned,
  calmFleets,
  dump,
  incidentFleets,
  leak,
  recalculation,
  type TrafficOptions,
} from './scenario.ts';
import {type StoryTask, startStory} from './stories/start.ts';

/** What the parent process sends. */
export type TrafficTask = ({kind: 'applications'} & TrafficOptions) | ({kind: 'story'} & StoryTask);

/** The answer to it. */
export type TrafficMessage = {kind: 'ready'} | {kind: 'failed'; message: string};

/** Share of the time during which statements may run, so that the console on the same machine stays fast. */
const serverShare = 0.35;

// The options arrive as a message because they contain passwords: other users can read arguments and environment.
process.once('message', (task: TrafficTask) => {
  (task.kind === 'story' ? startStory(task) : startAll(task)).then(
    () => send({kind: 'ready'}),
    (error: unknown) =>
      send({kind: 'failed', message: error instanceof Error ? error.message : String(error)}),
  );
});
// The parent has ended.
process.once('disconnect', () => process.exit(0));
// The parent handles Ctrl-C and ends this process.
process.on('SIGINT', () => {});

async function startAll(options: TrafficOptions): Promise<void> {
  const {signal} = new AbortController();
  const random = createRandom(options.seed);
  const limiter = createLoadLimiter(serverShare);
  const fleets = options.calm ? calmFleets : incidentFleets;
  const streams = fleets.map(fleet => [fleet, random.fork()] as const);
  await Promise.all([
    ...streams.map(([fleet, own]) => startFleet(options, fleet, {limiter, random: own, signal})),
    options.calm ? undefined : stageIncident(options, random, signal),
  ]);
}

function send(message: TrafficMessage): void {
  process.send?.(message);
}

/**
 * Starts the incident: sessions idle in transaction, a chain of blocked sessions, abandoned pools and a dump. Resolves when
 * it is in place. Does not reopen sessions that poolctl ends, so that the user sees a fix work.
 */
async function stageIncident(options: TrafficOptions, random: Random, signal: AbortSignal): Promise<void> {
  await Promise.all([
    stageLeak(options, random.fork(), signal),
    stageChain(options, random.fork()),
    stageAbandoned(options),
    stageDump(options, signal),
  ]);
}

async function stageLeak(options: TrafficOptions, random: Random, signal: AbortSignal): Promise<void> {
  let isFixed = false;
  const openSession = async (index: number) => {
    const client = await connectOutsidePool(options, leak, () => {
      isFixed = true;
    });
    await client.query('BEGIN');
    // Each locks a different student's row, so that the leaking sessions do not block each other.
    await importOne(sendOn(client), random, 1 + index * 97);
    if (index % 6 === 5) await failTransaction(client);
  };
  await Promise.all(Array.from({length: leak.atStart}, (_, index) => openSession(index)));
  const grow = async () => {
    for (let index = leak.atStart; index < leak.atMost; index++) {
      await delay(leak.everyMs, undefined, {signal});
      if (isFixed) return;
      await openSession(index);
    }
  };
  grow().catch(() => {});
}

/** Causes an error and leaves the transaction open: `idle in transaction (aborted)`. */
async function failTransaction(client: pg.Client): Promise<void> {
  await client
    .query('INSERT INTO "public"."users" ("id","name") VALUES ($1,$2)', [1, 'User'])
    .catch(() => {});
}

/** blocker <- first <- third, and blocker <- second. */
async function stageChain(options: TrafficOptions, random: Random): Promise<void> {
  const category = 1 + random.below(1000);
  const contestant = 1 + random.below(1000);
  const [blocker, first, second, third] = await Promise.all([
    connectOutsidePool(options, recalculation),
    ...['first', 'second', 'third'].map(() =>
      connectOutsidePool(options, {...recalculation, application_name: ''}),
    ),
  ]);
  if (!blocker || !first || !second || !third) return;
  const recalculate = (id: string, total: number) => update('categories', id, {total_score: total});
  await blocker.query('BEGIN');
  await blocker.query(route('/api/v1/admin/recalculate', recalculate(`category_${category}`, 0)));
  await blocker.query(route('/api/v1/admin/recalculate', recalculate(`category_${category + 1}`, 0)));
  await first.query('BEGIN');
  await first.query(
    route('/api/v1/scores', update('contestants', `contestant_${contestant}`, {total_score: 88})),
  );
  commitLater(first, route('/api/v1/scores', recalculate(`category_${category}`, 412)));
  commitLater(
    second,
    route('/api/v1/certify', update('categories', `category_${category + 1}`, {certified: true})),
  );
  commitLater(
    third,
    route('/api/v1/scores', update('contestants', `contestant_${contestant}`, {total_score: 91})),
  );
}

/** Not awaited, because it waits for a lock until the blocking session ends. */
function commitLater(client: pg.Client, query: Query): void {
  client
    .query(query)
    .then(() => client.query('COMMIT'))
    .catch(() => {});
}

async function stageAbandoned(options: TrafficOptions): Promise<void> {
  await Promise.all(
    Array.from({length: abandoned.connections}, async () => {
      const client = await connectOutsidePool(options, abandoned);
      await client.query('SELECT 1');
    }),
  );
}

/** A nightly dump that still runs during the day. It pauses between repetitions, so that an index build can finish. */
async function stageDump(options: TrafficOptions, signal: AbortSignal): Promise<void> {
  const first = await beginDump(options);
  const repeatDump = async () => {
    for (let client = first; ; client = await beginDump(options)) {
      await readAll(client, signal);
      await client.end();
      await delay(dumpEveryMs, undefined, {signal});
    }
  };
  repeatDump().catch(() => {});
}

const dumpEveryMs = 60_000;

async function beginDump(options: TrafficOptions): Promise<pg.Client> {
  const client = await connectOutsidePool(options, dump);
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
  await client.query('DECLARE _pg_dump_cursor CURSOR FOR SELECT * FROM ONLY public.assessments');
  return client;
}

async function readAll(client: pg.Client, signal: AbortSignal): Promise<void> {
  for (;;) {
    const {rowCount} = await client.query('FETCH FORWARD 2000 FROM _pg_dump_cursor');
    if (rowCount === 0) return;
    await delay(1000, undefined, {signal});
  }
}

function sendOn(client: pg.Client) {
  return async (query: Query) => (await client.query(query)).rows;
}

function route(name: string, query: Query): Query {
  return tagged(query, {route: name});
}
