import {inChunk} from './detection/scope.ts';

/** What rows are found by: a number, text (a UUID, say) or a bigint. */
export type Id = string | number | bigint;

type Finding<Row> = {
  /** The field of a row that holds its ID, or a function that takes it from a row; default `id`. */
  by?: keyof Row | ((row: Row) => Id);
  /** IDs per query; default 30,000. Other conditions bind values, too: Prisma takes 32,767 a query, PostgreSQL 65,535. */
  chunkSize?: number;
};

type Grouping<Row> = Finding<Row> & Required<Pick<Finding<Row>, 'by'>>;

/** Runs the query for some of the IDs, such as `ids => prisma.user.findMany({where: {id: {in: ids}}})`. */
type Find<Key, Row> = (ids: Key[]) => PromiseLike<readonly Row[]>;

const defaultChunkSize = 30_000;

/**
 * The row of each ID, in the order of `ids`; null where there is none. Each ID is sent once, in one query per 30,000, one
 * query after another. An ID is compared as text, a UUID in lower case, because a driver may return a bigint as text.
 */
export function findByIds<Key extends Id, Row extends {id: unknown}>(
  ids: readonly Key[],
  find: Find<Key, Row>,
  options?: Finding<Row>,
): Promise<(Row | null)[]>;
export function findByIds<Key extends Id, Row>(
  ids: readonly Key[],
  find: Find<Key, Row>,
  options: Grouping<Row>,
): Promise<(Row | null)[]>;
export async function findByIds<Key extends Id, Row>(
  ids: readonly Key[],
  find: Find<Key, Row>,
  options?: Finding<Row>,
): Promise<(Row | null)[]> {
  const rows = await findEach(ids, find, options);
  return ids.map(id => rows.get(textOf(id)) ?? null);
}

/** Those of the IDs that have a row. Select nothing but the ID. */
export function existsMany<Key extends Id, Row extends {id: unknown}>(
  ids: readonly Key[],
  find: Find<Key, Row>,
  options?: Finding<Row>,
): Promise<Set<Key>>;
export function existsMany<Key extends Id, Row>(
  ids: readonly Key[],
  find: Find<Key, Row>,
  options: Grouping<Row>,
): Promise<Set<Key>>;
export async function existsMany<Key extends Id, Row>(
  ids: readonly Key[],
  find: Find<Key, Row>,
  options?: Finding<Row>,
): Promise<Set<Key>> {
  const rows = await findEach(ids, find, options);
  return new Set(ids.filter(id => rows.has(textOf(id))));
}

async function findEach<Key extends Id, Row>(
  ids: readonly Key[],
  find: Find<Key, Row>,
  {by = 'id' as keyof Row, chunkSize}: Finding<Row> = {},
): Promise<Map<string, Row>> {
  const rows = new Map<string, Row>();
  await inChunks(ids, chunkSize, async chunk => {
    for (const row of await find(chunk)) rows.set(textOf(idOf(row, by)), row);
  });
  return rows;
}

/** A row of `groupBy`, with `_count: true`, `{_all: true}` or one field's. */
type Group = {_count: number | bigint | Partial<Record<string, number>>};

/** Prisma's groupBy would infer its arguments from a type of its result. */
type RowOf<Groups> = Awaited<Groups> extends readonly (infer Row extends Group)[] ? Row : never;

/**
 * The number of rows for each key, 0 where there is none, in the order of `keys`. `group` runs the query for some of them:
 * `levels => prisma.student.groupBy({by: ['level'], where: {level: {in: levels}}, _count: true})`. Groups of one key are
 * added up.
 */
export async function countBy<Key extends Id, Groups>(
  keys: readonly Key[],
  group: (keys: Key[]) => Groups,
  {by, chunkSize}: Grouping<RowOf<Groups>>,
): Promise<Map<Key, number>> {
  const counts = new Map<string, number>();
  await inChunks(keys, chunkSize, async chunk => {
    for (const row of (await group(chunk)) as readonly RowOf<Groups>[]) {
      const key = textOf(idOf(row, by));
      counts.set(key, (counts.get(key) ?? 0) + countOf(row));
    }
  });
  return new Map(keys.map(key => [key, counts.get(textOf(key)) ?? 0]));
}

function countOf({_count}: Group): number {
  if (typeof _count !== 'object') return Number(_count);
  const [count, ...more] = Object.values(_count);
  if (count === undefined || more.length > 0) throw new TypeError('countBy: _count must hold one figure');
  return count;
}

type Results<Tasks> = {
  -readonly [Index in keyof Tasks]: Tasks[Index] extends () => PromiseLike<infer Value> ? Value : never;
};

/**
 * Runs tasks, at most `n` at the same time, and returns their results in order. After an error none is begun; it rejects with
 * that error as soon as those that run have ended, so that no query is left running.
 */
export async function inBatches<Tasks extends readonly (() => PromiseLike<unknown>)[] | []>(
  tasks: Tasks,
  n: number,
): Promise<Results<Tasks>> {
  if (!(Number.isInteger(n) && n > 0))
    throw new RangeError(`inBatches: n must be a whole number above 0, not ${n}`);
  const results: unknown[] = new Array(tasks.length);
  let next = 0;
  let failure: {error: unknown} | null = null;
  const work = async (): Promise<void> => {
    while (next < tasks.length && failure === null) {
      const index = next++;
      try {
        results[index] = await tasks[index]?.();
      } catch (error) {
        failure ??= {error};
      }
    }
  };
  await Promise.all(Array.from({length: Math.min(n, tasks.length)}, work));
  if (failure !== null) throw (failure as {error: unknown}).error;
  return results as Results<Tasks>;
}

async function inChunks<Key extends Id>(
  keys: readonly Key[],
  chunkSize = defaultChunkSize,
  body: (chunk: Key[]) => Promise<void>,
): Promise<void> {
  if (!(chunkSize >= 1)) throw new RangeError(`chunkSize must be at least 1, not ${chunkSize}`);
  const distinct = [...new Map(keys.map(key => [textOf(key), key])).values()];
  for (let start = 0; start < distinct.length; start += chunkSize)
    await inChunk(start, () => body(distinct.slice(start, start + chunkSize)));
}

function idOf<Row>(row: Row, by: keyof Row | ((row: Row) => Id)): Id {
  return typeof by === 'function' ? by(row) : (row[by] as Id);
}

const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** PostgreSQL returns a UUID in lower case, however it was sent. */
function textOf(id: Id): string {
  const text = String(id);
  return uuid.test(text) ? text.toLowerCase() : text;
}
