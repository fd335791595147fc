import {AbortError, exitCodes} from '../../core/errors.ts';
import type {Unavailable} from '../../model/snapshot.ts';
import {type ConnectionRequest, hostAndPort} from './request.ts';

/** The hint for every limit of a connection pooler. */
export const connectDirectly =
  "Connect directly: set DIRECT_URL or POOLCTL_DATABASE_URL to PostgreSQL's own address.";

/** What a snapshot through a pooler lacks. Poolers in transaction mode do not name themselves. */
export const poolerInBetween: Unavailable = {
  section: 'pooler',
  sqlstate: null,
  reason: 'a connection pooler is in between: poolctl has no session of its own and changes nothing',
  remedy: 'connect directly: set DIRECT_URL',
};

/** Through a pooler, timeouts and advisory locks do not last, and the pid is another session's. */
export function noActingThroughPooler(request: ConnectionRequest): AbortError {
  return new AbortError(
    `poolctl changes nothing through a connection pooler, and ${hostAndPort(request)} is one`,
    {
      hint: connectDirectly,
      exitCode: exitCodes.connection,
    },
  );
}
