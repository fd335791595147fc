import {quoteIdentifier} from '../core/quote.ts';
import {inTime} from './in-time.ts';
import {countParameters} from './parameters.ts';
import type {SqlParser} from './parse-sql.ts';
import type {PgClient} from './pg-client.ts';
import {toPlannable} from './plannable.ts';

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
};

/** HypoPG's name for an index it pretends, and the bytes it would take. */
type Hypothetical = {name: string; size_bytes: number};

/** The plan, and what became of each definition, in their order. */
export type HypotheticalPlan = {plan: PlanSummary; hypothetical: Hypothetical[]};

/**
 * The generic plan the server would choose if it had these indexes. Nothing is created or executed: HypoPG keeps
 * its indexes in the session's memory and shows them to EXPLAIN alone, and they are forgotten with the batch. The
 * batch is one transaction issued in one turn, read-only and rolled back: see explain.ts, whose ways these are.
 * `client` is the bare one. Throws what the server answers, and AbortError where it does not within `deadline_ms`.
 */
export function planHypothetically(
  client: PgClient,
  parser: SqlParser,
  request: PlanRequest,
  deadline_ms = 5000,
): Promise<HypotheticalPlan> {
  const attempt = (is_numeric_case: boolean) =>
    plan(client, toPlannable(request.query, parser, {is_numeric_case}), request);
  const planned = attempt(false).catch((error: {code?: string}) => {
    if (error.code !== '42883') throw error;
    return attempt(true);
  });
  return inTime(planned, deadline_ms);
}

/** `statement` is one that the server can plan; the protocol refuses two. */
async function plan(
  client: PgClient,
  statement: string,
  {definitions, hypopg_schema, search_path}: PlanRequest,
): Promise<HypotheticalPlan> {
  const prefix = hypopg_schema === null ? null : `${quoteIdentifier(hypopg_schema)}.`;
  const isHypothetical = prefix !== null && definitions.length > 0;
  const [, pretended, prepared, , explained] = await Promise.allSettled([
    client.query(begin(search_path)),
    isHypothetical
      ? client.query<Hypothetical>({text: pretend(prefix), values: [definitions]})
      : {rows: [] as Hypothetical[]},
    client.query({text: `PREPARE ${name} AS ${statement}`, queryMode: 'extended'}),
    client.query(`SAVEPOINT ${name}`),
    client.query<{'QUERY PLAN': JsonPlan[]}>(`EXPLAIN (FORMAT JSON, VERBOSE) ${execution(statement)}`),
    client.query(`ROLLBACK TO ${name}`),
    client.query(`DEALLOCATE ${name}`),
    // In one message, so that a pooler has not lent the session to another in between.
    client.query(isHypothetical ? `ROLLBACK; SELECT ${prefix}hypopg_reset()` : 'ROLLBACK'),
  ]);
  if (pretended.status === 'rejected') throw pretended.reason;
  if (prepared.status === 'rejected') throw prepared.reason;
  if (explained.status === 'rejected') throw explained.reason;
  const [root] = explained.value.rows[0]?.['QUERY PLAN'] ?? [];
  if (root === undefined) throw new Error('EXPLAIN answered without a plan');
  return {plan: summarise(root), hypothetical: pretended.value.rows};
}

const name = 'poolctl_hypothetical';

/** WITH ORDINALITY keeps the names in the order of the definitions. */
function pretend(prefix: string): string {
  return `SELECT /* poolctl */ h.indexname::text AS name, ${prefix}hypopg_relation_size(h.indexrelid) AS size_bytes
FROM unnest($1::text[]) WITH ORDINALITY d (definition, position),
  LATERAL ${prefix}hypopg_create_index(d.definition) h
ORDER BY d.position`;
}

function begin(search_path: readonly string[]): string {
  const path = [...search_path.map(quoteIdentifier), '"$user"', 'public'].join(', ');
  return [
    'BEGIN READ ONLY',
    `SET LOCAL search_path = ${path}`,
    "SET LOCAL statement_timeout = '2s'",
    "SET LOCAL lock_timeout = '200ms'",
    'SET LOCAL plan_cache_mode = force_generic_plan',
    // Compiling and workers are costs of their own, and set off at thresholds.
    'SET LOCAL jit = off',
    'SET LOCAL max_parallel_workers_per_gather = 0',
  ].join('; ');
}

function execution(statement: string): string {
  const count = countParameters(statement);
  return `EXECUTE ${name}${count === 0 ? '' : `(${Array(count).fill('NULL').join(', ')})`}`;
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
