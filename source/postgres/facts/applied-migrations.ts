import {quoteIdentifier} from '../../core/sql/quote.ts';
import type {Connection} from '../connect/connect.ts';

/**
 * The migrations that _prisma_migrations has as applied; null if it is not there, or may not be read (`problem`). Throws
 * the server's errors.
 */
export async function readAppliedMigrations({
  client,
  request,
}: Connection): Promise<{applied: ReadonlySet<string> | null; problem: string | null}> {
  const schema = request.prisma?.schema ?? 'public';
  // A plain table: reading a view would execute what its owner wrote.
  const {rows} = await client.query<{may_read: boolean}>({
    text: `SELECT /* poolctl */ has_table_privilege(c.oid, 'SELECT') AS may_read FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = '_prisma_migrations' AND n.nspname = $1 AND c.relkind = 'r' AND NOT c.relrowsecurity`,
    values: [schema],
  });
  if (rows[0] === undefined) return {applied: null, problem: null};
  if (!rows[0].may_read) {
    const table = `${quoteIdentifier(schema)}._prisma_migrations`;
    return {
      applied: null,
      problem: `${table} may not be read: only the newest migration is shown. GRANT SELECT ON ${table} TO this role.`,
    };
  }
  const found = await client.query<{name: string}>({
    text: `SELECT /* poolctl */ m.migration_name AS name FROM ONLY ${quoteIdentifier(schema)}._prisma_migrations m
WHERE m.finished_at IS NOT NULL AND m.rolled_back_at IS NULL`,
  });
  return {applied: new Set(found.rows.map(({name}) => name)), problem: null};
}
