import {readFile} from 'node:fs/promises';
import type {IndexStmt, Node} from 'libpg-query';
import {usageError} from '../../core/errors.ts';
import type {AdviceInput} from '../../core/indexes/candidates.ts';
import {type IndexSpec, isIndexable, keysOf} from '../../core/indexes/index-spec.ts';
import {adviseFromFile, type FileIndex} from '../../core/indexes/migration-file.ts';
import {findTable} from '../../core/indexes/statement-shape.ts';
import {readPrismaOperations} from '../../core/sql/prisma-operations.ts';
import type {Table} from '../../model/catalog.ts';
import type {IndexAdvice, SkippedIndex} from '../../model/index-advice.ts';
import type {SqlParser} from '../reach/parse-sql.ts';

/**
 * Advice from a migration's CREATE INDEX statements, to be built concurrently even where the file does not say so.
 * Other statements are skipped. Throws AbortError (exit 2) if the file cannot be read or is not valid SQL.
 */
export async function adviseFromMigration(
  path: string,
  input: AdviceInput,
  parser: SqlParser,
  search_path: readonly string[],
): Promise<IndexAdvice> {
  const sql = await readText(path);
  const skipped: SkippedIndex[] = [];
  const indexes = statementsOf(sql, path, parser).flatMap(({text, stmt}): FileIndex[] => {
    if (!('IndexStmt' in stmt)) {
      skipped.push({what: text, reason: 'poolctl executes only CREATE INDEX from a file'});
      return [];
    }
    const found = readIndex(stmt.IndexStmt, text, {input, parser, search_path});
    if ('reason' in found) skipped.push({what: text, reason: found.reason});
    else return [found];
    return [];
  });
  const advice = await adviseFromFile(indexes, input);
  return {...advice, skipped: [...skipped, ...advice.skipped]};
}

/** Its SQL; of Prisma 8's ops.json that of its operations. */
async function readText(path: string): Promise<string> {
  try {
    const text = await readFile(path, 'utf8');
    return (path.endsWith('.json') ? readPrismaOperations(text) : null) ?? text;
  } catch (error) {
    throw usageError(
      `cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? 'unreadable'}`,
      "Give a migration's file: --set file=prisma/migrations/.../migration.sql, or Prisma 8's ops.json",
      error,
    );
  }
}

function statementsOf(sql: string, path: string, parser: SqlParser): {text: string; stmt: Node}[] {
  try {
    return parser.split(sql).map(each => ({text: joinWords(wordsOf(each.sql, parser)), stmt: each.node}));
  } catch (error) {
    throw usageError(`${path}: ${(error as Error).message}`, undefined, error);
  }
}

function wordsOf(text: string, parser: SqlParser): string[] {
  return parser.scan(text).map(word => word.text);
}

function joinWords(words: readonly string[]): string {
  return words.reduce((text, word, index) => {
    const before = words[index - 1];
    const isTight = index === 0 || before === '(' || before === '.' || [')', ',', '.', ';'].includes(word);
    return isTight ? text + word : `${text} ${word}`;
  }, '');
}

type Context = {input: AdviceInput; parser: SqlParser; search_path: readonly string[]};

function readIndex(
  statement: IndexStmt,
  text: string,
  {input: {catalog, columns}, parser, search_path}: Context,
): FileIndex | {reason: string} {
  const {relation, idxname = null, accessMethod = 'btree', unique = false} = statement;
  const naming = {tables: catalog.tables, columns, search_path: [...search_path, 'public']};
  const table = relation === undefined ? null : findTable(relation, naming);
  if (table === null) return {reason: `table ${relation?.relname ?? ''} does not exist in this database`};
  if (!isIndexable(table))
    return {reason: 'its table is partitioned, where no index can be built concurrently'};
  const parts = partsOf(wordsOf(text, parser));
  const spec: IndexSpec = {
    method: accessMethod,
    keys: keysOf(statement).map((key, index) => {
      const isWritten =
        statement.indexParams?.[index] !== undefined && !key.expression.startsWith('expression ');
      return isWritten ? key : {...key, expression: parts.elements[index] ?? key.expression};
    }),
    included: [],
    predicate: parts.predicate,
    is_unique: unique,
  };
  const missing = missingColumn(statement, table, columns.get(table.oid) ?? []);
  return missing === null ? {name: idxname, table, spec, tail: parts.tail} : {reason: missing};
}

function missingColumn(
  {indexParams = [], indexIncludingParams = []}: IndexStmt,
  {schema, name}: Table,
  columns: readonly {name: string}[],
): string | null {
  const known = new Set(columns.map(column => column.name));
  const names = [...indexParams, ...indexIncludingParams].flatMap(node =>
    'IndexElem' in node ? (node.IndexElem.name ?? []) : [],
  );
  const missing = names.find(each => !known.has(each));
  return missing === undefined ? null : `${schema}.${name} has no column ${missing}`;
}

/** The text after the table's name as written: `tail` all of it, `elements` its columns, `predicate` its WHERE. */
function partsOf(words: readonly string[]): {tail: string; elements: string[]; predicate: string | null} {
  const isWord = (index: number, word: string) => words[index]?.toLowerCase() === word;
  let start = words.findIndex((_, index) => isWord(index, 'on')) + 1;
  if (isWord(start, 'only')) start++;
  start++;
  while (words[start] === '.') start += 2;
  const tail = words.slice(start);
  const where = tail.findIndex((word, index) => word.toLowerCase() === 'where' && depthAt(tail, index) === 0);
  const open = tail.indexOf('(');
  const close = tail.findIndex((word, index) => index > open && word === ')' && depthAt(tail, index) === 1);
  return {
    tail: joinWords(tail.filter(word => word !== ';')),
    elements: splitAtCommas(tail.slice(open + 1, close)),
    predicate: where === -1 ? null : joinWords(tail.slice(where + 1).filter(word => word !== ';')),
  };
}

function splitAtCommas(words: readonly string[]): string[] {
  const elements: string[][] = [[]];
  for (const [index, word] of words.entries()) {
    if (word === ',' && depthAt(words, index) === 0) elements.push([]);
    else elements.at(-1)?.push(word);
  }
  return elements.map(element => joinWords(element).replace(/( (ASC|DESC|NULLS (FIRST|LAST)))+$/i, ''));
}

function depthAt(words: readonly string[], index: number): number {
  return words.slice(0, index).reduce((depth, word) => depth + (word === '(' ? 1 : word === ')' ? -1 : 0), 0);
}
