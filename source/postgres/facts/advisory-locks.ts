import type {AdvisoryLock, AdvisoryLockNeed} from '../../core/server/advisory-locks.ts';
import type {Connection} from '../connect/connect.ts';
import {advisoryLocksQuery} from '../queries/advisory-locks.ts';
import {pickVariant} from '../queries/query.ts';

/** In every database, the holders first. Throws what the server answers. */
export async function readAdvisoryLocks(
  {client, server_version_num}: Connection,
  {key}: AdvisoryLockNeed,
): Promise<AdvisoryLock[]> {
  const {text} = pickVariant(advisoryLocksQuery, server_version_num);
  return (await client.query<AdvisoryLock>({text, values: [key]})).rows;
}
