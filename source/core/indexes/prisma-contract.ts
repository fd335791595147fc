import type {PrismaContract} from '../../model/application.ts';
import type {Catalog} from '../../model/catalog.ts';
import type {IndexProposal} from '../../model/index-advice.ts';
import type {AdviceStep} from '../../model/step.ts';
import type {PlainKey} from './index-catalog.ts';

/**
 * The line of an index in a contract of Prisma 8. It has the index's name: without `map` its name would end in a hash. null for
 * what `@@index` cannot say of its columns (8.0.0-rc.13): an order, an operator class, another method; nor for a condition, which
 * must be written as the server prints it.
 */
export function contractLine(
  {name, method, predicate}: IndexProposal,
  keys: readonly PlainKey[],
  fields: ReadonlyMap<string, string>,
): string | null {
  const names = keys.map(key => fields.get(key.name));
  const isPlain = keys.every(({opclass, order}) => opclass === null && order === '');
  if (!isPlain || method !== 'btree' || predicate !== null || names.includes(undefined)) return null;
  return `@@index([${names.join(', ')}], map: ${JSON.stringify(name)})`;
}

/** The name that the contract gives an index of these columns. */
export function nameInContract(
  {indexes}: PrismaContract,
  proposal: Pick<IndexProposal, 'schema' | 'table'>,
  columns: readonly string[],
): string | undefined {
  return indexes.find(
    each =>
      each.schema === proposal.schema && each.table === proposal.table && isSameList(each.columns, columns),
  )?.name;
}

/** The indexes of the contract that the server lacks. */
export function lackingOfContract(
  {indexes}: PrismaContract,
  {tables, indexes: existing}: Pick<Catalog, 'tables' | 'indexes'>,
): string[] {
  return indexes.flatMap(({schema, table: name, columns, name: index}) => {
    const table = tables.find(each => each.schema === schema && each.name === name);
    if (table === undefined) return [];
    const isThere = existing.some(
      each => each.table_oid === table.oid && each.predicate === null && isSameList(each.columns, columns),
    );
    return isThere ? [] : [`${index} on ${schema}.${name} (${columns.join(', ')})`];
  });
}

function isSameList(some: readonly (string | null)[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((each, at) => each === others[at]);
}

/**
 * How the contract reaches the servers. Prisma writes its migration, which is named by the hashes of two contracts; for indexes
 * that the emitted contract declares it is planned already.
 */
export function contractAdvice(
  {path, indexes}: PrismaContract,
  {all, undeclared}: Record<'all' | 'undeclared', readonly {proposal: IndexProposal}[]>,
): AdviceStep[] {
  if (all.length === 0) return [];
  const advice = {kind: 'advice', subject: `file:${path}`} as const;
  const isNamed = ({proposal}: {proposal: IndexProposal}) =>
    indexes.some(({schema, name}) => schema === proposal.schema && name === proposal.name);
  if (all.every(isNamed)) {
    const text = 'prisma db migrate\nThe migration finds these indexes and executes nothing.';
    return [{...advice, title: "apply the contract's migration", text}];
  }
  const lines = undeclared.map(
    ({proposal: {name, definition}}) => `${name}: declare it in ${path} yourself (${definition})`,
  );
  const text = [
    ...lines,
    'prisma contract emit',
    'prisma migration plan --name add_indexes',
    'prisma db migrate',
    "The migration finds these indexes and executes nothing. Elsewhere it builds them without CONCURRENTLY, which blocks writes: run apply-indexes there first, with file= the migration's ops.json.",
    'While the contract lacks them, prisma db verify --strict fails.',
  ].join('\n');
  return [{...advice, title: "plan the contract's migration", text}];
}
