import type {Planned, Planner, WorkloadStatement} from '../../core/indexes/candidates.ts';
import {blend, estimateStatement} from '../../core/indexes/estimate.ts';
import {type ColumnValues, literalsFor, stopsAfter, withCommonValues} from '../../core/indexes/evidence.ts';
import type {ExistingIndex} from '../../core/indexes/index-spec.ts';
import {type Candidate, definitionOf, type IndexSpec} from '../../core/indexes/index-spec.ts';
import {unknownLimit} from '../../core/indexes/order.ts';
import type {Columns} from '../../core/indexes/statement-shape.ts';
import {estimateSize} from '../../core/indexes/statistics.ts';
import {withNulls} from '../../core/indexes/upkeep.ts';
import {quoteIdentifier} from '../../core/sql/quote.ts';
import {shownStatement} from '../../core/sql/shown-sql.ts';
import type {SkippedIndex} from '../../model/index-advice.ts';
import {type PgClient, withDeadline} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';
import {type HypotheticalSetup, planBehindGate} from '../reach/behind-gate.ts';
import {RefusedStatement} from '../reach/gate.ts';
import {type SqlParser, toPlannable} from '../reach/parse-sql.ts';

type Options = {
  parser: SqlParser;
  hypopg_schema: string | null;
  search_path: readonly string[];
  columns: Columns;
  /** By `table_oid.column`. */
  values: ReadonlyMap<string, ColumnValues>;
  existing: readonly ExistingIndex[];
  /** Statements that cannot be planned are added here. */
  skipped: SkippedIndex[];
};

/** Costs statements with indexes that do not exist: by the server's planner with HypoPG, by estimates without. */
export function createIndexPlanner(connection: Connection, options: Options): Planner {
  const requestPlan = createPlanRequester(connection, options);
  const estimating = {
    existing: byTable(options.existing),
    columns: options.columns,
    can_skip: connection.server_version_num >= 180_000,
  };
  const estimate = (statement: WorkloadStatement, candidates: readonly Candidate[]) =>
    estimateStatement(statement, candidates, estimating);
  const sizes = new Map<string, number>();

  /** Plans calls with average values, and with the most common ones if they are far more frequent. */
  async function planWithHypopg(
    statement: WorkloadStatement,
    candidates: readonly Candidate[],
  ): Promise<Planned | null> {
    const average = await planOnce(statement, candidates);
    const common =
      statement.source === 'statements' ? withCommonValues(statement.shape, options.columns) : null;
    if (average === null || average.is_estimated || common === null) return average;
    const frequent = await planOnce({...statement, shape: common.shape}, candidates, true);
    return frequent === null || frequent.is_estimated ? average : blend(average, frequent, common.weight);
  }

  /** HypoPG does not support GIN: its effect is estimated as a share of the planner's cost. */
  async function planOnce(
    statement: WorkloadStatement,
    candidates: readonly Candidate[],
    isVariant = false,
  ): Promise<Planned | null> {
    const asked = candidates.filter(({spec}) => spec.method === 'btree');
    const estimated = candidates.filter(({spec}) => spec.method !== 'btree');
    const answer = await requestPlan(statement, asked, isVariant);
    if (answer === 'refused') return {...estimate(statement, candidates), is_estimated: true};
    if (answer === null) return null;
    const {plan, hypothetical} = answer;
    for (const [index, {size_bytes}] of hypothetical.entries()) {
      const candidate = asked[index];
      if (candidate && withNulls(candidate.spec) === candidate.spec) sizes.set(candidate.id, size_bytes);
    }
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
    const answer = await requestPlan(statement, []);
    const canHelp = ({table}: Candidate) =>
      answer === null || answer === 'refused' || scansOrSorts(answer.plan, table);
    return estimate(statement, candidates.filter(canHelp));
  }

  return {
    costSource: options.hypopg_schema === null ? 'none' : 'hypopg',
    plan: options.hypopg_schema === null ? estimateForPlan : planWithHypopg,
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

/** `isVariant`: with other values, whose failure is not reported. */
type RequestPlan = (
  statement: WorkloadStatement,
  candidates: readonly Candidate[],
  isVariant?: boolean,
) => Promise<HypotheticalPlan | 'refused' | null>;

/**
 * Asks the server for a plan: null if it cannot plan the statement, `refused` if poolctl's gate rejects it. Either is
 * added to `skipped` once. The current plan of a statement is requested once.
 */
function createPlanRequester(
  {rawClient, is_pooled}: Connection,
  {parser, hypopg_schema, search_path, values, skipped}: Options,
): RequestPlan {
  const currentPlans = new Map<WorkloadStatement, ReturnType<RequestPlan>>();
  const reported = new Set<WorkloadStatement>();
  const valuesOf = (oid: string, column: string) => values.get(`${oid}.${column}`);
  const planOnServer: RequestPlan = async (statement, candidates, isVariant = false) => {
    try {
      return await planHypothetically(rawClient, parser, {
        query: statement.query,
        limit: limitOf(statement),
        literals: literalsFor(statement.shape, valuesOf),
        definitions: candidates.map(({table, spec}) => definitionOf(table, withNulls(spec), null)),
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
      if (!isVariant && !reported.has(statement)) {
        skipped.push({what: shownStatement(statement.query), reason});
        reported.add(statement);
      }
      return isRefused ? 'refused' : null;
    }
  };
  return (statement, candidates, isVariant) => {
    if (candidates.length > 0 || isVariant) return planOnServer(statement, candidates, isVariant);
    const known = currentPlans.get(statement) ?? planOnServer(statement, []);
    currentPlans.set(statement, known);
    return known;
  };
}

/** Rows after which the statement stops, for its LIMIT; null if it reads all. */
function limitOf(statement: WorkloadStatement): number | null {
  const {shape, rows, calls} = statement;
  const use = shape.uses.find(({limit}) => limit === 'result');
  if (use !== undefined) return stopsAfter(use, statement);
  return rows === null || calls === 0 ? unknownLimit : Math.max(1, Math.ceil(rows / calls));
}

/** The cost of a plan and what it scans, from EXPLAIN (FORMAT JSON). */
type PlanSummary = {
  cost: number;
  /** Names of the indexes it reads; HypoPG chooses those of its own. */
  indexes: string[];
  /** Tables it scans sequentially, or by an index and then filters. */
  scanned: {schema: string; table: string}[];
  sorts: boolean;
};

export type PlanRequest = {
  /** A text of pg_stat_statements. */
  query: string;
  /** See `toPlannable`. */
  limit?: number | null;
  literals?: ReadonlyMap<number, string>;
  /** CREATE INDEX statements for HypoPG; needs its schema. */
  definitions: readonly string[];
  /** Null if HypoPG is not installed in this database. */
  hypopg_schema: string | null;
  /** Schemas before `"$user", public`. */
  search_path: readonly string[];
  /** The session is not a pooler's, so prepared statements persist. */
  is_own_session?: boolean;
};

/** HypoPG's name for an index, and the size it would have. */
type Hypothetical = {name: string; size_bytes: number};

/** The plan, and an index for each definition, in their order. */
export type HypotheticalPlan = {plan: PlanSummary; hypothetical: Hypothetical[]};

/**
 * The generic plan the server would choose if it had these indexes. Nothing is created or executed: HypoPG keeps its
 * indexes in the session's memory, shows them to EXPLAIN only, and drops them at the end. `client` is a
 * `Connection.rawClient`. Throws RefusedStatement for a statement that reaches functions other than PostgreSQL's own
 * (see planBehindGate), the server's errors, and AbortError (exit 3) if it does not answer within `deadline_ms`.
 */
export function planHypothetically(
  client: PgClient,
  parser: SqlParser,
  request: PlanRequest,
  deadline_ms = 5000,
): Promise<HypotheticalPlan> {
  const {limit = unknownLimit, literals} = request;
  const attempt = (is_numeric_case: boolean) => {
    const options = {is_numeric_case, limit, ...(literals !== undefined && {literals})};
    return plan(client, parser, toPlannable(request.query, parser, options), request);
  };
  const planned = attempt(false).catch((error: {code?: string}) => {
    if (error.code !== '42883') throw error;
    return attempt(true);
  });
  return withDeadline(planned, deadline_ms);
}

async function plan(
  client: PgClient,
  parser: SqlParser,
  statement: string,
  {definitions, hypopg_schema, search_path, is_own_session = false}: PlanRequest,
): Promise<HypotheticalPlan> {
  const {rows, hypotheticalRows} = await planBehindGate<{'QUERY PLAN': JsonPlan[]}>(client, parser, {
    statement,
    search_path,
    is_own_session,
    settings: ['SET LOCAL max_parallel_workers_per_gather = 0'],
    hypothetical:
      hypopg_schema === null || definitions.length === 0
        ? undefined
        : hypotheticalSetup(`${quoteIdentifier(hypopg_schema)}.`, definitions),
    explain: execution => `EXPLAIN /* poolctl */ (FORMAT JSON, VERBOSE) ${execution}`,
  });
  const [root] = rows[0]?.['QUERY PLAN'] ?? [];
  if (root === undefined) throw new Error('EXPLAIN answered without a plan');
  return {plan: summarise(root), hypothetical: hypotheticalRows as Hypothetical[]};
}

/** WITH ORDINALITY keeps the names in the order of the definitions. */
function hypotheticalSetup(prefix: string, definitions: readonly string[]): HypotheticalSetup {
  const text = `SELECT /* poolctl */ h.indexname::text AS name, ${prefix}hypopg_relation_size(h.indexrelid) AS size_bytes
FROM pg_catalog.unnest($1::text[]) WITH ORDINALITY d (definition, position),
  LATERAL ${prefix}hypopg_create_index(d.definition) h
ORDER BY d.position`;
  return {
    query: {text, values: [definitions]},
    definitions,
    reset: `SELECT ${prefix}hypopg_reset()`,
  };
}

type JsonPlan = {Plan: PlanNode};
type PlanNode = {
  'Node Type': string;
  'Total Cost': number;
  'Index Name'?: string;
  Schema?: string;
  'Relation Name'?: string;
  Filter?: string;
  Plans?: PlanNode[];
};

function summarise({Plan: root}: JsonPlan): PlanSummary {
  const nodes = [...everyNode(root)];
  return {
    cost: root['Total Cost'],
    indexes: nodes.flatMap(node => node['Index Name'] ?? []),
    scanned: nodes
      .filter(node => node['Node Type'] === 'Seq Scan' || node.Filter !== undefined)
      .flatMap(({Schema: schema, 'Relation Name': table}) =>
        schema === undefined || table === undefined ? [] : [{schema, table}],
      ),
    sorts: nodes.some(node => node['Node Type'].endsWith('Sort')),
  };
}

function* everyNode(node: PlanNode): Iterable<PlanNode> {
  yield node;
  for (const child of node.Plans ?? []) yield* everyNode(child);
}
