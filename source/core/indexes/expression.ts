import type {A_Expr, ColumnRef, FuncCall, Node} from 'libpg-query';
import {quoteIdentifier, quoteLiteral} from '../sql/quote.ts';

/** The names in a list of String nodes: a qualified name, an operator. */
export function namesOf(nodes: readonly Node[] | undefined): string[] {
  return (nodes ?? []).flatMap(node => ('String' in node ? [node.String.sval ?? ''] : []));
}

/**
 * An expression over one column as an index can have it, written in one way, so that two can be compared; `write`
 * says what a column is called. Null where it is not known to be immutable or has constants that nobody knows.
 */
export function writeExpression(node: Node, write: (column: ColumnRef) => string | null): string | null {
  if ('ColumnRef' in node) return write(node.ColumnRef);
  if ('FuncCall' in node) return writeFunction(node.FuncCall, write);
  if ('A_Expr' in node) return writeJsonPath(node.A_Expr, write);
  // What pg_get_indexdef adds: `'key'::text`, `(email)::text`.
  if ('TypeCast' in node && node.TypeCast.arg !== undefined) {
    const [type] = namesOf(node.TypeCast.typeName?.names).slice(-1);
    return type === 'text' || type === 'regconfig' ? writeExpression(node.TypeCast.arg, write) : null;
  }
  if ('A_Const' in node && node.A_Const.sval !== undefined) return quoteLiteral(node.A_Const.sval.sval ?? '');
  return null;
}

/** Immutable functions that people index by. */
const functions = new Map([
  ['lower', 1],
  ['upper', 1],
  ['md5', 1],
  // With the configuration named: without it, it depends on a setting.
  ['to_tsvector', 2],
]);

function writeFunction(
  {funcname, args = []}: FuncCall,
  write: (column: ColumnRef) => string | null,
): string | null {
  const [name = ''] = namesOf(funcname).slice(-1);
  if (functions.get(name) !== args.length) return null;
  const written = args.map(argument => writeExpression(argument, write));
  return written.includes(null) ? null : `${name}(${written.join(', ')})`;
}

function writeJsonPath(
  {name, lexpr, rexpr}: A_Expr,
  write: (column: ColumnRef) => string | null,
): string | null {
  const [operator = ''] = namesOf(name);
  if (lexpr === undefined || rexpr === undefined || !['->', '->>'].includes(operator)) return null;
  const [left, right] = [writeExpression(lexpr, write), writeExpression(rexpr, write)];
  return left === null || right === null ? null : `(${left} ${operator} ${right})`;
}

/** A column of an index's own table, whatever it is qualified with. */
export function writeOwnColumn({fields}: ColumnRef): string | null {
  const [name] = namesOf(fields).slice(-1);
  return name === undefined ? null : quoteIdentifier(name);
}
