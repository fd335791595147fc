import {adviseIndexes} from '../../../source/core/indexes/advise-indexes.ts';
import type {WorkloadStatement} from '../../../source/core/indexes/candidates.ts';
import {
  btree,
  covers,
  definitionOf,
  type ExistingIndex,
  findCovering,
  type IndexKey,
  type IndexSpec,
  key,
  minimumRows,
  toCandidate,
} from '../../../source/core/indexes/index-spec.ts';
import type {Condition} from '../../../source/core/indexes/statement-shape.ts';
import {rowsOf} from '../../../source/core/indexes/statistics.ts';
import type {Table} from '../../../source/model/catalog.ts';

import type {IndexAdvice, IndexProposal} from '../../../source/model/index-advice.ts';
import type {Connection} from '../../../source/postgres/connect/connect.ts';
import {readAdviceInput} from '../../../source/postgres/facts/index-advice.ts';
import {planHypothetically} from '../../../source/postgres/planner/index-planner.ts';
import {loadSqlParser, type SqlParser} from '../../../source/postgres/reach/parse-sql.ts';
import type {TestServer} from '../../helpers/server.ts';
import {watch} from '../../postgres/watching.ts';

import type {Workload} from './workloads.ts';

/** A statement's cost without new indexes, with the rule's and with poolctl's. */
export type StatementCosts = {query: string; calls: number; before: number; rule: number; poolctl: number};

export type Measured = {
  workload: Workload;
  advice: IndexAdvice;
  rule_indexes: number;
  statements: StatementCosts[];
  /** Names of proposals that no plan reads, and of those an index that is there answers. */
  unused: string[];
  duplicates: string[];
  seconds: number;
};

/** Runs a workload and compares poolctl's advice with the rule, by HypoPG or with indexes built on copies of the database. */
export async function measure(
  server: TestServer,
  workload: Workload,
  by: 'hypopg' | 'build',
): Promise<Measured> {
  const client = await server.connect({database: workload.name});
  if (by === 'hypopg') await client.query('CREATE EXTENSION IF NOT EXISTS hypopg');
  await client.query('SELECT pg_stat_statements_reset()');
  await workload.run(client);
  await client.end();
  const parser = await loadSqlParser();
  const connection = await watch(server.url({database: workload.name}));
  const startedAt = performance.now();
  const {input, skipped} = await readAdviceInput(connection, parser);
  const found = await adviseIndexes(input);
  const seconds = (performance.now() - startedAt) / 1000;
  const rule = oneColumnPerPredicate(input.statements, input.existing).filter(
    ({method}) => by === 'build' || method === 'btree',
  );
  const own = found.proposals.filter(({method}) => by === 'build' || method === 'btree');
  const planned =
    by === 'hypopg' ? withHypopg(connection, parser) : withCopies(server, workload, parser, connection);
  const before = await planned(input.statements, []);
  const withRule = await planned(
    input.statements,
    rule.map(({definition}) => definition),
  );
  // HypoPG names its own indexes, and no other session uses the copy: neither is built concurrently.
  const definitions = own.map(({definition}) =>
    definition.replace(/^CREATE INDEX CONCURRENTLY "(?:[^"]|"")+"/, 'CREATE INDEX'),
  );
  const keys = own.filter(({source}) => source === 'foreign_key');
  const withOwn = await planned(input.statements, definitions);
  const forKeys = await planned(keys.map(lookUp), definitions);
  await connection.close();
  const used = new Set([...withOwn, ...forKeys].flatMap(each => each?.used ?? []));
  return {
    workload,
    advice: {...found, skipped: [...skipped, ...found.skipped]},
    rule_indexes: rule.length,
    statements: input.statements.flatMap(({query, calls}, index) => {
      const [a, b, c] = [before[index], withRule[index], withOwn[index]];
      return a && b && c ? [{query, calls, before: a.cost, rule: b.cost, poolctl: c.cost}] : [];
    }),
    unused: own.filter((_, index) => !used.has(definitions[index] ?? '')).map(({name}) => name),
    duplicates: found.proposals
      .filter(proposal => isDuplicate(proposal, input.existing))
      .map(({name}) => name),
    seconds,
  };
}

/** Whether an existing index begins with the same keys. */
function isDuplicate(
  {table_oid, method, columns, predicate}: IndexProposal,
  existing: readonly ExistingIndex[],
): boolean {
  const keys = columns.map(({expression, order = ''}) => ({...key(expression), order}) as IndexKey);
  const wanted = {method, keys, included: [], predicate, is_unique: false};
  return existing.some(each => each.table_oid === table_oid && each.is_valid && covers(each.spec, wanted, 0));
}

/** The query that the server sends to a foreign key's table when a row of its parent is deleted. */
function lookUp({schema, table, columns}: IndexProposal): WorkloadStatement {
  const where = columns.map(({expression}, index) => `${expression} = $${index + 1}`).join(' AND ');
  const query = `SELECT 1 FROM ONLY "${schema}"."${table}" WHERE ${where}`;
  const shape = {uses: [], returns_matches: true, write: null};
  return {queryid: table, query, calls: 0, rows: null, total_exec_time_ms: 0, shape, source: 'foreign_key'};
}

type Costed = {cost: number; used: string[]} | null;
type Planning = (
  statements: readonly WorkloadStatement[],
  definitions: readonly string[],
) => Promise<Costed[]>;

function withHypopg({rawClient: bare}: Connection, parser: SqlParser): Planning {
  return async (statements, given) => {
    const costs: Costed[] = [];
    // HypoPG proves no IS NOT NULL by a join, as PostgreSQL does.
    const definitions = given.map(each => each.replace(/(\(("[^"]+").*\)) WHERE \2 IS NOT NULL$/, '$1'));
    for (const {query} of statements) {
      const request = {query, definitions, hypopg_schema: 'public', search_path: []};
      const planned = await planHypothetically(bare, parser, request).catch(() => null);
      if (planned === null) {
        costs.push(null);
        continue;
      }
      const {plan, hypothetical} = planned;
      const used = given.filter((_, index) => plan.indexes.includes(hypothetical[index]?.name ?? ''));
      costs.push({cost: plan.cost, used});
    }
    return costs;
  };
}

/** Without HypoPG: builds the indexes on a copy of the database, which is then dropped. */
function withCopies(server: TestServer, {name}: Workload, parser: SqlParser, original: Connection): Planning {
  return async (statements, definitions) => {
    const copy = `${name}_copy`;
    await server.query(`DROP DATABASE IF EXISTS ${copy} WITH (FORCE)`);
    // A template may have no other session; the watching one is all that is connected to it.
    await original.close();
    await server.query(`CREATE DATABASE ${copy} TEMPLATE ${name}`);
    const client = await server.connect({database: copy});
    const names: string[] = [];
    for (const [index, definition] of definitions.entries()) {
      names.push(`built_${index}`);
      await client.query(definition.replace(/^CREATE INDEX/, `CREATE INDEX built_${index}`));
    }
    // A new index of an expression has statistics of its own.
    if (definitions.length > 0) await client.query('ANALYZE');
    await client.end();
    const connection = await watch(server.url({database: copy}));
    const costs: Costed[] = [];
    for (const {query} of statements) {
      const request = {query, definitions: [], hypopg_schema: null, search_path: []};
      const planned = await planHypothetically(connection.rawClient, parser, request).catch(() => null);
      if (planned === null) {
        costs.push(null);
        continue;
      }
      const {plan} = planned;
      costs.push({
        cost: plan.cost,
        used: definitions.filter((_, index) => plan.indexes.includes(names[index] ?? '')),
      });
    }
    await connection.close();
    await server.query(`DROP DATABASE ${copy} WITH (FORCE)`);
    return costs;
  };
}

/** The rule that poolctl is compared with: a separate index for every column in a predicate. */
function oneColumnPerPredicate(
  statements: readonly WorkloadStatement[],
  existing: readonly ExistingIndex[],
): {table: Table; definition: string; method: string}[] {
  const found = statements
    .flatMap(({shape}) => shape.uses)
    .filter(({table}) => rowsOf(table) >= minimumRows)
    .flatMap(({table, conditions}) => conditions.flatMap(specsOf).map(spec => toCandidate(table, spec, 0)))
    .filter(candidate => findCovering(candidate, existing) === null);
  return [...new Map(found.map(each => [each.id, each])).values()].map(({table, spec}) => ({
    table,
    definition: definitionOf(table, spec, null),
    method: spec.method,
  }));
}

function specsOf(condition: Condition): IndexSpec[] {
  if (condition.kind === 'any') return condition.arms.flatMap(arm => arm.flatMap(specsOf));
  const spec = btree([key(condition.term.expression)]);
  return [condition.kind === 'contains' ? {...spec, method: 'gin'} : spec];
}
