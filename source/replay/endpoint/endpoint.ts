/** What one request of an application does to the database, in one or more variants: `before`, `after`, any name. */
export type Endpoint<Client = unknown, Request extends Sample = Sample> = {
  /** As an application names it: `GET /api/reports/dashboard`. */
  route: string;
  /** Where it is written; findings and errors name a line of it. */
  file: string;
  variants: readonly Variant<Client, Request>[];
  /** Once before each variant's first request; nothing of it is measured. */
  setup?: (context: Context<Client, Request>) => Promise<unknown>;
  /** Requests to choose from, by the seed; `[{}]` where they are all alike. */
  samples: readonly Request[];
  /** It writes, and is therefore replayed only where that is allowed. */
  isWriting?: boolean;
  /** Which of the demo's databases it is about; `assessments` unless it says. */
  demoDatabase?: string;
};

export type Variant<Client = unknown, Request extends Sample = Sample> = {
  name: string;
  run: (context: Context<Client, Request>) => Promise<unknown>;
};

/** What is asked for: parameters of the path, of the query, of the body. */
export type Sample = Readonly<Record<string, unknown>>;

export type Context<Client = unknown, Request extends Sample = Sample> = {
  /** A Prisma Client whose pool is the measured one; null where an endpoint goes without. */
  prisma: Client;
  sql: Sql;
  request: Request;
  /** One per instance of the application. Empty when measuring begins. */
  cache: Cache;
  /** Aborts when nobody waits for the answer any more. */
  signal: AbortSignal;
};

export type Row = Record<string, unknown>;

export type Statement = {
  text: string;
  values?: readonly unknown[];
  /** Its line in the endpoint's file, where the stack would not tell. */
  line?: number;
};

/** Statements through the measured pool, for endpoints without Prisma. */
export type Sql = {
  (statement: string | Statement, values?: readonly unknown[]): Promise<Row[]>;
  /** BEGIN, `body` on that one connection, COMMIT; ROLLBACK and the error where it throws. */
  transaction<Result>(body: (sql: Sql) => Promise<Result>): Promise<Result>;
};

export type Cache = {
  get(key: string): unknown;
  /** Without `ttl_ms` until the instance ends. */
  set(key: string, value: unknown, ttl_ms?: number): void;
  delete(key: string): void;
  clear(): void;
};

/** An endpoint file's default export; the file's name is added where it is loaded. */
export function defineEndpoint<Client, Request extends Sample = Sample>(
  endpoint: Omit<Endpoint<Client, Request>, 'file'>,
): Omit<Endpoint<Client, Request>, 'file'> {
  return endpoint;
}

/** What an application's own process keeps between requests. `now` in milliseconds. */
export function createCache(now: () => number = () => performance.now()): Cache {
  const entries = new Map<string, {value: unknown; until_ms: number}>();
  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined || entry.until_ms > now()) return entry?.value;
      entries.delete(key);
      return undefined;
    },
    set: (key, value, ttl_ms = Number.POSITIVE_INFINITY) =>
      void entries.set(key, {value, until_ms: now() + ttl_ms}),
    delete: key => void entries.delete(key),
    clear: () => entries.clear(),
  };
}
