import {quoteIdentifier} from '../../core/sql/quote.ts';
import type {Connection} from '../connect/connect.ts';

/**
 * The migrations that _prisma_migrations has as applied, none if no schema has the table; null if it cannot be read (`problem`).
 * Throws the server's errors.
 */
export async function readAppliedMigrations({
  client,
  request,
}: Connection): Promise<{applied: ReadonlySet<string> | null; problem: string | null}> {
  const schema = request.prisma?.schema ?? 'public';
  const {rows} = await client.query<{schema: string; may_read: boolean; is_plain: boolean}>({
    text: `SELECT /* poolctl */ n.nspname AS schema, has_table_privilege(c.oid, 'SELECT') AS may_read,
  c.relkind = 'r' AND NOT c.relrowsecurity AS is_plain
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = '_prisma_migrations' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY n.nspname`,
  });
  if (rows.length === 0) return {applied: new Set(), problem: null};
  const unknown = (why: string) => ({applied: null, problem: `${why} Only the newest migration is shown.`});
  const own = rows.find(each => each.schema === schema);
  const table = `${quoteIdentifier(schema)}._prisma_migrations`;
  if (own === undefined) {
    const places = rows.map(each => quoteIdentifier(each.schema)).join(', ');
    return unknown(
      `_prisma_migrations is in schema ${places}, not in ${schema}: name its schema with ?schema=.`,
    );
  }
  // Reading a view would execute what its owner wrote; row security hides rows.
  if (!own.is_plain) return unknown(`${table} is not a plain table, or has row security: it is not read.`);
  if (!own.may_read) return unknown(`${table} may not be read: GRANT SELECT ON ${table} TO this role.`);
  const found = await client.query<{name: string}>({
    text: `SELECT /* poolctl */ m.migration_name AS name FROM ONLY ${quoteIdentifier(schema)}._prisma_migrations m
WHERE m.finished_at IS NOT NULL AND m.rolled_back_at IS NULL`,
  });
  return {applied: new Set(found.rows.map(({name}) => name)), problem: null};
}
