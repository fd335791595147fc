import type {Verification} from '../../model/step.ts';

/** Whether a row is as a verification expects it. No row, or null where a value is compared, is "no". */
export function holds(
  {column, op, value}: Verification['expect'],
  row: Record<string, unknown> | undefined,
): boolean {
  if (row === undefined || !(column in row)) return false;
  const actual = row[column];
  if (op === '=') return actual === value;
  if (op === '<>') return actual !== value;
  if (actual === null || value === null || typeof actual !== typeof value) return false;
  const order = compare(actual, value);
  return {'<': order < 0, '<=': order <= 0, '>': order > 0, '>=': order >= 0}[op];
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [left, right] = [String(a), String(b)];
  return left < right ? -1 : Number(left > right);
}
