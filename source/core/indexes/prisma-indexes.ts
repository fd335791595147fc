import type {PrismaModel, PrismaSchema} from '../../model/application.ts';
import type {IndexProposal} from '../../model/recipe-data.ts';
import type {AdviceStep, FileStep, Step} from '../../model/step.ts';
import {quoteIdentifier} from '../sql/quote.ts';
import {ifNotExists, isUnique, type PlainKey, plainKeysOf} from './index-catalog.ts';

/**
 * Steps that keep a Prisma application's schema and migrations in line with new indexes: `@@index`
 * lines in the models, a migration that is a no-op if the indexes exist (none if its name is ''),
 * and advice for the rest.
 */
export function prismaSteps(
  proposals: readonly IndexProposal[],
  schema: PrismaSchema,
  migration: string,
): Step[] {
  const all = readModels(schema);
  const placed = proposals.map(proposal => place(proposal, all));
  const models = new Set(placed.flatMap(({model, line}) => (model === null || line === null ? [] : [model])));
  const unplaced = placed.filter(({line}) => line === null);
  return [
    ...[...models].flatMap(model =>
      modelSteps(
        model,
        placed.filter(each => each.model === model),
      ),
    ),
    ...migrationSteps(placed, schema, migration),
    ...(unplaced.length === 0 ? [] : [adviceOf(unplaced)]),
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

function place(proposal: IndexProposal, models: PrismaModel[]): Placed {
  const model =
    models.find(
      ({table, schema}) => table === proposal.table && (schema === null || schema === proposal.schema),
    ) ?? null;
  return {proposal, model, line: model && indexLine(proposal, model)};
}

const types: Record<string, string> = {
  gin: 'Gin',
  gist: 'Gist',
  hash: 'Hash',
  brin: 'Brin',
  spgist: 'SpGist',
};

/** null if a Prisma schema cannot express it: an expression, a partial index, NULLS LAST, an unknown method. */
function indexLine({definition, method, name}: IndexProposal, {fields, table}: PrismaModel): string | null {
  const keys = plainKeysOf(definition);
  if (keys === null || (method !== 'btree' && types[method] === undefined)) return null;
  const parts = keys.map(key => fieldPart(key, fields));
  if (parts.includes(null)) return null;
  const [attribute, ending] = isUnique(definition) ? ['@@unique', 'key'] : ['@@index', 'idx'];
  const own = [table, ...keys.map(key => key.name), ending].join('_');
  const type = method === 'btree' ? '' : `, type: ${types[method]}`;
  const map = name === own ? '' : `, map: ${JSON.stringify(name)}`;
  return `${attribute}([${parts.join(', ')}]${type}${map})`;
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
  const lines = placed.flatMap(({line}) => (line === null || hasLine(text, line) ? [] : [`  ${line}`]));
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
function hasLine(text: string, line: string): boolean {
  const bare = (each: string) => each.replace(/,\s*(map|name):\s*"[^"]*"/, '').replace(/\s+/g, '');
  return text.split('\n').some(each => bare(each) === bare(line));
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

function adviceOf(unplaced: Placed[]): AdviceStep {
  return {
    kind: 'advice',
    title: 'add what schema.prisma cannot express yourself',
    subject: 'schema.prisma',
    text: unplaced
      .map(({proposal: {name, schema, table, definition}, model}) =>
        model === null
          ? `${name}: no model is mapped to ${schema}.${table}`
          : `${name}: model ${model.name} cannot express it; only the migration has it (${definition})`,
      )
      .join('\n'),
  };
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
