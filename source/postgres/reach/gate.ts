import type {Node} from 'libpg-query';
import {AbortError, exitCodes} from '../../core/errors.ts';
import {descendants, type NamedObject, namedObjects} from '../../core/sql/named-objects.ts';
import type {PgClient} from '../connect/client.ts';
import {pickVariant} from '../queries/query.ts';
import type {SqlParser} from './parse-sql.ts';
import {reachQuery} from './reach-query.ts';

type Purpose = 'plan' | 'run';

export type GateRequest = {
  /** Each is one statement. */
  statements: readonly string[];
  /** Schemas in which names resolve, besides the role's own and pg_catalog. */
  search_path: readonly string[];
  /** `run`: the statements are executed, so no function in them may write. */
  purpose: Purpose;
  /** Functions to allow nevertheless, as `schema.name`. */
  functions?: readonly string[];
  /** The session is not a pooler's, so the gate can be prepared in it once. */
  is_own_session?: boolean;
};

/**
 * A query that fails and aborts its transaction if the statements reach functions that are not PostgreSQL's. It is sent
 * right before they are planned or run, and again after PREPARE, whose locks keep tables and views from changing. Needs
 * search_path = pg_catalog. Throws RefusedStatement (exit 2) for a text that the parser rejects, and for a statement
 * that is neither a query nor, to be planned, one that writes rows.
 */
export function gateQuery(parser: SqlParser, request: GateRequest): GateQuery {
  const {statements, search_path, purpose, functions = []} = request;
  const nodes = statements.map(text => onlyStatement(text, parser, purpose));
  const named = new Map<string, NamedObject>();
  for (const node of nodes) {
    for (const each of namedObjects(node)) named.set(JSON.stringify(each), each);
  }
  const names = [...named.values()];
  const values = [
    names.map(({kind}) => kind),
    names.map(({schema}) => schema),
    names.map(({name}) => name),
    search_path,
    nodes.some(writesRows),
    functions,
    purpose === 'run',
  ];
  const name = request.is_own_session ? {name: reachQuery.name} : {};
  return {...name, text: gate, values, rowMode: 'array'};
}

type GateQuery = Exclude<Parameters<PgClient['query']>[0], string>;

const {text: gate} = pickVariant(reachQuery, 130_000);

/** The gate's objection as an error; any other error unchanged. */
export function toRefusal(error: unknown, purpose: Purpose): unknown {
  const {message = ''} = error as {message?: string};
  const objection = /<poolctl:(.*):poolctl>/s.exec(message)?.[1];
  return objection === undefined
    ? error
    : refused(purpose, `it reaches ${objection}`, reachHints[purpose], error);
}

/** A statement that poolctl does not send to be planned or run. */
export class RefusedStatement extends AbortError {}

function refused(purpose: Purpose, why: string, hint: string, cause?: unknown): RefusedStatement {
  const message = `${purpose === 'plan' ? 'not planned' : 'not run'}: ${why}`;
  return new RefusedStatement(message, {hint, exitCode: exitCodes.usage, cause});
}

const reachHints = {
  plan: "Planning may run what a statement reaches, with the privileges of poolctl's role: only PostgreSQL's own functions and compiled functions of extensions are allowed.",
  run: 'A diagnosis or a verification only reads. Declare functions of your own: "functions: [schema.name]" in a Markdown recipe, beside text and values in a TypeScript recipe.',
};

const textHints = {
  plan: 'Only a single, complete SELECT, INSERT, UPDATE, DELETE, MERGE or VALUES has a plan; a text that the server truncated, or with $1 where the grammar allows no parameter, has none.',
  run: 'A diagnosis or a verification is one SELECT, without FOR UPDATE, INTO or a WITH that writes.',
};

function onlyStatement(text: string, {parse}: SqlParser, purpose: Purpose): Node {
  const [first, ...more] = parsed(text, parse, purpose);
  const node = first?.stmt;
  const hint = textHints[purpose];
  if (node === undefined || more.length > 0) throw refused(purpose, 'it is not one statement', hint);
  if (purpose === 'run' && !isPureQuery(node))
    throw refused(purpose, 'it is not a SELECT that only reads', hint);
  if (!plannable.some(kind => kind in node)) throw refused(purpose, 'a utility statement has no plan', hint);
  return node;
}

function parsed(text: string, parse: SqlParser['parse'], purpose: Purpose) {
  try {
    return parse(text).stmts ?? [];
  } catch (error) {
    throw refused(purpose, (error as Error).message, textHints[purpose], error);
  }
}

/** CREATE INDEX for HypoPG. */
const plannable = ['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt', 'IndexStmt'];

/** Neither writes, as a WITH can, nor creates a table, nor locks rows. */
function isPureQuery(node: Node): boolean {
  const acts = ['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt', 'intoClause', 'lockingClause'];
  return 'SelectStmt' in node && ![...descendants(node)].some(each => acts.some(key => key in each));
}

/** Whether planning may include column defaults: also for DELETE, which a rule may turn into an INSERT. */
function writesRows(node: Node): boolean {
  const kinds = ['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'];
  return [...descendants(node)].some(each => kinds.some(kind => kind in each));
}
