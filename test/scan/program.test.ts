import {expect, it} from 'vitest';
import {visit} from '../../source/scan/code/nodes.ts';
import {loadParser} from '../../source/scan/code/parser.ts';
import {readProgram} from '../../source/scan/code/program.ts';

const statements = 'const text = "\\\\\\" } {" + `}`;\n'.repeat(12);
const source = `import {a} from 'a';
export function first(at) { ${statements} for (const each of at) { function inner() { ${statements} } } }
function small() { return 1; }
class Box { method(at) { ${statements} } get later() { return '"body":{"type":"BlockStatement"'; } }
export const arrow = async at => { ${statements} };
`;

it('reads the bodies of functions on first use, and then has the same program', async () => {
  const program = JSON.parse(await jsonOf(source)).node;
  const deferred = readProgram(await jsonOf(source));
  const [, exported] = deferred.body;
  const declaration = exported?.type === 'ExportNamedDeclaration' ? exported.declaration : null;
  const getter = () => Object.getOwnPropertyDescriptor(declaration, 'body')?.get;
  expect(getter()).toBeTypeOf('function');
  let nodes = 0;
  visit(deferred, () => {
    nodes++;
    return undefined;
  });
  expect(nodes).toBeGreaterThan(200);
  expect(getter()).toBeUndefined();
  expect(deferred).toEqual(program);
});

/** What the parser gave JSON.parse or readProgram. */
async function jsonOf(text: string): Promise<string> {
  const parse = await loadParser();
  return JSON.stringify({node: parse('a.ts', text).program});
}
