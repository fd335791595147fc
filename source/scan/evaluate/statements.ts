import type {ForStatement, IfStatement, Node, VariableDeclarator} from '@oxc-project/types';
import {exits, leavesLoop, unwrap} from '../code/nodes.ts';
import {createAwaits} from './awaits.ts';
import {branch, type Cost, isNothing, sequence} from './cost.ts';
import {certainBranch} from './functions.ts';
import {itemOf, passesOver} from './lists.ts';
import {assign, bind} from './names.ts';
import {unusedParts} from './records.ts';
import {awaited, join, type Loop, type Scope, unknown, type Value} from './values.ts';
import type {At, Walk} from './walk.ts';

/** Runs statements in order, and adds what they cost to `at.out`. */
export function runStatements(walk: Walk, statements: readonly Node[], at: At): void {
  for (const each of statements) if (each.type === 'FunctionDeclaration') walk.evaluate(each, at);
  const awaits = createAwaits(at);
  for (const [index, statement] of statements.entries()) {
    const before = at.out.length;
    if (statement.type === 'IfStatement' && runIf(walk, statement, statements.slice(index + 1), at)) return;
    if (statement.type !== 'IfStatement') runStatement(walk, statement, at);
    awaits.see(statement, at.out.slice(before));
    if (exits(statement)) return;
  }
}

/**
 * True if it ran the rest, too: after `if (...) return` the rest is the other branch. A request takes the dearer of two
 * branches.
 */
function runIf(walk: Walk, node: IfStatement, rest: readonly Node[], at: At): boolean {
  const isTrue = certainBranch(walk, node.test, at);
  const kept = isTrue === null && isKeptElsewhere(node, at.scope) ? node.consequent : null;
  const inBranch = (...statements: readonly (Node | null)[]): Cost => {
    const out: Cost[] = [];
    const frame = kept !== null && statements[0] === kept ? {...at.frame, isOnce: true} : at.frame;
    runStatements(
      walk,
      statements.flatMap(each => each ?? []),
      {...at, out, frame},
    );
    return sequence(out);
  };
  if (isTrue !== null) {
    const taken = isTrue ? node.consequent : node.alternate;
    at.out.push(inBranch(taken, ...(exits(taken) ? [] : rest)));
    return true;
  }
  const endsThen = exits(node.consequent);
  const endsElse = exits(node.alternate);
  if (endsThen === endsElse) {
    at.out.push(branch([inBranch(node.consequent), inBranch(node.alternate)]));
    return false;
  }
  at.out.push(
    endsThen
      ? branch([inBranch(node.consequent), inBranch(node.alternate, ...rest)])
      : branch([inBranch(node.consequent, ...rest), inBranch(node.alternate)]),
  );
  return true;
}

/** `if (!known) known = load()` where `known` outlives the call: each further call gets the same. */
function isKeptElsewhere({test, consequent}: IfStatement, scope: Scope): boolean {
  const {module} = scope;
  const asked = test.type === 'UnaryExpression' && test.operator === '!' ? unwrap(test.argument) : null;
  if (asked === null || !outlivesCall(asked, scope)) return false;
  const textIn = (node: Node) => module.text.slice(node.start, node.end);
  const body = consequent.type === 'BlockStatement' ? consequent.body : [consequent];
  return body.some(
    each =>
      each.type === 'ExpressionStatement' &&
      each.expression.type === 'AssignmentExpression' &&
      textIn(each.expression.left) === textIn(asked),
  );
}

/** `known`, `this.known`, `store.known`; not `user.profile` of a parameter or a loop's variable, nor `known[id]`: each may be another. */
function outlivesCall(node: Node, scope: Scope): boolean {
  if (node.type === 'MemberExpression') return !node.computed && outlivesCall(unwrap(node.object), scope);
  if (node.type === 'Identifier') return scope.parent === null || !scope.names.has(node.name);
  return node.type === 'ThisExpression';
}

function runStatement(walk: Walk, node: Node, at: At): void {
  switch (node.type) {
    case 'VariableDeclaration':
      for (const each of node.declarations) declare(walk, each, node.kind, at);
      return;
    case 'BlockStatement':
      walk.run(node.body, at);
      return;
    case 'ExpressionStatement': {
      const {expression} = node;
      const isVoid = expression.type === 'UnaryExpression' && expression.operator === 'void';
      const value = walk.evaluate(isVoid ? expression.argument : expression, at);
      if (expression.type !== 'AssignmentExpression' && runsUnawaited(value))
        at.out.push(walk.settle(value, node, at));
      return;
    }
    case 'ReturnStatement': {
      if (node.argument === null) return;
      const value = walk.evaluate(node.argument, at);
      // An async function waits for the promise that it returns.
      if (at.frame.node?.async) at.out.push(walk.settle(value, node, at));
      at.frame.returns.push(at.frame.node?.async ? awaited(value) : value);
      return;
    }
    case 'TryStatement': {
      const inside = (block: Node | null): Cost => {
        const out: Cost[] = [];
        if (block !== null) walk.run([block], {...at, out});
        return sequence(out);
      };
      at.out.push(branch([inside(node.block), inside(node.handler?.body ?? null)]), inside(node.finalizer));
      return;
    }
    case 'SwitchStatement': {
      walk.evaluate(node.discriminant, at);
      const cases = node.cases.map(({consequent}) => {
        const out: Cost[] = [];
        walk.run(consequent, {...at, out});
        return sequence(out);
      });
      at.out.push(branch(cases));
      return;
    }
    case 'ForStatement':
    case 'ForInStatement':
    case 'ForOfStatement':
    case 'WhileStatement':
    case 'DoWhileStatement':
      runLoop(walk, node, at);
      return;
    case 'LabeledStatement':
      runStatement(walk, node.body, at);
      return;
    case 'IfStatement':
      runIf(walk, node, [], at);
      return;
    case 'FunctionDeclaration':
    case 'EmptyStatement':
      return;
    default:
      walk.evaluate(node, at);
  }
}

/** `sendMail(...)` without await, `waitUntil(...)`, `after(() => ...)`: a statement that starts queries and goes on. */
function runsUnawaited(value: Value): boolean {
  if (value.kind === 'wrapped') return /(?:^|\.)(?:unstable_after|after|waitUntil)\(\)$/.test(value.name);
  return value.kind === 'pending' && value.isRunning === true;
}

function declare(walk: Walk, node: VariableDeclarator, kind: string, at: At): void {
  if (node.init === null) {
    const typed = node.id.typeAnnotation
      ? walk.typed(node.id.typeAnnotation.typeAnnotation, at.scope)
      : unknown;
    bind(walk, node.id, typed, at);
    return;
  }
  const value = walk.evaluate(node.init, at);
  const init = unwrap(node.init);
  const {module} = at.scope;
  if (
    kind === 'const' &&
    init.type === 'NewExpression' &&
    value.kind === 'client' &&
    at.frame.node !== null &&
    !at.frame.isOnce
  ) {
    const detail = 'a new Prisma Client, so a new pool, in each request';
    at.out.push({kind: 'note', note: 'client-per-request', detail, site: {module, node: init}});
  }
  noteUnused(walk, node, at);
  const typed =
    value.kind === 'unknown' && node.id.typeAnnotation
      ? walk.typed(node.id.typeAnnotation.typeAnnotation, at.scope)
      : unknown;
  bind(walk, node.id, join(value, typed), at);
}

/** With a patch where the schema has the field to select, and it is a column. */
function noteUnused(walk: Walk, node: VariableDeclarator, at: At): void {
  const last = at.out.at(-1);
  const unused = at.frame.node && last?.kind === 'query' ? unusedParts(node, at.frame.node) : null;
  if (unused === null || last?.kind !== 'query' || last.query.site.node !== unused.call) return;
  const fields = walk.models?.get(last.query.model ?? '')?.fields;
  const key = [...(fields ?? [])].find(([, {isUnique}]) => isUnique)?.[0];
  const field = unused.field ?? key;
  const shape = field === undefined ? undefined : fields?.get(field);
  // A relation is undefined without an include; a select would read it.
  const patch =
    shape === undefined || shape.isRelation
      ? null
      : {offset: unused.end, insert: `, select: {${field}: true}`};
  const site = {module: at.scope.module, node: unused.call};
  at.out.push({kind: 'note', note: 'whole-record', detail: unused.detail, site, patch});
}

type LoopNode = Extract<
  Node,
  {type: 'ForStatement' | 'ForInStatement' | 'ForOfStatement' | 'WhileStatement' | 'DoWhileStatement'}
>;

function runLoop(walk: Walk, node: LoopNode, at: At): void {
  const {module} = at.scope;
  const out: Cost[] = [];
  let loop: Loop = {count: null, over: 'until its condition fails', node};
  if (node.type === 'ForStatement') {
    if (node.init !== null) runStatement(walk, node.init, at);
    loop = {
      count: countOf(node),
      over: module.text.slice(node.init?.start ?? node.start, node.update?.end ?? node.start),
      node,
    };
  } else if (node.type === 'ForOfStatement' || node.type === 'ForInStatement') {
    const list = awaited(walk.evaluate(node.right, at));
    loop = {count: passesOver(list), over: textOf(module.text, node.right), node};
    const item = list.kind === 'list' ? itemOf(list) : unknown;
    bindTarget(walk, node.left, item, {...at, out});
    if (node.type === 'ForOfStatement' && node.await) out.push(walk.settle(item, node, at));
  }
  const test = node.type === 'ForOfStatement' || node.type === 'ForInStatement' ? null : node.test;
  if (test !== null) walk.evaluate(test, {...at, out});
  walk.run([node.body], {...at, out, loop});
  const body = sequence(out);
  if (isNothing(body)) return;
  // A body that returns or breaks at its end makes one pass unless something fails: a retry.
  const isOnce = leavesLoop(node.body) || endsFirstPass(node.body);
  const isPaging =
    (test === null || node.type !== 'ForStatement') &&
    !node.type.startsWith('ForIn') &&
    node.type !== 'ForOfStatement';
  if (isOnce) at.out.push(body);
  else
    at.out.push({
      kind: 'loop',
      body,
      count: loop.count,
      isParallel: false,
      isPaging,
      over: loop.over,
      site: {module, node},
    });
}

function bindTarget(walk: Walk, left: Node, value: Value, at: At): void {
  if (left.type === 'VariableDeclaration') for (const {id} of left.declarations) bind(walk, id, value, at);
  else assign(walk, left, value, at);
}

/** `try { ...; return } catch { retry }` as the body. */
function endsFirstPass(body: Node): boolean {
  const statements = body.type === 'BlockStatement' ? body.body : [body];
  return statements.some(each => each.type === 'TryStatement' && leavesLoop(each.block));
}

/** How often `for (let i = 5; i >= 0; i--)` runs, where all its numbers are written there. */
function countOf({init, test, update}: ForStatement): number | null {
  const [start] = init?.type === 'VariableDeclaration' ? init.declarations : [];
  const from = start?.init?.type === 'Literal' ? start.init.value : null;
  if (test?.type !== 'BinaryExpression' || test.right.type !== 'Literal') return null;
  const to = test.right.value;
  const step = update?.type === 'UpdateExpression' ? 1 : null;
  if (typeof from !== 'number' || typeof to !== 'number' || step === null) return null;
  return Math.max(0, Math.abs(to - from) + (test.operator.endsWith('=') ? 1 : 0));
}

export function textOf(text: string, node: Node): string {
  const own = text.slice(node.start, node.end).replace(/\s+/g, ' ');
  return own.length > 48 ? `${own.slice(0, 47)}…` : own;
}
