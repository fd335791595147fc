import type {Candidate, Planned, Planner, WorkloadStatement} from '../../core/indexes/candidates.ts';
import {estimateStatement} from '../../core/indexes/estimate.ts';
import type {ExistingIndex} from '../../core/indexes/existing-index.ts';
import {definitionOf, type IndexSpec} from '../../core/indexes/index-spec.ts';
import type {Columns} from '../../core/indexes/statement-shape.ts';
import {estimateSize} from '../../core/indexes/statistics.ts';
import {shownStatement} from '../../core/sql/shown-sql.ts';
import type {SkippedIndex} from '../../model/index-advice.ts';
import type {Connection} from '../connect/connect.ts';
import {RefusedStatement} from '../reach/gate.ts';
import type {SqlParser} from '../reach/parse-sql.ts';
import {type HypotheticalPlan, type PlanSummary, planHypothetically} from './hypothetical.ts';

type Options = {
  parser: SqlParser;
  hypopg_schema: string | null;
  search_path: readonly string[];
  columns: Columns;
  existing: readonly ExistingIndex[];
  /** Statements that cannot be planned are added here. */
  skipped: SkippedIndex[];
};

/** Costs statements with indexes that do not exist: by the server's planner with HypoPG, by estimates without. */
export function createIndexPlanner(connection: Connection, options: Options): Planner {
  const ask = createAsk(connection, options);
  const estimating = {
    existing: byTable(options.existing),
    columns: options.columns,
    can_skip: connection.server_version_num >= 180_000,
  };
  const estimate = (statement: WorkloadStatement, candidates: readonly Candidate[]) =>
    estimateStatement(statement.shape, candidates, estimating);
  const sizes = new Map<string, number>();

  /** HypoPG does not support GIN: its effect is estimated as a share of the planner's cost. */
  async function askPlanner(
    statement: WorkloadStatement,
    candidates: readonly Candidate[],
  ): Promise<Planned | null> {
    const asked = candidates.filter(({spec}) => spec.method === 'btree');
    const estimated = candidates.filter(({spec}) => spec.method !== 'btree');
    const answer = await ask(statement, asked);
    if (answer === 'refused') return {...estimate(statement, candidates), is_estimated: true};
    if (answer === null) return null;
    const {plan, hypothetical} = answer;
    for (const [index, {size_bytes}] of hypothetical.entries()) sizes.set(asked[index]?.id ?? '', size_bytes);
    const used = asked.filter((_, index) => plan.indexes.includes(hypothetical[index]?.name ?? ''));
    const more = estimate(statement, estimated);
    const share = more.used.size === 0 ? 1 : more.cost / estimate(statement, []).cost;
    return {cost: plan.cost * share, used: new Set([...used.map(({id}) => id), ...more.used])};
  }

  /** The current plan says which tables are scanned, filtered or sorted: only there can an index help. */
  async function estimateForPlan(
    statement: WorkloadStatement,
    candidates: readonly Candidate[],
  ): Promise<Planned | null> {
    const answer = await ask(statement, []);
    const canHelp = ({table}: Candidate) =>
      answer === null || answer === 'refused' || scansOrSorts(answer.plan, table);
    return estimate(statement, candidates.filter(canHelp));
  }

  return {
    costSource: options.hypopg_schema === null ? 'none' : 'hypopg',
    plan: options.hypopg_schema === null ? estimateForPlan : askPlanner,
    sizeOf: candidate =>
      sizes.get(candidate.id) ?? estimateSize(candidate.table, candidate.spec, options.columns),
  };
}

function scansOrSorts({scanned, sorts}: PlanSummary, {schema, name}: Candidate['table']): boolean {
  return sorts || scanned.some(each => each.schema === schema && each.table === name);
}

function byTable(existing: readonly ExistingIndex[]): Map<string, IndexSpec[]> {
  const tables = new Map<string, IndexSpec[]>();
  for (const {table_oid, spec, is_valid} of existing) {
    if (is_valid) tables.set(table_oid, [...(tables.get(table_oid) ?? []), spec]);
  }
  return tables;
}

type Ask = (
  statement: WorkloadStatement,
  candidates: readonly Candidate[],
) => Promise<HypotheticalPlan | 'refused' | null>;

/**
 * Asks the server for a plan: null if it cannot plan the statement, `refused` if poolctl's gate rejects it. Either is
 * added to `skipped` once. The current plan of a statement is requested once.
 */
function createAsk(
  {rawClient, is_pooled}: Connection,
  {parser, hypopg_schema, search_path, skipped}: Options,
): Ask {
  const currentPlans = new Map<WorkloadStatement, ReturnType<Ask>>();
  const reported = new Set<WorkloadStatement>();
  const askServer: Ask = async (statement, candidates) => {
    try {
      return await planHypothetically(rawClient, parser, {
        query: statement.query,
        definitions: candidates.map(({table, spec}) => definitionOf(table, spec, null)),
        hypopg_schema,
        search_path,
        is_own_session: !is_pooled,
      });
    } catch (error) {
      const isRefused = error instanceof RefusedStatement;
      // 08 is the connection's end, 57P the server's. Anything else concerns this statement.
      if (!isRefused && /^(08|57P)/.test((error as {code?: string}).code ?? '08')) throw error;
      const [message = ''] = String((error as Error).message).split('\n');
      const reason = isRefused ? message : `the server cannot plan it: ${message}`;
      if (!reported.has(statement)) skipped.push({what: shownStatement(statement.query), reason});
      reported.add(statement);
      return isRefused ? 'refused' : null;
    }
  };
  return (statement, candidates) => {
    if (candidates.length > 0) return askServer(statement, candidates);
    const known = currentPlans.get(statement) ?? askServer(statement, []);
    currentPlans.set(statement, known);
    return known;
  };
}
