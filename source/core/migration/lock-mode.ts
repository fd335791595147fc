import type {LockMode} from '../../model/preflight.ts';

/** Weakest first: their numbers are LockStmt's `mode` and LOCKMODE in the server's lockdefs.h. */
export const lockModes = [
  'ACCESS SHARE',
  'ROW SHARE',
  'ROW EXCLUSIVE',
  'SHARE UPDATE EXCLUSIVE',
  'SHARE',
  'SHARE ROW EXCLUSIVE',
  'EXCLUSIVE',
  'ACCESS EXCLUSIVE',
] as const satisfies readonly LockMode[];

/** The manual's table of conflicting lock modes. */
const conflicts: Record<LockMode, readonly LockMode[]> = {
  'ACCESS SHARE': lockModes.slice(7),
  'ROW SHARE': lockModes.slice(6),
  'ROW EXCLUSIVE': lockModes.slice(4),
  'SHARE UPDATE EXCLUSIVE': lockModes.slice(3),
  SHARE: ['ROW EXCLUSIVE', 'SHARE UPDATE EXCLUSIVE', ...lockModes.slice(5)],
  'SHARE ROW EXCLUSIVE': lockModes.slice(2),
  EXCLUSIVE: lockModes.slice(1),
  'ACCESS EXCLUSIVE': lockModes,
};

export function conflictsWith(mode: LockMode, other: LockMode): boolean {
  return conflicts[mode].includes(other);
}

export function blocksReads(mode: LockMode): boolean {
  return conflictsWith(mode, 'ACCESS SHARE');
}

export function blocksWrites(mode: LockMode): boolean {
  return conflictsWith(mode, 'ROW EXCLUSIVE');
}

export function strongest(modes: readonly LockMode[]): LockMode {
  return lockModes[Math.max(0, ...modes.map(mode => lockModes.indexOf(mode)))] ?? 'ACCESS SHARE';
}

/** `AccessExclusiveLock` of pg_locks; null for a mode of another kind of lock. */
export function lockModeOf(pg_locks_mode: string): LockMode | null {
  const name = pg_locks_mode
    .replace(/Lock$/, '')
    .replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toUpperCase();
  return lockModes.find(mode => mode === name) ?? null;
}
