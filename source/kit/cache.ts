import {LRUCache} from 'lru-cache';

/**
 * What a value is kept under. It names the tenant that may see the value, or says that all share it. `models` are those that
 * it was read from, for `invalidate({model})`.
 */
export type CacheKey = {key: string; models?: readonly string[]} & (
  | {tenant: string | number | bigint; shared?: never}
  | {shared: true; tenant?: never}
);

export type CacheOptions = {
  /** How long a value is fresh; default 5 minutes. */
  ttlMs?: number;
  /** How long after that it is still returned while it is loaded again in the background; default 30 s, 0 never. */
  staleMs?: number;
  /** Default 1,000. The least recently used go first. */
  maxEntries?: number;
  /** Estimated size of all values together; default 32 MiB. A value larger than a tenth of it is not kept. */
  maxBytes?: number;
};

export type CacheStats = {
  /** Returned without waiting: fresh, and stale ones while they were loaded again. */
  hits: number;
  staleHits: number;
  /** Waited for a load that another call had begun. */
  joined: number;
  /** Loaded. */
  misses: number;
  /** Inside a transaction: loaded, neither taken from the cache nor kept. */
  bypassed: number;
  /** Loads that failed, also in the background. */
  failures: number;
  /** Values kept, and their estimated size. */
  entries: number;
  bytes: number;
  /** Share of calls outside transactions that loaded nothing themselves, 0 to 1; null before the first. */
  hitRate: number | null;
};

/** What `invalidate` removes: all that was read from a model, or the keys of a tenant that begin with `prefix`. */
export type Invalidation =
  | {model: string}
  | {tenant: string | number | bigint; prefix: string}
  | {shared: true; prefix: string};

export type Cache = {
  /**
   * The value kept under `key`, or what `load` returns; concurrent calls share one load. `client` is what `load` queries: a
   * Prisma Client, a pool, a connection. In a transaction the value is always loaded and never kept. Values are frozen,
   * because requests share them. Rejects with the error of `load`, which is not kept.
   */
  get<Client extends object, Value>(
    client: Client,
    key: CacheKey,
    load: (client: Client) => PromiseLike<Value>,
  ): Promise<Value>;
  /** Call it after the transaction that changed the rows has committed. Loads under way are not kept. */
  invalidate(what: Invalidation): void;
  clear(): void;
  getStats(): CacheStats;
};

type Kept = {value: unknown; bytes: number};
type Load = () => PromiseLike<unknown>;

/** An in-memory cache of query results, one per process. `now` returns milliseconds. */
export function createCache(options: CacheOptions = {}, now = () => performance.now()): Cache {
  const {ttlMs = 5 * 60_000, staleMs = 30_000, maxEntries = 1000, maxBytes = 32 * 1024 ** 2} = options;
  requireWhole({ttlMs, maxEntries, maxBytes}, 1);
  requireWhole({staleMs}, 0);
  const counts = {hits: 0, staleHits: 0, joined: 0, misses: 0, bypassed: 0, failures: 0};
  const generations = new Map<string, number>();
  /** One ID may load twice: an invalidated load, and one requested after it. */
  const loading = new Set<{id: string}>();
  const kept = new LRUCache<string, Kept, Load>({
    max: maxEntries,
    maxSize: maxBytes,
    maxEntrySize: Math.max(1, Math.floor(maxBytes / 10)),
    sizeCalculation: ({bytes}) => bytes,
    ttl: ttlMs,
    ttlResolution: 0,
    perf: {now},
    // A value whose refresh failed is stale, not gone.
    noDeleteOnFetchRejection: staleMs > 0,
    // What was invalidated while it loaded is returned to those who wait for it, and not kept.
    ignoreFetchAbort: true,
    async fetchMethod(id, _, {context: load}) {
      const own = {id};
      loading.add(own);
      try {
        return freeze(await load());
      } catch (error) {
        counts.failures++;
        throw error;
      } finally {
        loading.delete(own);
      }
    },
  });

  return {
    async get(client, key, load) {
      const id = idOf(key, generations);
      if (isTransaction(client)) {
        counts.bypassed++;
        return load(client);
      }
      // A load that takes longer than ttl and stale time is joined, not begun again.
      const allowStale = staleMs > 0 && kept.getRemainingTTL(id) >= -staleMs;
      const status: LRUCache.Status<string, Kept, Load> = {};
      const found = kept.fetch(id, {context: () => load(client), status, allowStale});
      if (status.fetch === 'hit') counts.hits++;
      else if (status.returnedStale) counts.staleHits++;
      else if (status.fetch === 'inflight') counts.joined++;
      else counts.misses++;
      return ((await found) as Kept).value as Awaited<ReturnType<typeof load>>;
    },
    invalidate(what) {
      if ('model' in what) {
        generations.set(what.model, (generations.get(what.model) ?? 0) + 1);
        return;
      }
      // An array's JSON begins with that of its first members.
      const start = JSON.stringify([ownerOf(what), what.prefix]).slice(0, -2);
      for (const id of [...kept.keys(), ...[...loading].map(each => each.id)])
        if (id.startsWith(start)) kept.delete(id);
    },
    clear() {
      kept.clear();
    },
    getStats() {
      const {hits, staleHits, joined, misses} = counts;
      const calls = hits + staleHits + joined + misses;
      return {
        ...counts,
        entries: kept.size,
        bytes: kept.calculatedSize,
        hitRate: calls === 0 ? null : (calls - misses) / calls,
      };
    },
  };
}

/** Contains the generation of each model: what was read before the last invalidation is no longer found. */
function idOf(key: CacheKey, generations: ReadonlyMap<string, number>): string {
  const models = (key.models ?? []).map(model => generations.get(model) ?? 0);
  return JSON.stringify([ownerOf(key), key.key, ...models]);
}

/** Text for a tenant, null for what all share. Throws a TypeError for a key that says neither. */
function ownerOf({tenant, shared}: {tenant?: unknown; shared?: unknown}): string | null {
  if (shared === true && tenant === undefined) return null;
  if (
    shared === undefined &&
    (Number.isFinite(tenant) || typeof tenant === 'bigint' || (typeof tenant === 'string' && tenant !== ''))
  )
    return String(tenant);
  throw new TypeError('a cache key names its tenant, or says shared: true');
}

/**
 * Whether queries through `client` run in a transaction: Prisma's `tx`, which cannot connect, or a connection of `pg` between
 * BEGIN and COMMIT. A client whose state is unknown is treated as in a transaction, and nothing is kept.
 */
function isTransaction(client: object): boolean {
  // Prisma to 7. Its `tx` has no $connect (6.19, 7.10), but from 7 on a $transaction of its own.
  if ('$connect' in client) return false;
  if (!('connect' in client)) return true;
  // A pool, or Prisma 8's client.
  if ('totalCount' in client || 'transaction' in client) return false;
  const {getTransactionStatus} = client as {getTransactionStatus?: () => string | null};
  if (getTransactionStatus === undefined) return true;
  const status = getTransactionStatus.call(client);
  return status === 'T' || status === 'E';
}

/**
 * Freezes the arrays and plain objects of a value and estimates its size in memory. Dates, Buffers, Decimals and other
 * instances of classes are not frozen, nor is what they refer to: a Result of pg refers to the parsers that all queries share.
 */
function freeze(value: unknown): Kept {
  return {value, bytes: sizeOf(value, true, new Set())};
}

/** V8's sizes, rounded: 8 bytes a reference or number, 16 and the text a string, 24 an object. */
function sizeOf(value: unknown, isOwn: boolean, seen: Set<object>): number {
  if (typeof value === 'string') return 16 + value.length;
  if (typeof value !== 'object' || value === null || seen.has(value)) return 8;
  seen.add(value);
  if (ArrayBuffer.isView(value)) return 64 + value.byteLength;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = isOwn && (Array.isArray(value) || prototype === Object.prototype || prototype === null);
  let bytes = 24;
  // A Decimal refers to its class.
  for (const each of Object.values(value))
    if (typeof each !== 'function') bytes += 8 + sizeOf(each, isPlain, seen);
  if (isPlain) Object.freeze(value);
  return bytes;
}

function requireWhole(options: Record<string, number>, least: number): void {
  for (const [name, value] of Object.entries(options)) {
    if (!Number.isInteger(value) || value < least)
      throw new RangeError(`createCache: ${name} must be a whole number of at least ${least}, not ${value}`);
  }
}
