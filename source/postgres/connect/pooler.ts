import {AbortError, exitCodes} from '../../core/errors.ts';
import type {Unavailable} from '../../model/snapshot.ts';
import {type ConnectionRequest, hostAndPort} from './request.ts';

/** What helps wherever a pooler is in the way. */
export const pastThePooler =
  "Connect past the pooler: DIRECT_URL or POOLCTL_DATABASE_URL with PostgreSQL's own address.";

/** What a reading through a pooler lacks: PgBouncer's transaction mode and its kin do not say which they are. */
export const poolerInBetween: Unavailable = {
  section: 'pooler',
  sqlstate: null,
  reason: 'a connection pooler sits in between: pid and settings are not our own, and poolctl will not act',
  remedy: 'connect past it: DIRECT_URL',
};

/** Neither timeouts nor advisory locks hold there, and the pid is another's. */
export function noActingThroughPooler(request: ConnectionRequest): AbortError {
  return new AbortError(
    `poolctl does not act through a connection pooler, and ${hostAndPort(request)} is one`,
    {
      hint: pastThePooler,
      exitCode: exitCodes.connection,
    },
  );
}
