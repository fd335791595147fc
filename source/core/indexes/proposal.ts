import type {IndexProposal, Served} from '../../model/index-advice.ts';
import {formatCount} from '../text/format.ts';
import type {AdviceInput} from './advise.ts';
import type {Candidate} from './candidates.ts';
import type {Choice, Service} from './choose.ts';
import {covers} from './covers.ts';
import type {ForeignKeyNeed} from './foreign-keys.ts';
import {nameFor} from './name.ts';
import {definitionOf, specId} from './spec.ts';

/** What was chosen, named, sized and explained: what saves most first. */
export function toProposals(
  {chosen, services}: Choice,
  keys: readonly ForeignKeyNeed[],
  {catalog, planner, present}: AdviceInput,
): IndexProposal[] {
  const taken = new Set([...catalog.tables, ...catalog.indexes].map(({schema, name}) => `${schema}.${name}`));
  const proposals: IndexProposal[] = [];
  // In the order of their names, so that the same choice is named in the same way at every reading.
  for (const candidate of [...chosen].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const {table, spec} = candidate;
    // One that failed, or is still being built, goes or becomes this one: its name stays.
    const begun = present.find(each => !each.is_valid && specId(table, each.spec) === candidate.id);
    const name = nameFor(table, spec, each => each !== begun?.name && taken.has(`${table.schema}.${each}`));
    taken.add(`${table.schema}.${name}`);
    const own = services.get(candidate.id) ?? [];
    const needed = keys.filter(
      each =>
        each.candidate.table.oid === table.oid &&
        covers(spec, each.candidate.spec, each.candidate.equal_count),
    );
    const is_verified =
      planner.judge === 'hypopg' && spec.method === 'btree' && !own.some(each => each.is_estimated);
    const serves = own
      .filter(({statement}) => statement.source === 'statements')
      .map(each => toServed(each, is_verified));
    proposals.push({
      schema: table.schema,
      table: table.name,
      table_oid: table.oid,
      name,
      method: spec.method,
      columns: spec.keys.map(({expression, order}) => (order === '' ? {expression} : {expression, order})),
      predicate: spec.predicate,
      definition: definitionOf(table, spec, name),
      estimated_size_bytes: planner.sizeOf(candidate),
      confidence: is_verified ? 'planner-verified' : 'heuristic',
      reasons: reasonsFor(candidate, own, needed, is_verified),
      serves,
      source: serves.length > 0 ? 'statements' : 'foreign_key',
    });
  }
  return proposals.sort((a, b) => savedBy(b) - savedBy(a) || (a.name < b.name ? -1 : 1));
}

export function toServed({statement, cost_before, cost_after}: Service, is_verified: boolean): Served {
  const {queryid, query, calls, total_exec_time_ms} = statement;
  const costs = is_verified ? {cost_before, cost_after} : {cost_before: null, cost_after: null};
  return {queryid, query, calls, total_exec_time_ms, ...costs};
}

function reasonsFor(
  {table, spec, equal_count}: Candidate,
  services: readonly Service[],
  keys: readonly ForeignKeyNeed[],
  is_verified: boolean,
): string[] {
  const reasons: string[] = [];
  const statements = services.filter(({statement}) => statement.source === 'statements');
  if (statements.length > 0) {
    const calls = statements.reduce((sum, {statement}) => sum + statement.calls, 0);
    const noun = statements.length === 1 ? 'one statement' : `${statements.length} statements`;
    reasons.push(`serves ${noun}, called ${calls === 1 ? 'once' : `${formatCount(calls)} times`}`);
  }
  const [most] = [...services].sort((a, b) => b.cost_before - b.cost_after - (a.cost_before - a.cost_after));
  if (most !== undefined) {
    const fall = `from ${formatCount(Math.round(most.cost_before))} to ${formatCount(Math.round(most.cost_after))}`;
    reasons.push(
      is_verified
        ? `the planner would use it: the cost of ${most.statement.source === 'foreign_key' ? 'a look-up' : 'the statement it helps most'} falls ${fall}`
        : `reckoned from the statistics of its columns: the cost falls ${fall}`,
    );
  }
  for (const {foreign_key} of keys) {
    reasons.push(
      `no index leads with foreign key ${foreign_key.name}: a row deleted from ${foreign_key.referenced_table} reads all of ${table.name}`,
    );
  }
  const equal = spec.keys.slice(0, equal_count).map(({expression}) => expression);
  const [next] = spec.keys.slice(equal_count);
  if (equal.length > 0 && next !== undefined) {
    reasons.push(`${equal.join(', ')} compared by =, then ${next.expression} for the range or the order`);
  }
  const writes = table.rows_inserted + table.rows_updated + table.rows_deleted;
  if (writes > 0)
    reasons.push(`each write to the table keeps it up: ${formatCount(writes)} since they are counted`);
  return reasons;
}

function savedBy({serves, source}: IndexProposal): number {
  if (source === 'foreign_key') return -1;
  return serves.reduce((sum, {total_exec_time_ms}) => sum + total_exec_time_ms, 0);
}
