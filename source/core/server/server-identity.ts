import type {ServerIdentity, Target} from '../../model/target.ts';
import {BugError} from '../errors.ts';

/**
 * `restarted`: same system_identifier, different start: a restart, a failover or a copy. `promoted`: the same postmaster
 * left recovery. `unknown`: cannot be determined.
 */
type Likeness = 'same' | 'restarted' | 'promoted' | 'unknown' | 'other';

export function compareServers(before: ServerIdentity, now: ServerIdentity): Likeness {
  if (before.database_oid !== now.database_oid) return 'other';
  const isStartSame = before.started_at === now.started_at;
  if (before.system_identifier === null || now.system_identifier === null) {
    if (!isStartSame) return 'unknown';
  } else if (before.system_identifier !== now.system_identifier) return 'other';
  if (!isStartSame) return 'restarted';
  return before.is_in_recovery === now.is_in_recovery ? 'same' : 'promoted';
}

/** The difference in words, `this is server …899042, not …028086`; null if they are the same. */
export function serverDifference(before: ServerIdentity, now: ServerIdentity): string | null {
  switch (compareServers(before, now)) {
    case 'same':
      return null;
    case 'promoted':
      return `${nameServer(now)} was promoted: it is a standby no longer`;
    case 'restarted':
      return `${nameServer(now)} started at ${now.started_at}, the one before at ${before.started_at}: it was restarted, or is a standby or a copy of it`;
    case 'unknown':
      return `this server started at ${now.started_at}, the one before at ${before.started_at}: without pg_control_system() poolctl cannot determine whether they are the same`;
    case 'other':
      return before.system_identifier === now.system_identifier
        ? `this is another database of ${nameServer(now)}, or the same one created again: its oid is ${now.database_oid}, not ${before.database_oid}`
        : `this is ${nameServer(now, before)}, not ${nameServer(before, now)}`;
  }
}

/** Why it cannot be proven that a journaled run was on this server; null if it is proven. */
export function serverDoubt(recorded: ServerIdentity | null, now: ServerIdentity): string | null {
  if (recorded === null) return 'the journal does not name its server';
  const likeness = compareServers(recorded, now);
  return likeness === 'unknown' || likeness === 'other' ? serverDifference(recorded, now) : null;
}

/** The identifier's last six digits; all digits if `beside` has the same last six. */
export function nameServer(server: ServerIdentity, beside?: ServerIdentity): string {
  const {system_identifier: id, started_at} = server;
  if (id === null) return `the server started at ${started_at}`;
  const isAmbiguous = beside?.system_identifier?.slice(-shownDigits) === id.slice(-shownDigits);
  return `server ${isAmbiguous ? id : `…${id.slice(-shownDigits)}`}`;
}

const shownDigits = 6;

/** The server of a live target. Throws BugError for a target of an older recording, which has none. */
export function serverOf({id, server}: Pick<Target, 'id' | 'server'>): ServerIdentity {
  if (server === undefined) throw new BugError(`the snapshot of ${id} does not name its server`);
  return server;
}
