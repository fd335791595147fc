import {redactSecrets} from '../core/redact.ts';

/**
 * A statement's text without the passwords in it: `CREATE ROLE ... PASSWORD '...'` stands in pg_stat_activity as
 * it was sent, and in pg_stat_statements too, which leaves the constants of utility statements in place.
 */
export function withoutSecrets(query: string | null): string | null {
  return query !== null && maySayOne.test(query) ? redactSecrets(query) : query;
}

/** Asked of every new text, so that the costly patterns run on few. */
const maySayOne = /passw|api_key|:\/\//i;
