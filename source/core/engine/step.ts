import type {FileChange, QueryEdit, SqlStep, Undo, Verification} from '../../model/step.ts';
import {setUrlParameters, setUrlQuery} from '../pool/env.ts';

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

/**
 * The file's text after the change (null: no file). Returns undefined if the change no longer applies.
 */
export function applyChange(text: string | null, change: FileChange): string | null | undefined {
  if (change.kind === 'withheld') return undefined;
  if (change.kind === 'create') return text === null ? change.text : undefined;
  if (text === null) return undefined;
  if (change.kind === 'remove') return text === change.text ? null : undefined;
  if (change.kind === 'replace') return replaceOnce(text, change);
  return change.kind === 'url_query' ? setUrlQuery(text, change) : setUrlParameters(text, change);
}

/** The reverse change. */
export function invertChange(change: FileChange): FileChange {
  switch (change.kind) {
    case 'withheld':
      return change;
    case 'create':
      return {...change, kind: 'remove'};
    case 'remove':
      return {...change, kind: 'create'};
    case 'replace':
      return {...change, before: change.after, after: change.before};
    case 'url_query':
      return {...change, edits: change.edits.toReversed().map(invertEdit)};
    case 'url_parameters':
      return {...change, before: change.after, after: change.before};
  }
}

function invertEdit({before, after}: QueryEdit): QueryEdit {
  return {before: after, after: before};
}

function replaceOnce(text: string, {before, after}: {before: string; after: string}): string | undefined {
  const at = text.indexOf(before);
  if (before === '' || at === -1 || text.indexOf(before, at + 1) !== -1) return undefined;
  return text.slice(0, at) + after + text.slice(at + before.length);
}
