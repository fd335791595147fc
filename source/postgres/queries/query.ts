import {BugError} from '../../core/errors.ts';
import {quoteIdentifier} from '../../core/sql/quote.ts';

/** PostgreSQL 13, the oldest version that poolctl supports. */
export const oldestVersionNum = 130_000;

/**
 * What a query reads where it exists, and the major version that brought it: a column, a view, a function. A server is asked which
 * it has (`identityQuery`): a newer one, or one that a service has changed, may have dropped some. Until then its version decides.
 */
export const features = {
  'pg_stat_activity.query_id': 14,
  'pg_locks.waitstart': 14,
  'pg_stat_database.sessions_fatal': 14,
  pg_stat_progress_copy: 14,
  pg_stat_wal: 14,
  'pg_stat_force_next_flush()': 15,
  pg_stat_io: 16,
  'pg_stat_checkpointer.num_timed': 17,
  pg_stat_autovacuum_scores: 19,
  pg_stat_lock: 19,
  pg_stat_recovery: 19,
} as const satisfies Record<string, number>;

export type Feature = keyof typeof features;

/** What decides which variant of a query a server gets. */
export type ServerVersion = {
  server_version_num: number;
  /** Those that the server has; null until it was asked. */
  features?: ReadonlySet<string> | null;
};

/**
 * One query with a variant for each version that needs one. From the lowest floor up, each fits whose floor is at or
 * below the version, or whose feature the server has; the last before one that does not fit is run. All return the same columns.
 */
export type Query = {
  /** Also the prepared statement's. */
  name: string;
  /** Whose version the floors are of: the server's (150018) or pg_stat_statements' (1.10 is 110). */
  versioned_by: 'server' | 'pg_stat_statements';
  variants: {floor: number; needs?: Feature; text: string}[];
};

/**
 * A query of the server: one text for every version, or by the feature that each text needs, or by the major version from which it
 * is used where no column, view or function shows the difference.
 */
export function serverQuery(
  name: string,
  texts: string | ({[major: number]: string} & {[feature in Feature]?: string}),
): Query {
  const all: Record<string, string> = typeof texts === 'string' ? {13: texts} : texts;
  const variants = Object.entries(all).map(([key, text]) =>
    isFeature(key) ? {floor: features[key] * 10_000, needs: key, text} : {floor: Number(key) * 10_000, text},
  );
  return {name, versioned_by: 'server', variants};
}

function isFeature(key: string): key is Feature {
  return Object.hasOwn(features, key);
}

/** A query of pg_stat_statements, by the extension's version (`1.8`) from which each text is used. */
export function extensionQuery(name: string, texts: Record<string, string>): Query {
  const variants = Object.entries(texts).map(([version, text]) => ({
    floor: extensionVersionNum(version),
    text,
  }));
  return {name, versioned_by: 'pg_stat_statements', variants};
}

/** Reads one query's rows as arrays, in the order of its columns. */
export type ReadRows = <Row>(query: Query) => Promise<Row[]>;

/** Whether a server has it; by its version, as long as it was not asked. */
export function hasFeature({server_version_num, features: present}: ServerVersion, name: Feature): boolean {
  return present?.has(name) ?? server_version_num >= features[name] * 10_000;
}

/**
 * The text for a server, or for a version of the extension. `{schema}` in it becomes the quoted schema of pg_stat_statements, as the
 * search path may be another's.
 */
export function pickVariant(
  query: Query,
  of: ServerVersion | number,
  schema?: string,
): {name: string; text: string} {
  const server = typeof of === 'number' ? {server_version_num: of} : of;
  const version = server.server_version_num;
  const ascending = query.variants.toSorted((a, b) => a.floor - b.floor);
  const unfit = ascending.findIndex(({floor, needs}) =>
    needs === undefined ? floor > version : !hasFeature(server, needs),
  );
  const best = ascending.slice(0, unfit === -1 ? undefined : unfit).at(-1);
  if (best === undefined)
    throw new BugError(`${query.name} has no variant for ${query.versioned_by} ${version}`);
  const text = schema === undefined ? best.text : best.text.replaceAll('{schema}', quoteIdentifier(schema));
  return {name: query.name, text};
}

/** `1.10` as 110, which is above `1.9` as 109. */
export function extensionVersionNum(version: string): number {
  const [major = '0', minor = '0'] = version.split('.');
  return Number(major) * 100 + Number.parseInt(minor, 10);
}

/** A condition that excludes the system's schemas. */
export function userSchema(column: string): string {
  return `${column} <> 'information_schema' AND ${column} !~ '^pg_'`;
}

/** `15.18 (Debian ...)` as the server's number, 150018; also `18beta1` and `9.6.24`. 0 for another text. */
export function parseServerVersion(version: string): number {
  const [, first, second, third] = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(version) ?? [];
  const major = Number(first ?? 0);
  if (major >= 10) return major * 10_000 + Number(second ?? 0);
  return major * 10_000 + Number(second ?? 0) * 100 + Number(third ?? 0);
}
