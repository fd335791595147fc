import type {IndexAdvice, IndexProposal} from '../../model/index-advice.ts';
import type {Parameter} from '../../model/recipe.ts';
import type {RecipeData} from '../../model/recipe-data.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import type {Step} from '../../model/step.ts';
import {usageError} from '../errors.ts';
import {readDuration} from '../recipe/parameters.ts';
import {describeBackend} from '../sessions/protection.ts';
import {counted, formatAge, formatBytes, formatCount} from '../text/format.ts';
import {shapeOf} from './index-catalog.ts';
import type {IndexWork} from './plan-indexes.ts';

type Preview = {
  work: IndexWork;
  /** All steps of the plan, including files. */
  steps: readonly Step[];
  snapshot: Snapshot;
  lock_timeout_ms: number;
  advice: RecipeData['index_advice'];
  holders: RecipeData['table_holders'];
};

/**
 * One line for the whole, what it waits for, and a line for each index, so that a terminal's first page shows what
 * will happen; then what applies to all, and the reasons for each.
 */
export function explainIndexes({work, steps, advice, ...seen}: Preview): string[] {
  const {built} = work;
  const plannerNote = advice?.planner === 'none' ? [plannerLine(seen.snapshot, advice)] : [];
  if (steps.length === 0) return [nothingLine(work, advice), ...plannerNote];
  if (built.length === 0) return [headline(work, steps)];
  return [
    headline(work, steps),
    ...preflightLines({...seen, tables: built, kind: 'build'}),
    ...built.map(indexLine),
    ...plannerNote,
    'Each is built concurrently: reads and writes go on; ALTER TABLE and VACUUM of its table wait.',
    sizeLine(built.reduce((sum, {estimated_size_bytes}) => sum + estimated_size_bytes, 0)),
    'Each index adds to the cost of writes. A failed build is dropped; undo drops what was built.',
    ...built.flatMap(reasonLines),
  ];
}

function headline({steps: indexSteps, built, emitted}: IndexWork, steps: readonly Step[]): string {
  const statements = indexSteps.filter(({kind}) => kind === 'sql').length;
  const drops = statements - emitted.length;
  const adopted = emitted.length - built.length;
  const manual = steps.filter(({kind}) => kind === 'advice').length;
  const files = steps.filter(({kind}) => kind === 'file').length;
  const dropped = drops === 0 ? '' : ` (and ${counted(drops, 'invalid index', 'invalid indexes')} to drop)`;
  const inOrder = statements > 1 ? ', one after the other' : '';
  const parts = [
    ...(built.length === 0
      ? []
      : [`${counted(built.length, 'index', 'indexes')} to build${dropped}${inOrder}`]),
    ...(adopted === 0 ? [] : [`${counted(adopted, 'build', 'builds')} of other sessions to wait for`]),
    ...(files === 0 ? [] : [`${counted(files, 'file', 'files')} to change`]),
    ...(manual === 0 ? [] : [`${counted(manual, 'manual step', 'manual steps')}`]),
  ];
  return `${parts.join('; ')}.`;
}

function nothingLine({skipped}: IndexWork, advice: RecipeData['index_advice']): string {
  const suggested = advice?.proposals.length ?? 0;
  if (suggested > 0 && skipped.length === 0)
    return suggested === 1
      ? 'Nothing to build: the suggested index does not match these parameters.'
      : `Nothing to build: none of the ${suggested} suggested indexes matches these parameters.`;
  return 'No missing index would pay for itself. Nothing to build.';
}

/** What is skipped where the server has HypoPG's package but this database not its extension. */
export const hypotheticalPlans = 'plans with hypothetical indexes (HypoPG)';

function plannerLine({target: {server_version_num}}: Snapshot, {skipped}: IndexAdvice): string {
  const major = Math.floor(server_version_num / 10_000);
  const isAvailable = skipped.some(({what}) => what === hypotheticalPlans);
  const remedy = isAvailable
    ? 'The server has its package: CREATE EXTENSION hypopg in this database.'
    : `To use it, install its package on the server (postgresql-${major}-hypopg or hypopg_${major}), then CREATE EXTENSION hypopg in this database.`;
  return `Costs are estimated from statistics, not by the planner, because HypoPG is not installed. ${remedy}`;
}

function indexLine({name, schema, table, confidence, serves, source}: IndexProposal): string {
  const served =
    serves.length === 0 ? origins[source] : `serves ${counted(serves.length, 'statement', 'statements')}`;
  return `${name} on ${schema}.${table}: ${confidence}, ${served}`;
}

const origins: Record<IndexProposal['source'], string> = {
  statements: 'no statement uses it',
  foreign_key: 'for a foreign key',
  file: 'only for the file',
};

function reasonLines({name, definition, estimated_size_bytes, reasons, serves}: IndexProposal): string[] {
  const costs = serves.flatMap(({cost_before, cost_after}) =>
    cost_before === null || cost_after === null ? [] : [{cost_before, cost_after}],
  );
  const before = costs.reduce((sum, {cost_before}) => sum + cost_before, 0);
  const after = costs.reduce((sum, {cost_after}) => sum + cost_after, 0);
  const saved = costs.length === 0 ? '' : `, cost ${formatCount(before)} -> ${formatCount(after)}`;
  return [
    `${name}: ${shapeOf(definition)}, about ${formatBytes(estimated_size_bytes)}${saved}`,
    ...reasons.map(reason => `  ${reason}`),
  ];
}

/** Parameter of the three index recipes, read by `readLockTimeout`. */
export const lockTimeoutParameter: Parameter = {
  name: 'lock_timeout',
  description: 'Maximum time to wait for each open transaction',
  kind: 'duration',
  default: '5min',
};

/** Milliseconds. Throws AbortError (exit 2) for an invalid duration, and for 0, which means "no limit" to PostgreSQL. */
export function readLockTimeout(text: string): number {
  const ms = readDuration('lock_timeout', text);
  if (ms < 1) throw usageError(`lock_timeout=${text} would wait forever`, 'write it as 30s, 5min or 1h');
  return ms;
}

/** Index work and who is in its way. */
export type Waiting = {
  snapshot: Snapshot;
  /** Undefined is unknown. */
  holders: RecipeData['table_holders'];
  tables: readonly {table_oid: string; schema: string; table: string}[];
  lock_timeout_ms: number;
  kind: 'build' | 'drop';
};

/**
 * Lines to show before index work: the transactions it waits for, and a missing connection slot. Ages are
 * here and not in a step, so that planning again gives the same steps.
 */
export function preflightLines(waiting: Waiting): string[] {
  const {target, budget} = waiting.snapshot;
  return [
    waitLine(waiting),
    ...(budget.headroom < 1 && !target.privileges.reserved_slots
      ? ['No connection slot is free, and this needs one: free some first (kill-idle-sessions).']
      : []),
  ];
}

/** Modes that a SHARE lock does not conflict with: a build does not wait for these (WaitForLockers in DefineIndex). */
const readModes = new Set(['AccessShareLock', 'RowShareLock']);

function waitLine({snapshot, holders, tables, lock_timeout_ms, kind}: Waiting): string {
  if (holders === undefined) return 'What it would wait for is unknown.';
  const names = new Map(tables.map(({table_oid, schema, table}) => [table_oid, `${schema}.${table}`]));
  const ages = new Map(snapshot.backends.map(backend => [backend.pid, backend]));
  const inTheWay = holders.flatMap(({pid, has_snapshot, locks}) => {
    // A drop waits for readers too; a build for all older snapshots of this database.
    const held = locks.filter(
      ({table_oid, mode}) => names.has(table_oid) && (kind === 'drop' || !readModes.has(mode)),
    );
    const [first] = held;
    if (first === undefined && !(kind === 'build' && has_snapshot)) return [];
    const what =
      first === undefined ? 'holds a snapshot' : `holds ${first.mode} on ${names.get(first.table_oid)}`;
    return [{backend: pid === null ? undefined : ages.get(pid), pid, what}];
  });
  const {read_all_stats, is_superuser} = snapshot.target.privileges;
  if (inTheWay.length === 0) {
    if (kind === 'build' && !read_all_stats && !is_superuser)
      return "No session writes to its table now. Whether others' transactions hold a snapshot, which it waits for, is hidden from this role.";
    return kind === 'build'
      ? 'It waits for no session now: none writes to its table or holds a snapshot.'
      : 'It waits for no session now: none uses its table.';
  }
  const oldestFirst = inTheWay.toSorted(
    (a, b) => (b.backend?.xact_age_ms ?? 0) - (a.backend?.xact_age_ms ?? 0) || (a.pid ?? 0) - (b.pid ?? 0),
  );
  const named = oldestFirst.slice(0, 3).map(({backend, pid, what}) => {
    if (pid === null) return `a prepared transaction (${what})`;
    if (backend === undefined) return `${pid} (${what})`;
    return `${pid} (${describeBackend(backend)}, ${formatAge(backend.xact_age_ms)}, ${what})`;
  });
  const more = inTheWay.length > 3 ? ` and ${inTheWay.length - 3} more` : '';
  return `It waits for open transactions, at most ${formatAge(lock_timeout_ms)} for each: ${named.join(', ')}${more}. End them first, or wait.`;
}

/** The disk space that a build needs. */
function sizeLine(bytes: number): string {
  return `It needs about ${formatBytes(bytes)} on disk, and as much again while sorting. poolctl cannot see how much is free.`;
}
