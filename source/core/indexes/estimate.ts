import {type Access, type Available, cheapestAccess, type Known} from './access.ts';
import type {Candidate, Planned} from './candidates.ts';
import type {IndexSpec} from './index-spec.ts';
import type {Columns, Condition, StatementShape, TableUse} from './statement-shape.ts';
import {productOf, rowsOf} from './statistics.ts';

/** The indexes a table has, by its oid. */
export type Existing = ReadonlyMap<string, readonly IndexSpec[]>;

/**
 * Estimates a statement's cost with these indexes from pg_stats alone: tables are
 * joined one after the other, fewest rows first, each scanned once or looked up for each row so far.
 */
export function estimateStatement(
  {uses}: StatementShape,
  candidates: readonly Candidate[],
  known: Known & {existing: Existing},
): Planned {
  const availableTo = ({table}: TableUse): Available[] => [
    ...(known.existing.get(table.oid) ?? []).map(spec => ({spec, candidate: null})),
    ...candidates
      .filter(each => each.table.oid === table.oid)
      .map(candidate => ({spec: candidate.spec, candidate})),
  ];
  const used = new Set<string>();
  const joined = new Set<TableUse>();
  let cost = 0;
  let rows = 1;
  while (joined.size < uses.length) {
    const steps = uses
      .filter(use => !joined.has(use))
      .map(use => nextStep(use, joined, rows, availableTo(use), known));
    const connected = steps.filter(({is_connected}) => is_connected);
    const [next] = (connected.length > 0 ? connected : steps).sort((a, b) => a.rows - b.rows);
    if (next === undefined) break;
    if (next.access.candidate !== null) used.add(next.access.candidate.id);
    cost += next.cost;
    rows = next.rows;
    joined.add(next.use);
  }
  return {cost, used};
}

type Step = {use: TableUse; access: Access; cost: number; rows: number; is_connected: boolean};

function nextStep(
  use: TableUse,
  joined: ReadonlySet<TableUse>,
  rows: number,
  available: readonly Available[],
  known: Known,
): Step {
  const own = use.conditions.filter(({kind}) => kind !== 'join');
  const alone = cheapestAccess(use, own, available, known);
  const joins = use.conditions.filter((each): each is Condition & {kind: 'join'} => each.kind === 'join');
  const reached = joins.filter(({other}) => joined.has(other));
  if (reached.length === 0) {
    return {use, access: alone, cost: alone.cost, rows: alone.rows, is_connected: joined.size === 0};
  }
  // Rows of a nested loop come in the order of the outer table.
  const loops = Math.min(...reached.map(({other}) => ownRows(other, known.columns)));
  const probe = cheapestAccess({...use, order: []}, [...own, ...reached], available, known, loops);
  const looked = rows * probe.cost;
  const found = Math.max(1, rows * probe.rows);
  return looked < alone.cost
    ? {use, access: probe, cost: looked, rows: found, is_connected: true}
    : {use, access: alone, cost: alone.cost, rows: found, is_connected: true};
}

/** The planner counts lookups by the rows of the outer table alone. */
function ownRows({table, conditions}: TableUse, columns: Columns): number {
  const own = conditions.filter(({kind}) => kind !== 'join');
  return Math.max(1, rowsOf(table) * productOf(own, table, columns));
}
