import {type AbortError, usageError} from '../../core/errors.ts';
import {parseDurationMs} from '../../core/text/time.ts';
import type {Sample} from './endpoint.ts';
import {scanStatement} from './scan-statement.ts';
import {onlyVariant, type SqlEndpoint, type SqlNode, type SqlParam, type SqlValue} from './sql-endpoint.ts';

/** Parses the format that `SqlEndpoint` describes. Throws AbortError (exit 2) with `file` and the line. */
export function parseSqlEndpoint(text: string, file: string): SqlEndpoint {
  const reader = createReader(file);
  let at = 0;
  let line = 1;
  while (at < text.length) {
    const end = afterLine(text, at);
    const first = text.slice(at, end);
    const [, word, rest] = /^\s*--\s*@(\w+)[ \t]*(.*?)\s*$/s.exec(first) ?? [];
    if (word !== undefined) {
      reader.directive(word, rest ?? '', line);
      line++;
      at = end;
    } else if (/^\s*(--.*)?\s*$/s.test(first)) {
      line++;
      at = end;
    } else {
      const statementEnd = reader.statement(text, at, line);
      line += countLines(text.slice(at, statementEnd));
      at = statementEnd;
    }
  }
  return reader.end(line);
}

type Block = {kind: 'parallel' | 'transaction' | 'group'; line: number; into: SqlNode[]};
type Prefix = {kind: 'repeat'; count: number; line: number} | {kind: 'each'; line: number};

function createReader(file: string) {
  let route: string | null = null;
  const samples: Sample[] = [];
  const setup: SqlNode[] = [];
  const variants: {name: string; body: SqlNode[]}[] = [];
  let into: SqlNode[] | null = null;
  const blocks: (Block & {outer: SqlNode[]; prefixes: Prefix[]})[] = [];
  let prefixes: Prefix[] = [];
  let params: SqlParam[] = [];

  const fail = (line: number, message: string, hint?: string) => malformed(file, line, message, hint);
  const body = (): SqlNode[] => {
    if (into !== null) return into;
    into = [];
    variants.push({name: onlyVariant, body: into});
    return into;
  };
  const append = (node: SqlNode, outer: Prefix[]) => {
    const list = body();
    for (const {line, kind} of outer) {
      if (kind === 'each' && ![list, ...blocks.map(({outer}) => outer)].some(each => each.some(isStatement)))
        throw fail(line, '@each needs a statement before it, whose rows it loops over');
    }
    list.push(outer.reduceRight<SqlNode>((inner, prefix) => ({...prefix, body: [inner]}), node));
  };
  const requireWhole = (line: number) => {
    const open = blocks.at(-1);
    if (open !== undefined) throw fail(open.line, `@${open.kind} has no @end`);
    if (prefixes.length > 0 || params.length > 0)
      throw fail(line, 'a statement is missing: @repeat, @each and @param apply to the next one');
  };
  const beginSection = (list: SqlNode[], line: number) => {
    requireWhole(line);
    into = list;
  };

  const directives: Record<string, (rest: string, line: number) => void> = {
    endpoint(rest, line) {
      if (route !== null) throw fail(line, 'duplicate @endpoint: a file contains one endpoint');
      if (rest === '')
        throw fail(line, '@endpoint has no route', 'Write it as -- @endpoint GET /api/students');
      route = rest;
    },
    sample: (rest, line) => void samples.push(readSample(rest, error => fail(line, error))),
    setup: (_, line) => beginSection(setup, line),
    variant(rest, line) {
      if (!/^[\w-]+$/.test(rest)) throw fail(line, '@variant needs a name of letters, digits, - and _');
      if (variants.some(({name}) => name === rest)) throw fail(line, `duplicate variant "${rest}"`);
      const list: SqlNode[] = [];
      beginSection(list, line);
      variants.push({name: rest, body: list});
    },
    param(rest, line) {
      const [, number, value] = /^\$(\d+)\s*=\s*(.+)$/s.exec(rest) ?? [];
      if (Number(number) !== params.length + 1 || value === undefined)
        throw fail(line, `expected @param $${params.length + 1} = VALUE`);
      params.push(readParam(value, error => fail(line, error)));
    },
    repeat(rest, line) {
      if (!/^[1-9]\d{0,5}$/.test(rest)) throw fail(line, '@repeat needs a number from 1 to 999999');
      prefixes.push({kind: 'repeat', count: Number(rest), line});
    },
    each: (_, line) => void prefixes.push({kind: 'each', line}),
    think(rest, line) {
      const ms = parseDurationMs(rest);
      if (ms === null) throw fail(line, '@think needs a duration, such as 20ms');
      append({kind: 'think', ms, line}, prefixes.splice(0));
    },
    parallel: (_, line) => open('parallel', line),
    transaction: (_, line) => open('transaction', line),
    group: (_, line) => open('group', line),
    end(_, line) {
      const block = blocks.pop();
      if (block === undefined) throw fail(line, '@end without a block');
      into = block.outer;
      append({kind: block.kind, body: block.into, line: block.line}, block.prefixes);
    },
  };
  const open = (kind: Block['kind'], line: number) => {
    const inner: SqlNode[] = [];
    blocks.push({kind, line, into: inner, outer: body(), prefixes: prefixes.splice(0)});
    into = inner;
  };

  return {
    directive(word: string, rest: string, line: number): void {
      const read = Object.hasOwn(directives, word) ? directives[word] : undefined;
      const known = Object.keys(directives).map(each => `@${each}`);
      if (read === undefined)
        throw fail(line, `unknown directive @${word}`, `Directives: ${known.join(', ')}.`);
      read(rest, line);
    },
    /** Returns the offset after the statement. */
    statement(text: string, at: number, line: number): number {
      const {pieces, end, isEnded} = scanStatement(text, at);
      if (!isEnded) throw fail(line, 'the statement does not end with ;');
      const all = params;
      params = [];
      let sql = '';
      for (const piece of pieces) {
        if ('sql' in piece) sql += piece.sql;
        else sql += `$${all.push({name: piece.name})}`;
      }
      if (sql.trim() !== '')
        append({kind: 'statement', text: sql.trim(), params: all, line}, prefixes.splice(0));
      return end;
    },
    end(line: number): SqlEndpoint {
      requireWhole(line);
      if (variants.every(({body}) => body.length === 0)) throw fail(line, 'the file has no statement');
      prefixes = [];
      return {route: route ?? file, samples: samples.length > 0 ? samples : [{}], setup, variants};
    },
  };
}

type Fail = (message: string) => AbortError;

function readSample(text: string, fail: Fail): Sample {
  const value = jsonOf(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Sample;
  throw fail('@sample needs a JSON object, such as {"school_id": 3}');
}

function readParam(text: string, fail: Fail): SqlParam {
  const [, name] = /^\$([A-Za-z_]\w*)$/.exec(text) ?? [];
  if (name !== undefined) return {name};
  if (/^'(?:[^']|'')*'$/.test(text)) return {value: text.slice(1, -1).replaceAll("''", "'")};
  if (/^\\x(?:[\da-f]{2})*$/i.test(text)) return {bytes: Buffer.from(text.slice(2), 'hex')};
  const value = jsonOf(text);
  if (value === undefined) throw fail(`invalid value: use JSON, 'text', \\x00ff or $name`);
  return {value: value as SqlValue};
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isStatement({kind}: SqlNode): boolean {
  return kind === 'statement';
}

function afterLine(text: string, at: number): number {
  const found = text.indexOf('\n', at);
  return found === -1 ? text.length : found + 1;
}

function countLines(text: string): number {
  return text.split('\n').length - 1;
}

function malformed(file: string, line: number, message: string, hint?: string): AbortError {
  return usageError(`${file}:${line}: ${message}`, hint);
}
