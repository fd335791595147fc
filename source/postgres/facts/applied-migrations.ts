import {quoteIdentifier} from '../../core/sql/quote.ts';
import type {Connection} from '../connect/connect.ts';

type Applied = {applied: ReadonlySet<string> | null; problem: string | null};

/**
 * What Prisma has applied: the names of _prisma_migrations, and of Prisma 8's ledger `ledger:` with each hash and each name
 * (release candidate 13). Nothing if there is neither table; null if one cannot be read (`problem`). Throws the server's errors.
 */
export async function readAppliedMigrations(connection: Connection): Promise<Applied> {
  const own = await readTable(connection, {
    name: '_prisma_migrations',
    schema: connection.request.prisma?.schema ?? 'public',
    isElsewhere: true,
    text: from => `SELECT /* poolctl */ m.migration_name AS name FROM ONLY ${from} m
WHERE m.finished_at IS NOT NULL AND m.rolled_back_at IS NULL`,
  });
  if (own.applied === null) return own;
  const ledger = await readTable(connection, {
    name: 'ledger',
    schema: 'prisma_contract',
    isElsewhere: false,
    text: from => `SELECT /* poolctl */ DISTINCT 'ledger:' || v.value AS name
FROM ONLY ${from} m, LATERAL (VALUES (m.migration_hash), (m.migration_name)) v (value)`,
  });
  return ledger.applied === null
    ? ledger
    : {applied: new Set([...own.applied, ...ledger.applied]), problem: null};
}

type Table = {
  name: string;
  schema: string;
  /** Any table of the name counts, in whatever schema. */
  isElsewhere: boolean;
  text(from: string): string;
};

async function readTable({client}: Connection, {name, schema, isElsewhere, text}: Table): Promise<Applied> {
  const {rows} = await client.query<{schema: string; may_read: boolean; is_plain: boolean}>({
    text: `SELECT /* poolctl */ n.nspname AS schema,
  has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS may_read,
  c.relkind = 'r' AND NOT c.relrowsecurity AS is_plain
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY n.nspname`,
    values: [name],
  });
  const own = rows.find(each => each.schema === schema);
  if (rows.length === 0 || (own === undefined && !isElsewhere)) return {applied: new Set(), problem: null};
  const unknown = (why: string) => ({applied: null, problem: `${why} Only the newest migration is shown.`});
  const table = `${quoteIdentifier(schema)}.${name}`;
  if (own === undefined) {
    const places = rows.map(each => quoteIdentifier(each.schema)).join(', ');
    return unknown(`${name} is in schema ${places}, not in ${schema}: name its schema with ?schema=.`);
  }
  // Reading a view would execute what its owner wrote; row security hides rows.
  if (!own.is_plain) return unknown(`${table} is not a plain table, or has row security: it is not read.`);
  if (!own.may_read) return unknown(`${table} may not be read: GRANT SELECT ON ${table} TO this role.`);
  const found = await client.query<{name: string}>({text: text(table)});
  return {applied: new Set(found.rows.map(each => each.name)), problem: null};
}
