import type {ForeignKey} from '../../../model/catalog.ts';
import {type Query, type ReadRows, userSchema} from '../../queries/query.ts';

export async function readForeignKeys(readRows: ReadRows): Promise<ForeignKey[]> {
  return (await readRows<CatalogForeignKeyRow>(catalogForeignKeysQuery)).map(toForeignKey);
}

/** Foreign keys as declared, without PostgreSQL's copies for each partition, which have a parent. */
export const catalogForeignKeysQuery: Query = {
  name: 'poolctl_catalog_foreign_keys',
  versioned_by: 'server',
  variants: [
    {
      floor: 130_000,
      text: `
SELECT /* poolctl */ n.nspname::text, o.conname::text, t.oid::text, t.relname::text,
  to_json(ARRAY(SELECT a.attname::text FROM unnest(o.conkey) WITH ORDINALITY k (attnum, position)
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum ORDER BY k.position)),
  rn.nspname::text, r.relname::text
FROM pg_constraint o
JOIN pg_class t ON t.oid = o.conrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_class r ON r.oid = o.confrelid
JOIN pg_namespace rn ON rn.oid = r.relnamespace
WHERE o.contype = 'f' AND o.conparentid = 0 AND ${userSchema('n.nspname')}
ORDER BY n.nspname, t.relname, o.conname`,
    },
  ],
};

type CatalogForeignKeyRow = [
  schema: string,
  name: string,
  table_oid: string,
  table: string,
  columns: string[],
  referenced_schema: string,
  referenced_table: string,
];

function toForeignKey(row: CatalogForeignKeyRow): ForeignKey {
  const [schema, name, table_oid, table, columns, referenced_schema, referenced_table] = row;
  return {schema, name, table_oid, table, columns, referenced_schema, referenced_table};
}
