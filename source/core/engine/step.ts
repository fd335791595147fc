import type {SqlStep, Undo, Verification} from '../../model/step.ts';

/** Whether its effect can occur without it: sessions and statements also end on their own. */
export function endsByItself({subject, apply}: Pick<SqlStep, 'subject' | 'apply'>): boolean {
  return subject.startsWith('backend:') || /\bpg_(terminate|cancel)_backend\b/.test(apply.text);
}

/** The step's undo; null if it is irreversible or needs none. */
export function undoOf({undo}: Pick<SqlStep, 'undo'>): Undo | null {
  return typeof undo === 'string' ? null : undo;
}

/** Why a step has no undo, for previews and the journal; null if it has one. */
export function withoutUndoText({undo, holds_secret}: Pick<SqlStep, 'undo' | 'holds_secret'>): string | null {
  if (undo === 'unneeded') return 'needs no undo';
  if (undo !== 'irreversible') return null;
  return holds_secret ? `cannot be undone: ${secretReason}` : 'cannot be undone';
}

export const secretReason = 'its undo would need what looks like a secret, which the journal does not store';

/** Whether a row satisfies a verification. False without a row, and for null compared with < or >. */
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
