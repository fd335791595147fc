import type {SqlEndpoint, SqlNode, SqlParam} from './sql-endpoint.ts';

/** The file that `parseSqlEndpoint` reads back as the same, lines aside. */
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
      return [`-- @repeat ${node.count}`, ...writeOne(node.body)];
    case 'each':
      return ['-- @each', ...writeOne(node.body)];
    default:
      return [`-- @${node.kind}`, ...node.body.flatMap(writeNode), '-- @end'];
  }
}

function writeOne(body: readonly SqlNode[]): string[] {
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

/** A comment of one line at its end would swallow the `;`; one at its beginning could read as a directive. */
function endStatement(text: string): string {
  const sql = text.replace(/^(\s*--.*(\n|$)|\s+)+/, '').replace(/[\s;]+$/, '');
  return /--[^\n]*$/.test(sql) ? `${sql}\n;` : `${sql};`;
}
