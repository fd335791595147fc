/** What one request of an application does to the database, in one or more variants. */
export type Endpoint<Client = unknown, Request extends Sample = Sample> = {
  /** The route as the application names it: `GET /api/reports/dashboard`. */
  route: string;
  /** The endpoint's file; findings and errors refer to its lines. Set when it is loaded. */
  file: string;
  /** The implementations to compare, such as `before` and `after`. The recommendation is for the last one. */
  variants: readonly Variant<Client, Request>[];
  /** Runs once before each variant is measured, and is not measured itself. */
  setup?: (context: Context<Client, Request>) => Promise<unknown>;
  /** Each request takes one at random, by the seed; `[{}]` if all requests are alike. */
  samples: readonly Request[];
  /** The endpoint writes: it is replayed only with --allow-writes or on the demo. */
  isWriting?: boolean;
  /** The demo database used with --demo; default `assessments`. */
  demoDatabase?: string;
};

export type Variant<Client = unknown, Request extends Sample = Sample> = {
  /** What `--variant` selects it by. */
  name: string;
  /** Handles one request. A rejection counts as a failed request. */
  run: (context: Context<Client, Request>) => Promise<unknown>;
};

/** One request: parameters of its path, its query string, its body. */
export type Sample = Readonly<Record<string, unknown>>;

export type Context<Client = unknown, Request extends Sample = Sample> = {
  /** The application's Prisma Client, on the measured pool. */
  prisma: Client;
  /** Runs SQL on the measured pool, without Prisma. */
  sql: Sql;
  /** The request to handle, one of `samples`. */
  request: Request;
  /** The application's in-memory cache, one per instance; empty when measuring begins. */
  cache: Cache;
  /** Aborts when the measurement ends. */
  signal: AbortSignal;
};

export type Row = Record<string, unknown>;

export type Statement = {
  text: string;
  /** Values of $1, $2, ... */
  values?: readonly unknown[];
  /** Its line in the endpoint's file; taken from the stack by default. */
  line?: number;
};

export type Sql = {
  /** Runs a statement and returns its rows. Rejects with pg's DatabaseError, which has the SQLSTATE as `code`. */
  (statement: string | Statement, values?: readonly unknown[]): Promise<Row[]>;
  /** Runs `body` between BEGIN and COMMIT on one connection; if it throws, sends ROLLBACK and rethrows. */
  transaction<Result>(body: (sql: Sql) => Promise<Result>): Promise<Result>;
};

export type Cache = {
  /** The value; undefined if absent or expired. */
  get(key: string): unknown;
  /** Keeps a value for `ttl_ms` milliseconds; default: as long as the instance runs. */
  set(key: string, value: unknown, ttl_ms?: number): void;
  delete(key: string): void;
  clear(): void;
};

/** Types an endpoint file's default export: `export default defineEndpoint<PrismaClient>({route, samples, variants})`. */
export function defineEndpoint<Client, Request extends Sample = Sample>(
  endpoint: Omit<Endpoint<Client, Request>, 'file'>,
): Omit<Endpoint<Client, Request>, 'file'> {
  return endpoint;
}

/** The in-memory cache of one instance. `now` returns milliseconds. */
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
