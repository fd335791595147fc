import type {PrismaModel, PrismaSchema} from '../../model/application.ts';
import type {Catalog} from '../../model/catalog.ts';
import type {IndexProposal} from '../../model/index-advice.ts';
import type {AdviceStep, FileStep, Step} from '../../model/step.ts';
import {quoteIdentifier} from '../sql/quote.ts';
import {ifNotExists, isUnique, type PlainKey, plainKeysOf} from './index-catalog.ts';
import {contractAdvice, contractLine, lackingOfContract, nameInContract} from './prisma-contract.ts';
import {takenNames} from './proposals.ts';

/**
 * Steps that keep a Prisma application's schema and migrations in line with new indexes: `@@index`
 * lines in the models, a migration that is a no-op if the indexes exist (none if its name is ''; Prisma 8
 * writes its own), and advice for the rest.
 */
export function prismaSteps(
  proposals: readonly IndexProposal[],
  schema: PrismaSchema,
  migration: string,
): Step[] {
  const all = readModels(schema);
  const placed = proposals.map(proposal => place(proposal, all, schema));
  const models = new Set(placed.flatMap(({model, line}) => (model === null || line === null ? [] : [model])));
  const unplaced = placed.filter(({line}) => line === null);
  return [
    ...[...models].flatMap(model =>
      modelSteps(
        model,
        placed.filter(each => each.model === model),
      ),
    ),
    ...(schema.contract === undefined
      ? [...migrationSteps(placed, schema, migration), ...adviceOf(unplaced)]
      : contractAdvice(schema.contract, {all: placed, undeclared: unplaced})),
  ];
}

/** One second after the last migration: later than all, and the same whenever it is planned. */
export function nextMigration({migrations}: PrismaSchema, name: string): string {
  const stamps = (migrations?.names ?? []).flatMap(each => /^(\d{14})_/.exec(each)?.[1] ?? []);
  const last = stamps.sort().at(-1) ?? '20200101000000';
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(last) ?? [];
  const [year = 0, month = 1, ...rest] = parts.map(Number);
  const [day = 1, hour = 0, minute = 0, second = 0] = rest;
  const next = new Date(Date.UTC(year, month - 1, day, hour, minute, second + 1));
  return `${next.toISOString().slice(0, 19).replace(/\D/g, '')}_${name}`;
}

type Placed = {proposal: IndexProposal; model: PrismaModel | null; line: string | null};

function place(proposal: IndexProposal, models: PrismaModel[], schema: PrismaSchema): Placed {
  const model =
    models.find(
      each => each.table === proposal.table && (each.schema === null || each.schema === proposal.schema),
    ) ?? null;
  if (model === null) return {proposal, model, line: null};
  if (schema.contract === undefined)
    return {proposal, model, line: indexLine(proposal, model, hasPartialIndexes(schema))};
  const keys = isUnique(proposal.definition) ? null : plainKeysOf(proposal.definition);
  return {proposal, model, line: keys && contractLine(proposal, keys, model.fields)};
}

/** `previewFeatures = ["partialIndexes"]` of a generator: `where: raw("...")`. */
function hasPartialIndexes({files}: PrismaSchema): boolean {
  return files.some(({text}) => /^\s*previewFeatures\s*=\s*\[[^\]]*"partialIndexes"/m.test(text));
}

/** The proposals under the names that the schema declares for the same indexes, unless those are taken. */
export function withDeclaredNames(
  proposals: readonly IndexProposal[],
  schema: PrismaSchema,
  catalog: Pick<Catalog, 'tables' | 'indexes'>,
): IndexProposal[] {
  const models = readModels(schema);
  const taken = takenNames(catalog);
  return proposals.map(proposal => {
    const name = declaredName(proposal, models, schema);
    if (name === undefined || name === proposal.name || taken.has(`${proposal.schema}.${name}`))
      return proposal;
    const [old, own] = [quoteIdentifier(proposal.name), quoteIdentifier(name)];
    const definition = proposal.definition.replace(`CONCURRENTLY ${old} ON`, () => `CONCURRENTLY ${own} ON`);
    return {...proposal, name, definition};
  });
}

function declaredName(
  proposal: IndexProposal,
  models: PrismaModel[],
  schema: PrismaSchema,
): string | undefined {
  if (schema.contract !== undefined) {
    const keys = proposal.predicate === null ? plainKeysOf(proposal.definition) : null;
    const columns = keys?.map(({name}) => name);
    return columns && nameInContract(schema.contract, proposal, columns);
  }
  const {model, line} = place(proposal, models, schema);
  const declared = model === null || line === null ? undefined : findLine(model.text, line);
  return declared === undefined ? undefined : mapOf(declared);
}

/** The plain @@index lines of the schema that no index of the server is for. */
export function lackingIndexes(schema: PrismaSchema, {tables, indexes}: Catalog): string[] {
  if (schema.contract !== undefined) return lackingOfContract(schema.contract, {tables, indexes});
  return readModels(schema).flatMap(model =>
    model.text.split('\n').flatMap(line => {
      const [, list] =
        /^\s*@@index\(\s*(?:fields\s*:\s*)?\[([\w\s,]+)\]\s*(?:,\s*map:[^,]*)?\)/.exec(line) ?? [];
      const found = tables.filter(
        ({name, schema: own}) => name === model.table && (model.schema === null || own === model.schema),
      );
      const [table] = found;
      if (list === undefined || table === undefined || found.length > 1) return [];
      const byField = new Map([...model.fields].map(([column, field]) => [field, column]));
      const columns = list.split(',').map(field => byField.get(field.trim()) ?? '');
      const isThere = indexes.some(
        each =>
          each.table_oid === table.oid &&
          each.predicate === null &&
          each.columns.length === columns.length &&
          each.columns.every((column, at) => column === columns[at]),
      );
      const name = mapOf(line) ?? [model.table, ...columns, 'idx'].join('_');
      return isThere ? [] : [`${name} on ${table.schema}.${table.name} (${columns.join(', ')})`];
    }),
  );
}

function mapOf(line: string): string | undefined {
  return /[,(]\s*(?:map|name)\s*:\s*"([^"]*)"/.exec(line)?.[1];
}

const types: Record<string, string> = {
  gin: 'Gin',
  gist: 'Gist',
  hash: 'Hash',
  brin: 'Brin',
  spgist: 'SpGist',
};

/** null if a Prisma schema cannot express it: an expression, a partial index, NULLS LAST, an unknown method. */
function indexLine(
  {definition, method, name, predicate}: IndexProposal,
  {fields, table}: PrismaModel,
  is_partial_possible: boolean,
): string | null {
  const where = predicate === null ? '' : ` WHERE ${predicate}`;
  const isWhole = predicate !== null && is_partial_possible && definition.endsWith(where);
  const keys = plainKeysOf(isWhole ? definition.slice(0, -where.length) : definition);
  if (keys === null || (method !== 'btree' && types[method] === undefined)) return null;
  const parts = keys.map(key => fieldPart(key, fields));
  if (parts.includes(null)) return null;
  const [attribute, ending] = isUnique(definition) ? ['@@unique', 'key'] : ['@@index', 'idx'];
  const own = [table, ...keys.map(key => key.name), ending].join('_');
  const type = method === 'btree' ? '' : `, type: ${types[method]}`;
  const map = name === own ? '' : `, map: ${JSON.stringify(name)}`;
  const only = isWhole ? `, where: raw(${JSON.stringify(predicate.replaceAll('"', ''))})` : '';
  return `${attribute}([${parts.join(', ')}]${type}${only}${map})`;
}

function fieldPart({name, opclass, order}: PlainKey, fields: PrismaModel['fields']): string | null {
  const field = fields.get(name);
  if (field === undefined || !['', 'DESC'].includes(order)) return null;
  const options = [
    ...(opclass === null ? [] : [`ops: ${opsOf(opclass)}`]),
    ...(order === 'DESC' ? ['sort: Desc'] : []),
  ];
  return options.length === 0 ? field : `${field}(${options.join(', ')})`;
}

function opsOf(opclass: string): string {
  return opclass === 'jsonb_path_ops'
    ? 'JsonbPathOps'
    : `raw(${JSON.stringify(opclass.replaceAll('"', ''))})`;
}

function modelSteps({path, text, name}: PrismaModel, placed: Placed[]): FileStep[] {
  const lines = placed.flatMap(({line}) =>
    line === null || findLine(text, line) !== undefined ? [] : [`  ${line}`],
  );
  if (lines.length === 0) return [];
  const at = text.lastIndexOf('\n') + 1;
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const isApart = /\n\s*(@@[^\n]*)?\n$/.test(text.slice(0, at));
  const added = [...(isApart ? [] : ['']), ...lines];
  const after = `${text.slice(0, at)}${added.map(line => line + eol).join('')}${text.slice(at)}`;
  return [
    {
      kind: 'file',
      title: `add ${lines.length === 1 ? 'the index' : `${lines.length} indexes`} to model ${name}`,
      subject: `file:${path}`,
      path,
      change: {kind: 'replace', before: text, after},
      diff: [` model ${name} {`, ...added.map(line => `+${line}`)],
    },
  ];
}

/** Ignoring spaces and the index name. */
function findLine(text: string, line: string): string | undefined {
  const bare = (each: string) => each.replace(/,\s*(map|name):\s*"[^"]*"/, '').replace(/\s+/g, '');
  return text.split('\n').find(each => bare(each) === bare(line));
}

function migrationSteps(placed: Placed[], {migrations}: PrismaSchema, name: string): FileStep[] {
  if (migrations === null || name === '' || placed.length === 0) return [];
  const path = `${migrations.folder}/${name}/migration.sql`;
  const text = [
    '-- These indexes already exist in production, built with CREATE INDEX CONCURRENTLY: this is a no-op there.',
    '-- Elsewhere, build it concurrently on a large table first: a plain CREATE INDEX blocks writes until it is done.',
    ...placed.map(each => `${migrationText(each)};`),
    '',
  ].join('\n');
  return [
    {
      kind: 'file',
      title: `write migration ${name}`,
      subject: `file:${path}`,
      path,
      change: {kind: 'create', text, folder: 'new'},
      diff: text
        .trimEnd()
        .split('\n')
        .map(line => `+${line}`),
    },
  ];
}

/** Prisma's migrations name a schema only if the model does; otherwise it is the URL's. */
function migrationText({proposal: {schema, table, definition}, model}: Placed): string {
  const qualified = `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
  const text = ifNotExists(definition);
  return model !== null && model.schema === null
    ? text.replace(qualified, () => quoteIdentifier(table))
    : text;
}

function adviceOf(unplaced: Placed[]): AdviceStep[] {
  const lines = unplaced.map(({proposal: {name, schema, table, definition}, model}) =>
    model === null
      ? `${name}: no model is mapped to ${schema}.${table}`
      : `${name}: model ${model.name} cannot express it; only the migration has it (${definition})`,
  );
  const title = 'add what schema.prisma cannot express yourself';
  return lines.length === 0
    ? []
    : [{kind: 'advice', title, subject: 'schema.prisma', text: lines.join('\n')}];
}

/** The models of a schema; views and types have no indexes. */
export function readModels({files}: PrismaSchema): PrismaModel[] {
  return files.flatMap(({path, text}) =>
    [
      ...withoutBlockComments(text).matchAll(
        /^[ \t]*model[ \t]+(\w+)[ \t]*\{[^\n]*\n(?:[\s\S]*?\n)??[ \t]*\}/gm,
      ),
    ].map(({0: block, 1: name = '', index}) =>
      toModel(path, {text: text.slice(index, index + block.length), code: block, name}),
    ),
  );
}

/** Replaces comments by blanks, so that positions stay the same. */
function withoutBlockComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, comment => comment.replace(/[^\r\n]/g, ' '));
}

function toModel(path: string, {text, code, name}: Record<'text' | 'code' | 'name', string>): PrismaModel {
  const lines = code
    .split('\n')
    .slice(1, -1)
    .map(line => line.replace(/(^|\s)\/\/.*$/, ''));
  return {
    path,
    text,
    name,
    table: attribute(lines, '@@map') ?? name,
    schema: attribute(lines, '@@schema'),
    fields: new Map(lines.flatMap(fieldOf)),
  };
}

function attribute(lines: string[], name: string): string | null {
  for (const line of lines) {
    const found = new RegExp(`^\\s*${name}\\(\\s*(?:(?:name|map)\\s*:\\s*)?"([^"]*)"`).exec(line);
    if (found?.[1] !== undefined) return found[1];
  }
  return null;
}

function fieldOf(line: string): [column: string, field: string][] {
  const field = /^\s*(\w+)\s+\w/.exec(line)?.[1];
  if (field === undefined) return [];
  const mapped = /\s@map\(\s*(?:name\s*:\s*)?"([^"]*)"/.exec(line)?.[1];
  return [[mapped ?? field, field]];
}
