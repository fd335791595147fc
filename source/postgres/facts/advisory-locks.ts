import type {AdvisoryLock, AdvisoryLockNeed} from '../../model/recipe-data.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, type Query} from '../queries/query.ts';

/** The sessions of every database that hold or await one advisory lock, holders first. Throws the server's errors. */
export async function readAdvisoryLocks(
  {client, server_version_num}: Connection,
  {key}: AdvisoryLockNeed,
): Promise<AdvisoryLock[]> {
  const {text} = pickVariant(advisoryLocksQuery, server_version_num);
  return (await client.query<AdvisoryLock>({text, values: [key]})).rows;
}

/**
 * Sessions that hold or await pg_advisory_lock($1::bigint): its high half is classid, its low half objid, and objsubid
 * is 1 (2 for a lock of two int4 keys; src/backend/utils/adt/lockfuncs.c).
 */
const text = (wait_age_ms: string) => `
SELECT /* poolctl */ l.pid, d.datname::text AS database, l.mode, l.granted AS is_granted, ${wait_age_ms} AS wait_age_ms
FROM pg_locks l
JOIN pg_database d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.pid IS NOT NULL
  AND l.classid = (($1::int8 >> 32) & 4294967295)::oid AND l.objid = ($1::int8 & 4294967295)::oid
ORDER BY l.granted DESC, l.pid`;

export const advisoryLocksQuery: Query = {
  name: 'poolctl_advisory_locks',
  versioned_by: 'server',
  variants: [
    {floor: 130_000, text: text('NULL::int8')},
    {floor: 140_000, text: text("(date_part('epoch', now() - l.waitstart) * 1000)::int8")},
  ],
};
