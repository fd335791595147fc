import {usageError} from '../../core/errors.ts';

/** The server's connection slots, shared by all its clients. */
export type Slots = {
  /** Slots that this role may use: without the reserved ones. */
  usable: number;
  /** Sessions of all clients. */
  used: number;
  /** Sessions of this replay. */
  own: number;
};

/** What a replay may open now. */
export type Room = {
  connections: number;
  /** Usable slots of the server. */
  usable: number;
  /** Why not more. */
  reason: string;
};

export type Guard = {
  room(): Promise<Room>;
  /** The replay's sessions; null if the server did not answer. Aborts `signal` when other clients run short of slots. */
  count(): Promise<number | null>;
  /** Aborts when other clients run short of slots, or the connection on which the guard counts is lost. */
  signal: AbortSignal;
  /** Why it aborted; null if it did not. */
  reason(): string | null;
  /** The connection on which the guard counts is lost. */
  lose(): void;
  isLost(): boolean;
};

/** A replay leaves this many slots, or this share if more, free for other clients. At half of that it stops. */
const minHeadroom = 3;
const headroomShare = 0.1;

/**
 * Keeps slots free for other clients, before and during each measurement. On a throwaway server (`isGuarded` false) it
 * keeps none free, so that its replay can show what happens when slots run out.
 */
export function createGuard(readSlots: () => Promise<Slots>, isGuarded: boolean): Guard {
  const controller = new AbortController();
  let reason: string | null = null;
  let isLost = false;
  const stop = (why: string) => {
    reason ??= why;
    controller.abort();
  };
  return {
    signal: controller.signal,
    reason: () => reason,
    lose() {
      isLost = true;
      stop("poolctl's connection to the server ended: partial, the rest was not measured");
    },
    isLost: () => isLost,
    async room() {
      const {usable, used, own} = await readSlots();
      const kept = headroomOf(usable);
      const connections = Math.max(0, usable - kept - (used - own));
      const reason = `${used - own} of ${usable} slots are used, poolctl's among them, and ${kept} stay free for other clients`;
      return {connections: isGuarded ? connections : Number.POSITIVE_INFINITY, usable, reason};
    },
    async count() {
      // Reading fails when the replay itself uses every slot, so a failure does not end the replay.
      const slots = await readSlots().catch(() => null);
      if (slots === null) return null;
      const {usable, used, own} = slots;
      // Sessions in reserved slots count as used, so there may be more than usable slots.
      const free = Math.max(0, usable - used);
      if (isGuarded && free < headroomOf(usable) / 2)
        stop(
          `stopped to leave slots for other clients: ${free} of ${usable} were free, ${own} taken by the replay`,
        );
      return own;
    },
  };
}

export function headroomOf(usable: number): number {
  return Math.max(minHeadroom, Math.ceil(usable * headroomShare));
}

/**
 * Counts sessions every 200 ms, and once more at the end while the pools' connections are still open. `end` returns the
 * highest count; null if the server never answered.
 */
export function trackPeakConnections(count: () => Promise<number | null>): {end(): Promise<number | null>} {
  let peak: number | null = null;
  let isOver = false;
  const poll = async () => {
    const sessions = await count();
    if (sessions !== null) peak = Math.max(peak ?? 0, sessions);
  };
  const polling = (async () => {
    while (!isOver) {
      await poll();
      await new Promise(resolve => {
        setTimeout(resolve, 200).unref();
      });
    }
  })();
  return {
    async end() {
      isOver = true;
      await polling;
      await poll();
      return peak;
    },
  };
}

/** Throws AbortError (exit 2) for writes on a target marked as production or read-only. */
export function refuseWrites({
  allowWrites,
  is_production,
  read_only,
}: {
  allowWrites: boolean;
  is_production: boolean;
  read_only: string | null;
}): void {
  if (allowWrites && read_only !== null)
    throw usageError(`--allow-writes is refused: poolctl is read-only here (${read_only})`);
  if (!allowWrites || !is_production) return;
  throw usageError(
    '--allow-writes is refused on a target marked as production',
    'Replay against a copy, or without --allow-writes, which makes sessions read-only.',
  );
}

/** The session settings of a replay, for the startup parameter `options`. */
export function sessionSettings({
  allowWrites,
  schema = null,
}: {
  allowWrites: boolean;
  schema?: string | null;
}): string {
  const settings = {
    ...(allowWrites ? {} : {default_transaction_read_only: 'on'}),
    ...(schema !== null && {search_path: `"${schema.replaceAll('"', '""')}"`}),
    statement_timeout: '30s',
    lock_timeout: '5s',
    idle_in_transaction_session_timeout: '30s',
  };
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value.replace(/[\\\s]/g, '\\$&')}`)
    .join(' ');
}
