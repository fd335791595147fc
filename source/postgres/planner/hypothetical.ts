import {quoteIdentifier} from '../../core/sql/quote.ts';
import type {PgClient} from '../connect/client.ts';
import {withDeadline} from '../deadline.ts';
import {type Pretending, planBehindGate} from '../reach/behind-gate.ts';
import type {SqlParser} from '../reach/parse-sql.ts';
import {toPlannable} from '../reach/parse-sql.ts';

/** A plan as EXPLAIN (FORMAT JSON) has it, read for its cost and for what it scans. */
export type PlanSummary = {
  cost: number;
  /** Names of the indexes it reads; HypoPG's are its own. */
  indexes: string[];
  /** Tables it reads whole, or through an index whose rows it then filters. */
  scanned: {schema: string; table: string}[];
  sorts: boolean;
};

export type PlanRequest = {
  /** As pg_stat_statements has it. */
  query: string;
  /** CREATE INDEX statements that HypoPG is to pretend; needs its schema. */
  definitions: readonly string[];
  /** Of the extension, where it is installed in this database. */
  hypopg_schema: string | null;
  /** In front of `"$user", public`. */
  search_path: readonly string[];
  /** Not a pooler's: what is prepared stays. */
  is_own_session?: boolean;
};

/** HypoPG's name for an index it pretends, and the bytes it would take. */
type Hypothetical = {name: string; size_bytes: number};

/** The plan, and what became of each definition, in their order. */
export type HypotheticalPlan = {plan: PlanSummary; hypothetical: Hypothetical[]};

/**
 * The generic plan the server would choose if it had these indexes. Nothing is created or executed: HypoPG keeps
 * its indexes in the session's memory and shows them to EXPLAIN alone, and they are forgotten with the batch.
 * `client` is the bare one. Throws RefusedStatement for a statement that reaches other functions than PostgreSQL's
 * own (see planBehindGate), what the server answers, and AbortError where it does not within `deadline_ms`.
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
  const {rows, pretended} = await planBehindGate<{'QUERY PLAN': JsonPlan[]}>(client, parser, {
    statement,
    search_path,
    is_own_session,
    settings: ['SET LOCAL max_parallel_workers_per_gather = 0'],
    pretend:
      hypopg_schema === null || definitions.length === 0
        ? undefined
        : pretending(`${quoteIdentifier(hypopg_schema)}.`, definitions),
    explain: execution => `EXPLAIN (FORMAT JSON, VERBOSE) ${execution}`,
  });
  const [root] = rows[0]?.['QUERY PLAN'] ?? [];
  if (root === undefined) throw new Error('EXPLAIN answered without a plan');
  return {plan: summarise(root), hypothetical: pretended as Hypothetical[]};
}

/** WITH ORDINALITY keeps the names in the order of the definitions. */
function pretending(prefix: string, definitions: readonly string[]): Pretending {
  const text = `SELECT /* poolctl */ h.indexname::text AS name, ${prefix}hypopg_relation_size(h.indexrelid) AS size_bytes
FROM pg_catalog.unnest($1::text[]) WITH ORDINALITY d (definition, position),
  LATERAL ${prefix}hypopg_create_index(d.definition) h
ORDER BY d.position`;
  return {
    query: {text, values: [definitions]},
    definitions,
    forget: `SELECT ${prefix}hypopg_reset()`,
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
