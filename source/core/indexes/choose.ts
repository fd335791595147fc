import type {Candidate, Planned, Planner, WorkloadStatement} from './candidates.ts';
import {covers} from './existing-index.ts';

/** A statement and the indexes that might help it. */
export type Work = {statement: WorkloadStatement; candidates: readonly Candidate[]};

/** What an index does for a statement whose plan reads it; the costs are of the whole choice. */
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
  /** Statements that nobody can plan. */
  unplanned: WorkloadStatement[];
  /** What would help, but less than keeping it costs, and what it would have saved. */
  too_costly: {candidate: Candidate; saved_ms: number; writes: number}[];
};

/** An index pays where it takes off so much of a statement's cost. */
const leastSaving = 0.1;
/** A simpler index is taken where it costs at most so much more. */
const simplerTolerance = 1.05;
/** What a write pays for one more index: the insertion into a btree in memory, and its WAL. */
const writeCost_ms = 0.01;

/**
 * The fewest indexes that serve the statements best: for each statement those its plan reads among all that might
 * help, narrower where that is as good; then, over all statements, none whose work another one does.
 */
export async function chooseIndexes(works: readonly Work[], planner: Planner): Promise<Choice> {
  const asking = startAsking(planner);
  const planned: (Work & {before: number})[] = [];
  const unplanned: WorkloadStatement[] = [];
  const wanted = new Map<string, Candidate>();
  for (const work of works) {
    const before = await asking.plan(work.statement, []);
    if (before === null) {
      unplanned.push(work.statement);
      continue;
    }
    planned.push({...work, before: before.cost});
    for (const each of await bestFor(work, before.cost, asking)) wanted.set(each.id, each);
  }
  const chosen = await withoutSpare([...wanted.values()], planned, asking);
  return {...(await settle(chosen, planned, asking)), unplanned};
}

type Asking = Pick<Planner, 'plan'>;

/** A planner who is asked the same question many times over. */
export function startAsking(planner: Planner): Asking {
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

async function bestFor({statement, candidates}: Work, before: number, asking: Asking): Promise<Candidate[]> {
  const all = candidates.length === 0 ? null : await asking.plan(statement, candidates);
  if (all === null || before - all.cost < before * leastSaving) return [];
  let best = candidates.filter(({id}) => all.used.has(id));
  const isAsGood = async (set: Candidate[]) => {
    const planned = await asking.plan(statement, set);
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

/** Indexes over fewer of its columns, the narrowest first. */
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

/** Leaves out, one after the other, what another one's keys begin with, and what no statement would miss. */
async function withoutSpare(
  candidates: readonly Candidate[],
  works: readonly (Work & {before: number})[],
  asking: Asking,
): Promise<Candidate[]> {
  let kept = [...candidates];
  for (const candidate of [...candidates].sort((a, b) => a.spec.keys.length - b.spec.keys.length)) {
    const others = kept.filter(each => each !== candidate);
    if (isCovered(candidate, others) || !(await isMissed(candidate, kept, works, asking))) kept = others;
  }
  return kept;
}

function isCovered(candidate: Candidate, others: readonly Candidate[]): boolean {
  return others.some(
    other =>
      other.table.oid === candidate.table.oid && covers(other.spec, candidate.spec, candidate.equal_count),
  );
}

async function isMissed(
  candidate: Candidate,
  kept: readonly Candidate[],
  works: readonly (Work & {before: number})[],
  asking: Asking,
): Promise<boolean> {
  const others = kept.filter(each => each !== candidate);
  for (const {statement, before} of works) {
    const [held, lost] = [await asking.plan(statement, kept), await asking.plan(statement, others)];
    if (held === null || lost === null || !held.used.has(candidate.id)) continue;
    if (lost.cost - held.cost > before * leastSaving) return true;
    // Of a statement already made a thousand times cheaper, a tenth of what it was is everything.
    if (before - lost.cost < before * leastSaving && lost.cost > held.cost * 2) return true;
  }
  return false;
}

/** The statements whose plan would read each of these indexes, and gain by it; by candidate id. */
export async function benefitsOf(
  candidates: readonly Candidate[],
  statements: readonly WorkloadStatement[],
  asking: Asking,
): Promise<Map<string, Benefit[]>> {
  const benefits = new Map<string, Benefit[]>();
  for (const statement of statements) {
    const [before, after] = [await asking.plan(statement, []), await asking.plan(statement, candidates)];
    if (before === null || after === null || before.cost - after.cost < before.cost * leastSaving) continue;
    for (const id of after.used) {
      const is_estimated = after.is_estimated ?? false;
      const benefit = {statement, cost_before: before.cost, cost_after: after.cost, is_estimated};
      benefits.set(id, [...(benefits.get(id) ?? []), benefit]);
    }
  }
  return benefits;
}

async function settle(
  candidates: readonly Candidate[],
  works: readonly (Work & {before: number})[],
  asking: Asking,
): Promise<Omit<Choice, 'unplanned'>> {
  const benefits = await benefitsOf(
    candidates,
    works.map(({statement}) => statement),
    asking,
  );
  const weighed = candidates.map(candidate => weigh(candidate, benefits.get(candidate.id) ?? []));
  const chosen = weighed.filter(({is_worth}) => is_worth).map(({candidate}) => candidate);
  const too_costly = weighed.filter(({is_worth, saved_ms}) => !is_worth && saved_ms > 0);
  if (chosen.length === candidates.length) return {chosen, benefits, too_costly: []};
  const rest = await settle(chosen, works, asking);
  return {...rest, too_costly: [...too_costly, ...rest.too_costly]};
}

/**
 * What an index saves of the time its statements took, against what it adds to every write of the same time. The
 * rows that are there had to be written once, perhaps all at once: only what was written beyond them counts.
 */
function weigh(candidate: Candidate, benefits: readonly Benefit[]) {
  const {rows_inserted, rows_updated, rows_deleted, live_rows} = candidate.table;
  const writes = Math.max(0, rows_inserted - live_rows) + rows_updated + rows_deleted;
  const saved_ms = benefits.reduce(
    (sum, {statement, cost_before, cost_after}) =>
      sum + statement.total_exec_time_ms * Math.max(0, 1 - cost_after / Math.max(cost_before, 1e-9)),
    0,
  );
  // What a foreign key costs shows when its parent's rows go, in the time of that statement.
  const isForForeignKey = benefits.some(({statement}) => statement.source === 'foreign_key');
  const is_worth = benefits.length > 0 && (isForForeignKey || saved_ms >= writes * writeCost_ms);
  return {candidate, saved_ms, writes, is_worth};
}
