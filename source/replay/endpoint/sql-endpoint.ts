import type {Sample} from './endpoint.ts';

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
