import {usageError} from '../../core/errors.ts';

/** Slots of the server, as every client shares them. */
export type Slots = {
  /** Open to this role: what superusers and others have reserved is not in it. */
  usable: number;
  /** Sessions of everybody. */
  used: number;
  /** Sessions of the measurement. */
  own: number;
};

export type Guard = {
  /** How many connections the measurement may open now. */
  room(): Promise<number>;
  /** How many the server has for everybody. */
  slots(): Promise<number>;
  /** Sessions of the measurement; null where the server did not say. Aborts `signal` where others run short. */
  count(): Promise<number | null>;
  /** Aborts when other clients run short of slots. */
  signal: AbortSignal;
  /** Why it aborted, for people. */
  reason(): string | null;
};

/** So many slots, or this share of them, are left to others whatever is asked for; at half of it the replay ends. */
const leastHeadroom = 3;
const headroomShare = 0.1;

/**
 * Keeps a replay from taking what others need: before each measurement, and while it runs. A throwaway server's
 * slots are nobody else's, and the errors of running out of them are what is to be seen: `isGuarded` false.
 */
export function createGuard(readSlots: () => Promise<Slots>, isGuarded: boolean): Guard {
  const controller = new AbortController();
  let reason: string | null = null;
  return {
    signal: controller.signal,
    reason: () => reason,
    slots: async () => (await readSlots()).usable,
    async room() {
      const {usable, used, own} = await readSlots();
      return isGuarded ? Math.max(0, usable - headroomOf(usable) - (used - own)) : Number.POSITIVE_INFINITY;
    },
    async count() {
      // The replay goes on where a single reading fails, as it does when every slot is taken by it.
      const slots = await readSlots().catch(() => null);
      if (slots === null) return null;
      const {usable, used, own} = slots;
      if (isGuarded && usable - used < headroomOf(usable) / 2 && !controller.signal.aborted) {
        reason = `stopped for other clients: ${used} of ${usable} slots are taken, ${own} of them by the replay`;
        controller.abort();
      }
      return own;
    },
  };
}

export function headroomOf(usable: number): number {
  return Math.max(leastHeadroom, Math.ceil(usable * headroomShare));
}

/** Sessions are read-only unless writes are allowed, which they never are on production. Throws AbortError (exit 2). */
export function requireAllowed({
  allowWrites,
  is_production,
}: {
  allowWrites: boolean;
  is_production: boolean;
}): void {
  if (!allowWrites || !is_production) return;
  throw usageError(
    '--allow-writes is refused on a target that is marked as production',
    'Replay against a copy, or without --allow-writes: sessions are read-only then.',
  );
}

/** What every session of a replay starts with. */
export function sessionSettings({allowWrites}: {allowWrites: boolean}): string {
  const settings = {
    ...(allowWrites ? {} : {default_transaction_read_only: 'on'}),
    statement_timeout: '30s',
    lock_timeout: '5s',
    idle_in_transaction_session_timeout: '30s',
  };
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ');
}
