import type {SqlStep, Undo} from '../model/step.ts';

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
