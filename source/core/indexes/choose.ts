import type {Planned, Planner, WorkloadStatement} from './candidates.ts';
import type {Candidate} from './index-spec.ts';
import {covers} from './index-spec.ts';
import type {UpkeepOf} from './upkeep.ts';

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
  /** Indexes that would save less than their maintenance costs. */
  too_costly: {candidate: Candidate; saved_ms: number}[];
};

/** Minimum share of a statement's cost that an index must save, beside the others that are chosen. */
const minSaving = 0.1;
/** A narrower index is preferred up to this factor of the best cost. */
const simplerTolerance = 1.05;
/** One index is preferred to two of the same table up to this factor. */
const oneTolerance = 1.25;
/** Bounds the search where two sets alternate; otherwise it ends by itself. */
const mostRounds = 8;

type Context = {plans: PlanCache; upkeepOf: UpkeepOf};
type PlannedWork = Work & {before: number};

/**
 * The fewest indexes that serve the statements best: for each statement, those its plan reads among all that might
 * help, narrower ones if they are as good; then none that the others replace. Repeated with what is chosen as given,
 * until nothing changes: with these indexes built, the same question has no further answer.
 */
export async function chooseIndexes(
  works: readonly Work[],
  planner: Planner,
  upkeepOf: UpkeepOf,
): Promise<Choice> {
  const context = {plans: cachePlans(planner), upkeepOf};
  const planned: PlannedWork[] = [];
  for (const work of works) {
    const before = await context.plans.plan(work.statement, []);
    if (before !== null) planned.push({...work, before: before.cost});
  }
  const too_costly = new Map<string, Choice['too_costly'][number]>();
  const seen = new Set<string>();
  let chosen: Candidate[] = [];
  for (let round = 0; round < mostRounds; round++) {
    const wanted = new Map(chosen.map(each => [each.id, each]));
    for (const work of planned)
      for (const each of await chooseFor(work, chosen, context)) wanted.set(each.id, each);
    const kept = await withoutRedundant([...wanted.values()], planned, context);
    for (const each of kept.too_costly) too_costly.set(each.candidate.id, each);
    chosen = kept.remaining;
    const id = JSON.stringify(chosen.map(each => each.id).sort());
    if (seen.has(id)) break;
    seen.add(id);
  }
  const statements = planned.map(({statement}) => statement);
  return {
    chosen,
    benefits: await benefitsOf(chosen, statements, context.plans),
    too_costly: [...too_costly.values()].filter(({candidate}) => !chosen.some(({id}) => id === candidate.id)),
  };
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

/** What one statement needs beside the indexes chosen so far. */
async function chooseFor(
  {statement, candidates, before}: PlannedWork,
  chosen: readonly Candidate[],
  {plans, upkeepOf}: Context,
): Promise<Candidate[]> {
  const open = candidates.filter(each => !isCovered(each, chosen));
  if (open.length === 0) return [];
  const now = await plans.plan(statement, chosen);
  const all = await plans.plan(statement, [...chosen, ...open]);
  if (now === null || all === null || now.cost - all.cost < now.cost * minSaving) return [];
  let best = open.filter(({id}) => all.used.has(id));
  // A narrower index may cost the statement what it spares the writes.
  const costPerMs = statement.total_exec_time_ms > 0 ? before / statement.total_exec_time_ms : 0;
  const upkeep = (set: readonly Candidate[]) => set.reduce((sum, each) => sum + upkeepOf(each).ms, 0);
  const isAsGood = async (set: Candidate[], tolerance = simplerTolerance) => {
    const planned = await plans.plan(statement, [...chosen, ...set]);
    const spared = set.length < best.length ? 0 : (upkeep(best) - upkeep(set)) * costPerMs;
    return planned !== null && planned.cost <= all.cost * tolerance + Math.max(0, spared);
  };
  // Plans with average and with the most common values may read different ones.
  for (const {table} of best) {
    const others = best.filter(each => each.table.oid !== table.oid);
    if (best.length - others.length < 2) continue;
    for (const one of open.filter(each => each.table.oid === table.oid)) {
      if (!(await isAsGood([...others, one], oneTolerance))) continue;
      best = [...others, one];
      break;
    }
  }
  for (const candidate of best) {
    const others = best.filter(each => each !== candidate);
    const simpler = [[], ...narrower(candidate, open).map(each => [each])];
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

/** Drops, one after the other, indexes that another one covers, that no statement needs, or that cost more than they save. */
async function withoutRedundant(
  candidates: readonly Candidate[],
  works: readonly PlannedWork[],
  context: Context,
): Promise<{remaining: Candidate[]; too_costly: Choice['too_costly']}> {
  // Sorted, so that the order of the statements does not matter.
  let remaining = candidates.toSorted(
    (a, b) => a.spec.keys.length - b.spec.keys.length || (a.id < b.id ? -1 : 1),
  );
  const too_costly: Choice['too_costly'] = [];
  for (const candidate of [...remaining]) {
    const others = remaining.filter(each => each !== candidate);
    const {is_needed, saved_ms} = await weigh(candidate, remaining, works, context);
    if (is_needed && !isCovered(candidate, others)) continue;
    if (saved_ms > 0 && !isCovered(candidate, others)) too_costly.push({candidate, saved_ms});
    remaining = others;
  }
  return {remaining, too_costly};
}

function isCovered(candidate: Candidate, others: readonly Candidate[]): boolean {
  return others.some(
    other =>
      other.table.oid === candidate.table.oid && covers(other.spec, candidate.spec, candidate.equal_count),
  );
}

/**
 * What an index saves beside its siblings: execution time of the statements, against its maintenance by the writes of the
 * same period. `saved_ms` is 0 if no statement gets noticeably cheaper.
 */
async function weigh(
  candidate: Candidate,
  remaining: readonly Candidate[],
  works: readonly PlannedWork[],
  {plans, upkeepOf}: Context,
): Promise<{is_needed: boolean; saved_ms: number}> {
  const others = remaining.filter(each => each !== candidate);
  let saved_ms = 0;
  let isForForeignKey = false;
  for (const {statement, before} of works) {
    const [withIt, without] = [await plans.plan(statement, remaining), await plans.plan(statement, others)];
    if (withIt === null || without === null || !withIt.used.has(candidate.id)) continue;
    const saved = without.cost - withIt.cost;
    if (saved <= without.cost * minSaving) continue;
    // A missing foreign key index shows in the DELETE on the parent, not in these statements.
    if (statement.source === 'foreign_key') isForForeignKey = true;
    saved_ms += statement.total_exec_time_ms * Math.min(1, saved / Math.max(before, 1e-9));
  }
  const is_needed = isForForeignKey || (saved_ms > 0 && saved_ms >= upkeepOf(candidate).ms);
  return {is_needed, saved_ms};
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
