import type {SqlStep, Undo, Verification} from '../../model/step.ts';

/** Whether what its verification waits for also comes without it: sessions leave and statements end by themselves. */
export function endsByItself({subject, apply}: Pick<SqlStep, 'subject' | 'apply'>): boolean {
  return subject.startsWith('backend:') || /\bpg_(terminate|cancel)_backend\b/.test(apply.text);
}

/** How a step is taken back; null where it cannot or need not be. */
export function undoOf({undo}: Pick<SqlStep, 'undo'>): Undo | null {
  return typeof undo === 'string' ? null : undo;
}

/** What a preview and the journal say of a step's undo; null where there is one to be shown. */
export function withoutUndoText({undo, holds_secret}: Pick<SqlStep, 'undo' | 'holds_secret'>): string | null {
  if (undo === 'unneeded') return 'needs no undo';
  if (undo !== 'irreversible') return null;
  return holds_secret ? `cannot be undone: ${secretReason}` : 'cannot be undone';
}

export const secretReason = 'it would take what looks like a secret, which the journal does not keep';

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
