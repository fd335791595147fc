import {setTimeout as delay} from 'node:timers/promises';
import {usageError} from '../../core/errors.ts';
import type {Context, Endpoint, Row, Sample, Sql} from './endpoint.ts';

/**
 * An endpoint written as plain SQL. Statements end with `;`. Lines that begin with `-- @` are directives:
 *
 *     -- @endpoint GET /api/students      the route; must come first
 *     -- @sample {"school_id": 3}         a request; of several, each request takes one at random, by the seed
 *     -- @setup                           statements up to the first variant run once and are not measured
 *     -- @variant before                  statements of a variant; a file without @variant has one, `main`
 *     -- @param $1 = 42                   a parameter of the next statement: JSON, 'text', \x00ff (bytes), or $name
 *     -- @parallel ... -- @end            runs its contents at the same time, each on its own connection
 *     -- @transaction ... -- @end         runs its contents between BEGIN and COMMIT, on one connection
 *     -- @group ... -- @end               runs its contents in order, as one branch of @parallel
 *     -- @repeat 5                        runs the next statement or block that many times
 *     -- @each                            runs the next statement or block once for each row of the statement before
 *     -- @think 20ms                      pauses, as the application does between two statements
 *
 * `$name`, in a statement or as a parameter's value, is a column of the current row of `@each`, or a field of the
 * sample.
 */
export type SqlEndpoint = {
  route: string;
  samples: readonly Sample[];
  setup: readonly SqlNode[];
  variants: readonly SqlVariant[];
};

type SqlVariant = {name: string; body: readonly SqlNode[]};

/** `line` starts at 1; 0 for a node that does not come from a file. */
export type SqlNode =
  | {kind: 'statement'; text: string; params: readonly SqlParam[]; line: number}
  | {kind: 'parallel' | 'transaction' | 'group'; body: readonly SqlNode[]; line: number}
  | {kind: 'repeat'; count: number; body: readonly SqlNode[]; line: number}
  | {kind: 'each'; body: readonly SqlNode[]; line: number}
  | {kind: 'think'; ms: number; line: number};

/** A parameter. Bytes are sent in the binary format, everything else as text. */
export type SqlParam = {value: SqlValue} | {bytes: Uint8Array} | {name: string};
export type SqlValue =
  | null
  | boolean
  | number
  | string
  | readonly SqlValue[]
  | {readonly [key: string]: SqlValue};

/** The variant of a file without `@variant`. */
export const onlyVariant = 'main';

/** The file's text. `parseSqlEndpoint` reads it back to the same endpoint, except for lines. */
export function writeSqlEndpoint({route, samples, setup, variants}: SqlEndpoint): string {
  const requests = samples.filter(sample => Object.keys(sample).length > 0);
  return [
    `-- @endpoint ${route.replace(/\s+/g, ' ').trim()}`,
    ...requests.map(sample => `-- @sample ${JSON.stringify(sample)}`),
    ...(setup.length > 0 ? ['', '-- @setup', ...setup.flatMap(writeNode)] : []),
    ...variants.flatMap(({name, body}) => ['', `-- @variant ${name}`, ...body.flatMap(writeNode)]),
    '',
  ].join('\n');
}

function writeNode(node: SqlNode): string[] {
  switch (node.kind) {
    case 'statement':
      return [...node.params.map(writeParam), endStatement(node.text)];
    case 'think':
      return [`-- @think ${Number(node.ms.toFixed(3))}ms`];
    case 'repeat':
      return [`-- @repeat ${node.count}`, ...writeAsOne(node.body)];
    case 'each':
      return ['-- @each', ...writeAsOne(node.body)];
    default:
      return [`-- @${node.kind}`, ...node.body.flatMap(writeNode), '-- @end'];
  }
}

/** @repeat and @each apply to one statement or block. */
function writeAsOne(body: readonly SqlNode[]): string[] {
  const [only] = body;
  if (body.length === 1 && only !== undefined) return writeNode(only);
  return writeNode({kind: 'group', body, line: 0});
}

function writeParam(param: SqlParam, index: number): string {
  return `-- @param $${index + 1} = ${paramText(param)}`;
}

function paramText(param: SqlParam): string {
  if ('name' in param) return `$${param.name}`;
  if ('bytes' in param) return `\\x${Buffer.from(param.bytes).toString('hex')}`;
  return JSON.stringify(param.value);
}

/** A trailing line comment would swallow the `;`; a leading one could read as a directive. */
function endStatement(text: string): string {
  const sql = text.replace(/^(\s*--.*(\n|$)|\s+)+/, '').replace(/[\s;]+$/, '');
  return /--[^\n]*$/.test(sql) ? `${sql}\n;` : `${sql};`;
}

/** Compiles a SQL endpoint to the form of one written in TypeScript. */
export function compileSqlEndpoint(source: SqlEndpoint, file: string): Endpoint {
  const setup = compileAll(source.setup, file);
  return {
    route: source.route,
    file,
    samples: source.samples,
    ...(source.setup.length > 0 && {setup: context => setup(initialScope(context))}),
    variants: source.variants.map(({name, body}) => {
      const run = compileAll(body, file);
      return {name, run: context => run(initialScope(context))};
    }),
  };
}

/** What a node runs with. `names` are the values of `$name`; `rows` are those of the last statement, for `@each`. */
type Scope = {sql: Sql; names: Sample; signal: AbortSignal; rows: readonly Row[]};
type Step = (scope: Scope) => Promise<unknown>;

function initialScope({sql, request, signal}: Context): Scope {
  return {sql, names: request, signal, rows: []};
}

function compileAll(nodes: readonly SqlNode[], file: string): Step {
  const steps = nodes.map((node, index) => compile(node, file, feedsEach(nodes, index)));
  const [only] = steps;
  if (steps.length === 1 && only !== undefined) return only;
  return async outer => {
    const scope = {...outer};
    for (const step of steps) await step(scope);
  };
}

/** Whether an `@each` loops over the rows of this statement, the last one before it. */
function feedsEach(nodes: readonly SqlNode[], index: number): boolean {
  const behind = nodes.slice(index + 1);
  const next = behind.findIndex(({kind}) => kind === 'statement');
  return (next === -1 ? behind : behind.slice(0, next)).some(containsEach);
}

function containsEach(node: SqlNode): boolean {
  return node.kind === 'each' || ('body' in node && node.body.some(containsEach));
}

function compile(node: SqlNode, file: string, needsRows: boolean): Step {
  switch (node.kind) {
    case 'statement':
      return compileStatement(node, file, needsRows);
    case 'think':
      return ({signal}) => delay(node.ms, undefined, {signal});
    case 'group':
      return compileAll(node.body, file);
    case 'transaction': {
      const body = compileAll(node.body, file);
      return scope => scope.sql.transaction(sql => body({...scope, sql}));
    }
    case 'parallel':
      return compileParallel(node.body, file);
    case 'repeat':
    case 'each': {
      const once = compileAll(node.body, file);
      return async scope => {
        for (const inner of scopesOf(node, scope)) await once(inner);
      };
    }
  }
}

/** Runs all branches at the same time. Each iteration of an `@each` or `@repeat` directly in the block is a branch. */
function compileParallel(nodes: readonly SqlNode[], file: string): Step {
  const branches = nodes.map(node => {
    if (node.kind !== 'repeat' && node.kind !== 'each') {
      const step = compile(node, file, false);
      return (scope: Scope) => [step({...scope})];
    }
    const once = compileAll(node.body, file);
    return (scope: Scope) => scopesOf(node, scope).map(once);
  });
  return async scope => {
    // Waits for all branches; otherwise a running query would count for the next request.
    const outcomes = await Promise.allSettled(branches.flatMap(branch => branch(scope)));
    for (const each of outcomes) if (each.status === 'rejected') throw each.reason;
  };
}

function scopesOf(node: Extract<SqlNode, {kind: 'repeat' | 'each'}>, scope: Scope): Scope[] {
  return node.kind === 'repeat'
    ? Array.from({length: node.count}, () => ({...scope}))
    : scope.rows.map(row => ({...scope, names: {...scope.names, ...row}, rows: []}));
}

function compileStatement(
  {text, params, line}: Extract<SqlNode, {kind: 'statement'}>,
  file: string,
  needsRows: boolean,
): Step {
  const read = params.map(param => compileParam(param, file, line));
  return async scope => {
    const values = read.map(each => each(scope.names));
    const rows = await scope.sql({text, line, ...(values.length > 0 && {values})});
    if (needsRows) scope.rows = rows;
  };
}

function compileParam(param: SqlParam, file: string, line: number): (names: Sample) => unknown {
  if ('value' in param) return () => param.value;
  // pg sends a Buffer in the binary format.
  if ('bytes' in param) return () => Buffer.from(param.bytes);
  return names => {
    if (Object.hasOwn(names, param.name)) return names[param.name];
    throw usageError(
      `${file}:${line}: $${param.name} has no value here`,
      'It must be a column of the row of an @each around it, or a field of the @sample.',
    );
  };
}
