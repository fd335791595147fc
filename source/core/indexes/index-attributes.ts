import type {IndexAttributes} from '../../model/catalog.ts';
import type {Sql} from '../../model/step.ts';
import {quoteIdentifier, quoteLiteral} from '../sql/quote.ts';

type Place = {schema: string; name: string; table: string};

/** The setting under which an index is built in its tablespace; '' is the database's own, whatever the role's is. */
export function tablespaceSetting({tablespace}: IndexAttributes): Record<string, string> {
  return {default_tablespace: tablespace ?? ''};
}

/** Run when an index is there: gives it what its definition leaves out. */
export function restoreAttributes({schema, name, table}: Place, attributes: IndexAttributes): Sql[] {
  const [inSchema, itself] = [quoteIdentifier(schema), quoteIdentifier(name)];
  const index = `${inSchema}.${itself}`;
  const {comment, statistics, is_clustered, depends_on} = attributes;
  return [
    ...(comment === null ? [] : [`COMMENT ON INDEX ${index} IS ${quoteLiteral(comment)}`]),
    ...statistics.map(
      ({column, target}) => `ALTER INDEX ${index} ALTER COLUMN ${column} SET STATISTICS ${target}`,
    ),
    ...(is_clustered ? [`ALTER TABLE ${inSchema}.${quoteIdentifier(table)} CLUSTER ON ${itself}`] : []),
    ...depends_on.map(name => `ALTER INDEX ${index} DEPENDS ON EXTENSION ${quoteIdentifier(name)}`),
  ].map(text => ({text, values: []}));
}

/** Conditions on an index, `i` in pg_index and `c` in pg_class: it has what its definition leaves out. */
export function hasAttributes(
  {tablespace, comment, statistics, is_clustered, depends_on}: IndexAttributes,
  put: (value: string | number, type: string) => string,
): string[] {
  return [
    tablespace === null
      ? 'c.reltablespace = 0'
      : `c.reltablespace = (SELECT ts.oid FROM pg_catalog.pg_tablespace ts WHERE ts.spcname = ${put(tablespace, 'text')})`,
    ...(comment === null ? [] : [`pg_catalog.obj_description(c.oid, 'pg_class') = ${put(comment, 'text')}`]),
    ...statistics.map(
      ({column, target}) =>
        `EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ${put(column, 'int4')} AND a.attstattarget = ${put(target, 'int4')})`,
    ),
    ...(is_clustered ? ['i.indisclustered'] : []),
    ...depends_on.map(
      name =>
        `EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'x' AND e.extname = ${put(name, 'text')})`,
    ),
  ];
}
