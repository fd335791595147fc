import type {Table} from '../../model/catalog.ts';
import type {IndexAdvice, IndexProposal, SkippedIndex} from '../../model/index-advice.ts';
import {quoteIdentifier} from '../sql/quote.ts';
import type {AdviceInput} from './candidates.ts';
import {benefitsOf, cachePlans} from './choose.ts';
import {type Candidate, covers, type IndexSpec, nameFor, specId, toCandidate} from './index-spec.ts';
import {describeCandidate, takenNames, toServed} from './proposals.ts';

/** A CREATE INDEX of a file; `tail` is its text after the table's name. */
export type FileIndex = {name: string | null; table: Table; spec: IndexSpec; tail: string};

/** Proposals for the indexes of a file that do not exist yet, in its order, with the statements they would serve. */
export async function adviseFromFile(
  indexes: readonly FileIndex[],
  input: AdviceInput,
): Promise<IndexAdvice> {
  const skipped: SkippedIndex[] = [];
  const missing = nameAll(indexes, input).filter(index => {
    const reason = reasonToSkip(index, input);
    if (reason !== null) skipped.push({what: `${index.name} on ${index.table.name}`, reason});
    return reason === null;
  });
  const benefits = await benefitsOf(
    missing.map(({candidate}) => candidate),
    input.statements,
    cachePlans(input.planner),
  );
  const proposals = missing.map((index): IndexProposal => {
    const own = benefits.get(index.candidate.id) ?? [];
    const is_verified =
      input.planner.costSource === 'hypopg' && index.spec.method === 'btree' && own.length > 0;
    return {
      ...describeCandidate(index.candidate, index.name, input.planner, is_verified),
      definition: definitionOf(index),
      reasons: reasonsFor(index, own.length, missing, input),
      serves: own.map(each => toServed(each, is_verified)),
      source: 'file',
    };
  });
  return {proposals, skipped, planner: input.planner.costSource};
}

type Named = FileIndex & {name: string; candidate: Candidate};

function nameAll(indexes: readonly FileIndex[], {catalog}: AdviceInput): Named[] {
  const taken = takenNames(catalog);
  return indexes.map(index => {
    const {table, spec} = index;
    const name = index.name ?? nameFor(table, spec, each => taken.has(`${table.schema}.${each}`));
    taken.add(`${table.schema}.${name}`);
    return {...index, name, candidate: toCandidate(table, spec, 0)};
  });
}

/** Why an index cannot be built: it exists, or its name is taken. */
function reasonToSkip({name, table, candidate}: Named, {catalog, existing}: AdviceInput): string | null {
  const isSame = (other: AdviceInput['existing'][number]) =>
    other.table_oid === table.oid && specId(table, other.spec) === candidate.id;
  const named = catalog.indexes.find(each => each.schema === table.schema && each.name === name);
  if (named !== undefined) {
    const known = existing.find(each => each.table_oid === named.table_oid && each.name === name);
    // An invalid or running build of the same index is repaired or adopted by `planIndexes`.
    if (!named.is_valid) return known !== undefined && isSame(known) ? null : 'an invalid index has its name';
    return known !== undefined && isSame(known) ? 'it already exists' : 'another index has its name';
  }
  const same = existing.find(each => each.is_valid && isSame(each));
  return same === undefined ? null : `${same.name} is the same index`;
}

function definitionOf({name, table, spec, tail}: Named): string {
  const on = `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
  return `CREATE${spec.is_unique ? ' UNIQUE' : ''} INDEX CONCURRENTLY ${quoteIdentifier(name)} ON ${on} ${tail}`;
}

function reasonsFor(
  index: Named,
  served: number,
  missing: readonly Named[],
  {existing}: AdviceInput,
): string[] {
  const {table, spec, candidate} = index;
  const others = [
    ...missing.filter(each => each !== index && each.table.oid === table.oid),
    ...existing.filter(each => each.is_valid && each.table_oid === table.oid),
  ];
  const wider = spec.is_unique
    ? undefined
    : others.find(other => covers(other.spec, spec, candidate.equal_count));
  return [
    ...(wider === undefined
      ? []
      : [`${wider.name} begins with the same columns, so this one only adds writes`]),
    served === 0
      ? 'from the file; no statement would use it'
      : `from the file; it serves ${served === 1 ? 'one statement' : `${served} statements`}`,
  ];
}
