import {usageError} from '../../core/errors.ts';

/** The server's connection slots, which all its clients share. */
export type Slots = {
  /** Slots this role may take: without those reserved for superusers and others. */
  usable: number;
  /** Sessions of all clients. */
  used: number;
  /** Sessions of this replay. */
  own: number;
};

export type Guard = {
  /** How many connections the replay may open now. */
  room(): Promise<number>;
  /** Usable slots of the server. */
  slots(): Promise<number>;
  /** Sessions of the replay; null where the server did not answer. Aborts `signal` when other clients run short. */
  count(): Promise<number | null>;
  /** Aborts when other clients run short of slots. */
  signal: AbortSignal;
  /** Why it aborted, as a sentence; null: it did not. */
  reason(): string | null;
};

/** Slots a replay leaves free for other clients: this many, or this share of all. At half of it the replay stops. */
const minHeadroom = 3;
const headroomShare = 0.1;

/**
 * Keeps slots free for other clients, before each measurement and while it runs. Without `isGuarded`, for a throwaway
 * server, nothing is kept free: running out of slots is what its replay shows.
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
      // One failed reading does not end the replay; it fails when the replay itself has taken every slot.
      const slots = await readSlots().catch(() => null);
      if (slots === null) return null;
      const {usable, used, own} = slots;
      if (isGuarded && usable - used < headroomOf(usable) / 2 && !controller.signal.aborted) {
        reason = `stopped to leave slots for other clients: ${used} of ${usable} are in use, ${own} of them by the replay`;
        controller.abort();
      }
      return own;
    },
  };
}

export function headroomOf(usable: number): number {
  return Math.max(minHeadroom, Math.ceil(usable * headroomShare));
}

/**
 * The highest count of sessions, asked every 200 ms and once more at the end, while the pools' connections are still
 * open. null where the server never answered.
 */
export function trackPeakConnections(count: () => Promise<number | null>): {end(): Promise<number | null>} {
  let peak: number | null = null;
  let isOver = false;
  const ask = async () => {
    const sessions = await count();
    if (sessions !== null) peak = Math.max(peak ?? 0, sessions);
  };
  const asking = (async () => {
    while (!isOver) {
      await ask();
      await new Promise(resolve => {
        setTimeout(resolve, 200).unref();
      });
    }
  })();
  return {
    async end() {
      isOver = true;
      await asking;
      await ask();
      return peak;
    },
  };
}

/** Throws AbortError (exit 2) for writes on a target marked as production. */
export function requireAllowed({
  allowWrites,
  is_production,
}: {
  allowWrites: boolean;
  is_production: boolean;
}): void {
  if (!allowWrites || !is_production) return;
  throw usageError(
    '--allow-writes is refused on a target marked as production',
    'Replay against a copy, or without --allow-writes: sessions are read-only then.',
  );
}

/** Settings each session of a replay starts with, as the startup parameter `options`. */
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
