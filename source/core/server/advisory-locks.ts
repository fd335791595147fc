/** SQL condition: session `pid` holds the advisory lock. pg_locks shows the key in halves. */
export function holdsAdvisoryLock(pid: string, key: bigint): string {
  const [high, low] = [key >> 32n, key & 0xffff_ffffn];
  return `EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.pid = ${pid} AND l.granted AND l.classid = ${high} AND l.objid = ${low} AND l.objsubid = 1)`;
}
