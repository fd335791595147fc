import {BugError} from '../../core/errors.ts';
import {quoteIdentifier} from '../../core/sql/quote.ts';

/** PostgreSQL 13, the oldest version that poolctl supports. */
export const oldestVersionNum = 130_000;

/**
 * One query with a variant for each version that needs one. The variant with the highest floor at or below the version
 * is run; every variant returns the same columns.
 */
export type Query = {
  /** Also the prepared statement's. */
  name: string;
  /** Whose version the floors are of: the server's (150018) or pg_stat_statements' (1.10 is 110). */
  versioned_by: 'server' | 'pg_stat_statements';
  variants: {floor: number; text: string}[];
};

/** A query of the server: one text for every version, or by the major version from which each text is used. */
export function serverQuery(name: string, texts: string | Record<number, string>): Query {
  const byMajor = typeof texts === 'string' ? {13: texts} : texts;
  const variants = Object.entries(byMajor).map(([major, text]) => ({floor: Number(major) * 10_000, text}));
  return {name, versioned_by: 'server', variants};
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

/**
 * The text for `version`. `{schema}` in it becomes the quoted schema of pg_stat_statements, as the search path may be
 * another's.
 */
export function pickVariant(query: Query, version: number, schema?: string): {name: string; text: string} {
  const fitting = query.variants.filter(({floor}) => floor <= version);
  const best = fitting.reduce<Query['variants'][number] | null>(
    (chosen, variant) => (chosen === null || variant.floor > chosen.floor ? variant : chosen),
    null,
  );
  if (best === null) throw new BugError(`${query.name} has no variant for ${query.versioned_by} ${version}`);
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
