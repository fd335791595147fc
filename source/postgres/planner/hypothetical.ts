import {quoteIdentifier} from '../../core/sql/quote.ts';
import type {PgClient} from '../connect/client.ts';
import {withDeadline} from '../deadline.ts';
import {type HypotheticalSetup, planBehindGate} from '../reach/behind-gate.ts';
import {type SqlParser, toPlannable} from '../reach/parse-sql.ts';

/** The cost of a plan and what it scans, from EXPLAIN (FORMAT JSON). */
export type PlanSummary = {
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
  const attempt = (is_numeric_case: boolean) =>
    plan(client, parser, toPlannable(request.query, parser, {is_numeric_case}), request);
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
    explain: execution => `EXPLAIN (FORMAT JSON, VERBOSE) ${execution}`,
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
