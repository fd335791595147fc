import {usageError} from '../source/core/errors.ts';
import {thresholds} from '../source/core/health/thresholds.ts';
import {
  completeParams,
  readCount,
  readList,
  readNumber,
  readValues,
  resolveName,
} from '../source/core/recipe/parameters.ts';
import {
  analyzeStep,
  holderOf,
  nameOf,
  tableSubject,
  vacuumAdvice,
} from '../source/core/server/maintenance.ts';
import {quoteIdentifier} from '../source/core/sql/quote.ts';
import {counted, formatAge, formatCount} from '../source/core/text/format.ts';
import type {Catalog} from '../source/model/catalog.ts';
import type {Maintenance, TableUpkeep} from '../source/model/maintenance.ts';
import type {Finding, Parameter, ParameterValues, Plan, Recipe, Skipped} from '../source/model/recipe.ts';
import type {RecipeData} from '../source/model/recipe-data.ts';
import type {Snapshot} from '../source/model/snapshot.ts';
import type {Target} from '../source/model/target.ts';

/** Autovacuum starts at its own threshold: at a multiple of it, autovacuum does not keep up. */
const behindTimes = thresholds.autovacuum_threshold_times.warning;
const leastRows = thresholds.changed_rows.warning;

const parameters: Parameter[] = [
  {
    name: 'tables',
    description: 'Tables as name or schema.name, comma-separated; default: those with stale statistics',
    kind: 'text',
    default: '',
    suggest: (_, {maintenance}) => (maintenance?.tables ?? []).map(nameOf),
  },
  {
    name: 'threshold_times',
    description: "Changed rows that make a table stale, as a multiple of autovacuum's threshold",
    kind: 'number',
    default: String(behindTimes),
    check: readTimes,
  },
  {
    name: 'at_most',
    description: 'Maximum number of tables, the stalest first',
    kind: 'integer',
    default: '',
    check: text => readCount('at_most', text),
  },
];

const recipe: Recipe = {
  id: 'analyze-stale-tables',
  title: 'Update table statistics',
  summary: 'Analyzes tables with stale statistics; reports where vacuum is behind and what holds it back',
  parameters,
  diagnoseRequires: {maintenance: true},
  diagnose,
  // `maintenance` lists changed tables only; the catalog has the others.
  planRequires: ({tables}) => ({maintenance: true, ...(tables?.trim() && {catalog: true})}),
  plan,
};
export default recipe;

/** Changed rows as a multiple of autovacuum's threshold; all rows of a table never analyzed. */
function staleness({rows_changed_since_analyze, analyze_threshold}: TableUpkeep): number {
  return rows_changed_since_analyze / Math.max(1, analyze_threshold);
}

function bloat({dead_rows, vacuum_threshold}: TableUpkeep): number {
  return dead_rows / Math.max(1, vacuum_threshold);
}

/** A standby gets its statistics from the primary, so it has no findings. */
function diagnose({target}: Snapshot, {maintenance}: RecipeData): Finding[] {
  if (maintenance === undefined || target.is_in_recovery) return [];
  const {tables} = maintenance;
  const stale = tables
    .filter(each => each.rows_changed_since_analyze >= leastRows && staleness(each) > behindTimes)
    .sort((a, b) => staleness(b) - staleness(a));
  const bloated = tables
    .filter(each => each.dead_rows >= leastRows && bloat(each) > behindTimes)
    .sort((a, b) => b.dead_rows - a.dead_rows);
  return [...staleFinding(stale), ...bloatFinding(bloated, maintenance)];
}

function staleFinding(stale: readonly TableUpkeep[]): Finding[] {
  const [worst] = stale;
  if (worst === undefined) return [];
  return [
    {
      recipe: recipe.id,
      severity: 'warning',
      subject: 'statistics',
      cause: 'housekeeping',
      summary: `${counted(stale.length, 'table has', 'tables have')} stale statistics, so the planner guesses: ${listed(stale)}`,
      evidence: {
        tables: stale.length,
        stalest: nameOf(worst),
        rows_changed_since_analyze: worst.rows_changed_since_analyze,
        live_rows: worst.live_rows,
        analyze_age_ms: worst.analyze_age_ms,
        is_autovacuum_enabled: worst.is_autovacuum_enabled,
      },
    },
  ];
}

function bloatFinding(bloated: readonly TableUpkeep[], maintenance: Maintenance): Finding[] {
  const [worst] = bloated;
  if (worst === undefined) return [];
  const holder = holderOf(maintenance, worst);
  const because = holder === null ? '' : `, held back by ${holder.kind} ${holder.name}`;
  return [
    {
      recipe: recipe.id,
      severity: 'warning',
      subject: 'vacuum',
      cause: 'housekeeping',
      summary: `vacuum is behind on ${counted(bloated.length, 'table')}: ${listed(bloated)}${because}`,
      evidence: {
        tables: bloated.length,
        largest: nameOf(worst),
        dead_rows: worst.dead_rows,
        vacuum_age_ms: worst.vacuum_age_ms,
        xmin_holder: holder && `${holder.kind} ${holder.name}`,
        xmin_age: holder?.xmin_age ?? null,
      },
    },
  ];
}

function listed(tables: readonly TableUpkeep[]): string {
  const names = tables.slice(0, 3).map(nameOf).join(', ');
  return tables.length > 3 ? `${names} and ${tables.length - 3} more` : names;
}

function plan({target}: Snapshot, params: ParameterValues, {maintenance, catalog}: RecipeData): Plan {
  if (maintenance === undefined) throw usageError('the statistics of the tables could not be read');
  const {due, bloated, skipped} = choose({maintenance, catalog}, params, target);
  return {
    recipe: recipe.id,
    params: completeParams(params, parameters),
    explanation: explain(due, bloated, target),
    figure: draw(due, bloated),
    steps: [...due.map(analyzeStep), ...bloated.map(table => vacuumAdvice(table, maintenance))],
    skipped,
    batch_size: Math.max(1, due.length + bloated.length),
    pause_ms: 0,
    slots_freed: 0,
    watch_groups: [],
    on_failure: 'continue',
  };
}

type Choice = {due: TableUpkeep[]; bloated: TableUpkeep[]; skipped: Skipped[]};

/** In the order of their names, which is stable while rows change. */
function choose(
  {maintenance: {tables}, catalog}: {maintenance: Maintenance; catalog: Catalog | undefined},
  params: ParameterValues,
  target: Target,
): Choice {
  const read = readValues(params, parameters);
  const times = readTimes(read('threshold_times')) ?? behindTimes;
  const at_most = readCount('at_most', read('at_most'));
  const named = readTables(read('tables'), catalog);
  const isSelected = (table: TableUpkeep) => named.length === 0 || named.includes(nameOf(table));
  if (target.is_in_recovery) return {due: [], bloated: [], skipped: []};
  const stale = tables.filter(table =>
    named.length === 0 ? staleness(table) > times : isSelected(table) && table.rows_changed_since_analyze > 0,
  );
  const allowed = stale.filter(({may_analyze}) => may_analyze);
  const stalest = allowed.toSorted((a, b) => staleness(b) - staleness(a)).slice(0, at_most ?? allowed.length);
  return {
    due: allowed.filter(table => stalest.includes(table)),
    bloated: tables.filter(table => isSelected(table) && bloat(table) > times),
    skipped: [
      ...stale.filter(({may_analyze}) => !may_analyze).map(table => forbidden(table, target)),
      ...named.filter(name => !tables.some(table => nameOf(table) === name)).map(untouched),
    ],
  };
}

function forbidden(table: TableUpkeep, {server_version_num, user}: Target): Skipped {
  const grant = `GRANT MAINTAIN ON ${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)} TO ${quoteIdentifier(user)}`;
  const remedy = server_version_num >= 170_000 ? `: ${grant}` : '';
  const reason = `only the owner of the table or the database may analyze it${remedy}`;
  return {subject: tableSubject(table), description: nameOf(table), reason, is_forbidden: true};
}

function untouched(name: string): Skipped {
  const reason = 'almost no row has changed since it was analyzed';
  return {subject: `table:${name}`, description: name, reason};
}

function explain(due: readonly TableUpkeep[], bloated: readonly TableUpkeep[], target: Target): string[] {
  if (target.is_in_recovery) return ['A standby gets its statistics from the primary: run this there.'];
  if (due.length + bloated.length === 0) return ['Statistics are up to date. Nothing to analyze.'];
  return [
    ...(due.length === 0
      ? []
      : [
          `${counted(due.length, 'table')} to analyze: the planner uses outdated counts.`,
          'ANALYZE samples each table. Reads and writes go on; schema changes, VACUUM and index builds of that table wait (SHARE UPDATE EXCLUSIVE). If one of those is running, ANALYZE gives up after 5 seconds.',
          'There is nothing to undo. Query plans may change: that is the purpose.',
        ]),
    ...(bloated.length === 0
      ? []
      : [
          `Vacuum is behind on ${counted(bloated.length, 'table')}. poolctl only advises here: VACUUM may take hours, and cannot remove rows that a transaction may still see.`,
        ]),
  ];
}

function draw(due: readonly TableUpkeep[], bloated: readonly TableUpkeep[]): string[] {
  const tables = [...new Set([...due, ...bloated])];
  if (tables.length === 0) return [];
  const line = (name: string, ...cells: string[]) =>
    `${[...name].slice(0, 34).join('').padEnd(34)}${cells.map(cell => cell.padStart(9)).join('')}`;
  return [
    line('table', 'rows', 'changed', 'dead', 'analyzed'),
    ...tables.map(table =>
      line(
        nameOf(table),
        formatCount(table.live_rows),
        formatCount(table.rows_changed_since_analyze),
        formatCount(table.dead_rows),
        table.analyze_age_ms === null ? 'never' : formatAge(table.analyze_age_ms),
      ),
    ),
  ];
}

/** `schema.name` of each. Throws AbortError (exit 2) for an unknown or ambiguous name. */
function readTables(text: string, catalog: Catalog | undefined): string[] {
  const names = readList(text);
  if (names.length === 0) return [];
  if (catalog === undefined) throw usageError('the tables of the database could not be read');
  return [...new Set(names.map(name => resolveName('tables', name, catalog.tables)))];
}

function readTimes(text: string): number | null {
  return readNumber('threshold_times', text, {least: 0, most: 1000});
}
