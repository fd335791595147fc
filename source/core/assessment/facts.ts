import type {AssessmentFacts} from '../../model/assessment-facts.ts';
import type {Catalog, ForeignKey} from '../../model/catalog.ts';
import type {Maintenance} from '../../model/maintenance.ts';
import type {HarmKind} from '../../model/recipe.ts';
import type {DataRequirements, RecipeData, RoleSettings} from '../../model/recipe-data.ts';
import type {UncoveredForeignKey} from '../../model/server-facts.ts';
import {groupBy} from '../group-by.ts';
import {thresholds} from '../health/thresholds.ts';
import {tableOf, uncoveredForeignKeys} from '../indexes/index-catalog.ts';

/** What the assessment reads beyond the snapshot, as often as `dueData` says. */
export const assessmentRequires: DataRequirements = {
  maintenance: true,
  role_settings: true,
  server_settings: true,
  catalog: true,
  write_state: true,
  sequences: true,
  missing_partitions: true,
  obstacles: true,
  replication: true,
  pooler: true,
  server_log: true,
  lock_table: true,
};

/** Harms that are found in these facts, or explained by them. */
export const harmsOfFacts: ReadonlySet<HarmKind> = new Set([
  'writes',
  'failing',
  'slow',
  'vacuum',
  'disk',
  'soon',
]);

/** Bounds each list, as these facts are recorded. */
export const mostFacts = 50;

/** The part of the facts that an assessment reads. */
export function assessmentFacts(data: RecipeData): AssessmentFacts {
  const {
    maintenance,
    role_settings,
    server_settings,
    catalog,
    write_state,
    sequences,
    missing_partitions,
    obstacles,
    replication,
    pooler,
    server_log,
    lock_table,
  } = data;
  return {
    ...(maintenance && {maintenance: worstOf(maintenance)}),
    ...(role_settings && {setting_overrides: role_settings.overrides.slice(0, mostFacts)}),
    ...(role_settings && refusedRoles(role_settings)),
    ...(server_settings && {server_settings}),
    ...(catalog && {foreign_keys: largestUncovered(catalog)}),
    ...(write_state && {write_state}),
    ...(sequences && {sequences: sequences.slice(0, mostFacts)}),
    ...(missing_partitions && {missing_partitions: missing_partitions.slice(0, mostFacts)}),
    ...(obstacles && {obstacles}),
    ...(replication && {replication}),
    ...(pooler?.pooler && {pooler: pooler.pooler}),
    ...(lock_table && {lock_table}),
    ...(server_log && server_log.file !== null && {server_log}),
  };
}

/** Absent where there is none, as on most servers. */
function refusedRoles({roles}: RoleSettings): Pick<AssessmentFacts, 'refused_roles'> {
  const refused = roles
    .filter(({can_login, valid_until}) => !can_login || valid_until !== null)
    .slice(0, mostFacts)
    .map(({name, can_login, valid_until}) => ({name, valid_until: can_login ? valid_until : null}));
  return refused.length === 0 ? {} : {refused_roles: refused};
}

function worstOf({tables, ...others}: Maintenance): Maintenance {
  const worst = [...tables].sort(
    (a, b) =>
      Math.max(b.dead_rows, b.rows_changed_since_analyze) -
      Math.max(a.dead_rows, a.rows_changed_since_analyze),
  );
  return {tables: worst.slice(0, mostFacts), ...others};
}

/** On larger tables only; the largest first. */
function largestUncovered(catalog: Catalog): UncoveredForeignKey[] {
  const largest = uncoveredForeignKeys(catalog)
    .map(key => ({key, rows: tableOf(catalog, key.table_oid)?.estimated_rows ?? 0}))
    .filter(({rows}) => rows >= thresholds.unindexed_table_rows.warning)
    .sort((a, b) => b.rows - a.rows)
    .slice(0, mostFacts);
  const cascades = groupBy(
    catalog.foreign_keys.filter(({is_cascading}) => is_cascading),
    ({schema, table}) => `${schema}.${table}`,
  );
  return largest.map(({key, rows}) => ({
    name: key.name,
    schema: key.schema,
    table: key.table,
    columns: key.columns,
    rows,
    references_schema: key.referenced_schema,
    references_table: key.referenced_table,
    references_columns: key.referenced_columns,
    deleted_with: deletedWith(key, cascades),
  }));
}

/** The tables from which ON DELETE CASCADE leads to the one that the key refers to, over any number of tables. */
function deletedWith(key: ForeignKey, cascades: ReadonlyMap<string, readonly ForeignKey[]>): string[] {
  const found = new Set([referencedBy(key)]);
  // A Set also visits what is added meanwhile.
  for (const table of found) for (const each of cascades.get(table) ?? []) found.add(referencedBy(each));
  return [...found].slice(1);
}

function referencedBy({referenced_schema, referenced_table}: ForeignKey): string {
  return `${referenced_schema}.${referenced_table}`;
}
