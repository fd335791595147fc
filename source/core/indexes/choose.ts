import type {Planned, Planner, WorkloadStatement} from './candidates.ts';
import type {Candidate} from './index-spec.ts';
import {covers} from './index-spec.ts';

/** A statement and the indexes that might help it. */
export type Work = {statement: WorkloadStatement; candidates: readonly Candidate[]};

/** What an index does for a statement whose plan reads it; the costs are with the whole choice of indexes. */
export type Benefit = {
  statement: WorkloadStatement;
  cost_before: number;
  cost_after: number;
  is_estimated: boolean;
};

export type Choice = {
  chosen: Candidate[];
  /** By candidate id. */
  benefits: ReadonlyMap<string, readonly Benefit[]>;
  /** Statements that could not be planned. */
  unplanned: WorkloadStatement[];
  /** Indexes that would save less than their maintenance costs. */
  too_costly: {candidate: Candidate; saved_ms: number; writes: number}[];
};

/** Minimum share of a statement's cost that an index must save. */
const minSaving = 0.1;
/** A narrower index is preferred up to this factor of the best cost. */
const simplerTolerance = 1.05;
/** Assumed cost of one more index per write: a btree insertion in memory, and its WAL. */
const writeCost_ms = 0.01;

/**
 * The fewest indexes that serve the statements best: for each statement, those its plan reads among all that might
 * help, narrower ones if they are as good; then, over all statements, none that another one replaces.
 */
export async function chooseIndexes(works: readonly Work[], planner: Planner): Promise<Choice> {
  const plans = cachePlans(planner);
  const planned: (Work & {before: number})[] = [];
  const unplanned: WorkloadStatement[] = [];
  const wanted = new Map<string, Candidate>();
  for (const work of works) {
    const before = await plans.plan(work.statement, []);
    if (before === null) {
      unplanned.push(work.statement);
      continue;
    }
    planned.push({...work, before: before.cost});
    for (const each of await chooseFor(work, before.cost, plans)) wanted.set(each.id, each);
  }
  const chosen = await withoutRedundant([...wanted.values()], planned, plans);
  return {...(await dropUnprofitable(chosen, planned, plans)), unplanned};
}

type PlanCache = Pick<Planner, 'plan'>;

/** Caches the planner's answers. */
export function cachePlans(planner: Planner): PlanCache {
  const answers = new Map<string, Promise<Planned | null>>();
  return {
    plan(statement, candidates) {
      const own = candidates.filter(({table}) =>
        statement.shape.uses.some(use => use.table.oid === table.oid),
      );
      const id = JSON.stringify([statement.source, statement.queryid, ...own.map(each => each.id).sort()]);
      const known = answers.get(id) ?? planner.plan(statement, own);
      answers.set(id, known);
      return known;
    },
  };
}

async function chooseFor(
  {statement, candidates}: Work,
  before: number,
  plans: PlanCache,
): Promise<Candidate[]> {
  const all = candidates.length === 0 ? null : await plans.plan(statement, candidates);
  if (all === null || before - all.cost < before * minSaving) return [];
  let best = candidates.filter(({id}) => all.used.has(id));
  const isAsGood = async (set: Candidate[]) => {
    const planned = await plans.plan(statement, set);
    return planned !== null && planned.cost <= all.cost * simplerTolerance;
  };
  for (const candidate of best) {
    const others = best.filter(each => each !== candidate);
    const simpler = [[], ...narrower(candidate, candidates).map(each => [each])];
    for (const instead of simpler) {
      const set = [...others, ...instead];
      if (!(await isAsGood(set))) continue;
      best = set;
      break;
    }
  }
  return best;
}

/** Candidates with a subset of its columns, the narrowest first. */
function narrower({table, spec}: Candidate, candidates: readonly Candidate[]): Candidate[] {
  const expressions = new Set(spec.keys.map(({expression}) => expression));
  return candidates
    .filter(
      other =>
        other.table.oid === table.oid &&
        other.spec.method === spec.method &&
        other.spec.predicate === spec.predicate &&
        other.spec.keys.length < spec.keys.length &&
        other.spec.keys.every(({expression}) => expressions.has(expression)),
    )
    .sort((a, b) => a.spec.keys.length - b.spec.keys.length);
}

/** Drops, one after the other, indexes that another one covers and indexes that no statement needs. */
async function withoutRedundant(
  candidates: readonly Candidate[],
  works: readonly (Work & {before: number})[],
  plans: PlanCache,
): Promise<Candidate[]> {
  let remaining = [...candidates];
  for (const candidate of [...candidates].sort((a, b) => a.spec.keys.length - b.spec.keys.length)) {
    const others = remaining.filter(each => each !== candidate);
    if (isCovered(candidate, others) || !(await isNeeded(candidate, remaining, works, plans)))
      remaining = others;
  }
  return remaining;
}

function isCovered(candidate: Candidate, others: readonly Candidate[]): boolean {
  return others.some(
    other =>
      other.table.oid === candidate.table.oid && covers(other.spec, candidate.spec, candidate.equal_count),
  );
}

async function isNeeded(
  candidate: Candidate,
  remaining: readonly Candidate[],
  works: readonly (Work & {before: number})[],
  plans: PlanCache,
): Promise<boolean> {
  const others = remaining.filter(each => each !== candidate);
  for (const {statement, before} of works) {
    const [withIt, without] = [await plans.plan(statement, remaining), await plans.plan(statement, others)];
    if (withIt === null || without === null || !withIt.used.has(candidate.id)) continue;
    if (without.cost - withIt.cost > before * minSaving) return true;
  }
  return false;
}

/** The statements that each index makes cheaper, by candidate id. */
export async function benefitsOf(
  candidates: readonly Candidate[],
  statements: readonly WorkloadStatement[],
  plans: PlanCache,
): Promise<Map<string, Benefit[]>> {
  const benefits = new Map<string, Benefit[]>();
  for (const statement of statements) {
    const [before, after] = [await plans.plan(statement, []), await plans.plan(statement, candidates)];
    if (before === null || after === null || before.cost - after.cost < before.cost * minSaving) continue;
    for (const id of after.used) {
      const is_estimated = after.is_estimated ?? false;
      const benefit = {statement, cost_before: before.cost, cost_after: after.cost, is_estimated};
      benefits.set(id, [...(benefits.get(id) ?? []), benefit]);
    }
  }
  return benefits;
}

async function dropUnprofitable(
  candidates: readonly Candidate[],
  works: readonly (Work & {before: number})[],
  plans: PlanCache,
): Promise<Omit<Choice, 'unplanned'>> {
  const benefits = await benefitsOf(
    candidates,
    works.map(({statement}) => statement),
    plans,
  );
  const weighed = candidates.map(candidate => weigh(candidate, benefits.get(candidate.id) ?? []));
  const chosen = weighed.filter(({is_worth}) => is_worth).map(({candidate}) => candidate);
  const too_costly = weighed.filter(({is_worth, saved_ms}) => !is_worth && saved_ms > 0);
  if (chosen.length === candidates.length) return {chosen, benefits, too_costly: []};
  const rest = await dropUnprofitable(chosen, works, plans);
  return {...rest, too_costly: [...too_costly, ...rest.too_costly]};
}

/**
 * The execution time an index saves, against its maintenance by the writes of the same period. The
 * first write of existing rows is not counted, because they may come from one bulk load.
 */
function weigh(candidate: Candidate, benefits: readonly Benefit[]) {
  const {rows_inserted, rows_updated, rows_deleted, live_rows} = candidate.table;
  const writes = Math.max(0, rows_inserted - live_rows) + rows_updated + rows_deleted;
  const saved_ms = benefits.reduce(
    (sum, {statement, cost_before, cost_after}) =>
      sum + statement.total_exec_time_ms * Math.max(0, 1 - cost_after / Math.max(cost_before, 1e-9)),
    0,
  );
  // A missing foreign key index shows in the DELETE on the parent, not in these statements.
  const isForForeignKey = benefits.some(({statement}) => statement.source === 'foreign_key');
  const is_worth = benefits.length > 0 && (isForForeignKey || saved_ms >= writes * writeCost_ms);
  return {candidate, saved_ms, writes, is_worth};
}
