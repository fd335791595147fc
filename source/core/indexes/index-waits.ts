import type {Parameter} from '../../model/parameter.ts';
import type {Backend, Snapshot} from '../../model/snapshot.ts';
import {usageError} from '../errors.ts';
import {thresholds} from '../health/thresholds.ts';
import {readDuration} from '../recipe/parameters.ts';
import {describeBackend} from '../sessions/protection.ts';
import {formatAge, formatBytes} from '../text/format.ts';

/** What the three index recipes ask for; `readLockTimeout` reads it. */
export const lockTimeoutParameter: Parameter = {
  name: 'lock_timeout',
  description: "how long to wait for others' transactions before giving up",
  kind: 'duration',
  default: '5min',
};

/** Milliseconds. Throws AbortError (exit 2) on what is no duration, and on 0, which PostgreSQL takes for "no limit". */
export function readLockTimeout(text: string): number {
  const ms = readDuration('lock_timeout', text);
  if (ms < 1) throw usageError(`lock_timeout=${text}: 0 would wait for ever`, 'write it as 30s, 5min or 1h');
  return ms;
}

/**
 * What a person should know before index work begins: whom it will wait for, and that a slot is needed. Ages stand
 * here and in no step, so that the same world gives the same steps.
 */
export function preflightLines(snapshot: Snapshot, lock_timeout_ms: number): string[] {
  const {target, budget} = snapshot;
  return [
    holdersLine(oldTransactions(snapshot), lock_timeout_ms),
    ...(budget.headroom < 1 && !target.privileges.reserved_slots
      ? ['No connection slot is free now, and the work needs one: free some first (kill-idle-sessions).']
      : []),
  ];
}

function holdersLine(holders: Backend[], lock_timeout_ms: number): string {
  if (holders.length === 0) return 'No transaction is old enough now to hold it up.';
  const named = holders
    .slice(0, 3)
    .map(backend => `${backend.pid} (${describeBackend(backend)}, ${formatAge(backend.xact_age_ms)})`);
  const more = holders.length > 3 ? ` and ${holders.length - 3} more` : '';
  return `It waits for transactions that are open now, ${formatAge(lock_timeout_ms)} at most for each: ${named.join(', ')}${more}. End them first, or wait.`;
}

/** `about 120M on disk`; what is free there no query can tell. */
export function sizeLine(bytes: number): string {
  return `It takes about ${formatBytes(bytes)} on disk, and as much again while it sorts: the server does not say what is free there.`;
}

/** Of this database alone: a concurrent build waits for nobody's snapshot elsewhere. */
function oldTransactions({backends, target}: Snapshot): Backend[] {
  return backends
    .filter(
      ({datname, xact_age_ms, application_name}) =>
        datname === target.database &&
        (xact_age_ms ?? 0) >= thresholds.open_transaction_ms.warning &&
        application_name !== 'poolctl',
    )
    .sort((a, b) => (b.xact_age_ms ?? 0) - (a.xact_age_ms ?? 0));
}
