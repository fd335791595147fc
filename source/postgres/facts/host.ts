import {readFile, readlink, stat, statfs} from 'node:fs/promises';
import {join} from 'node:path';
import {cpuShares, parseLoad, parseMemory, parseStat, whyElsewhere} from '../../core/server/host.ts';
import type {HostReading} from '../../model/server-work.ts';
import type {Connection} from '../connect/connect.ts';
import {serverQuery} from '../queries/query.ts';

/** Rates are over at most this much. */
const longest_ms = 30_000;

/** A reader that remembers its readings of the last half minute. */
export function createHostReader(): (connection: HostConnection) => Promise<HostReading> {
  let earlier: Extract<HostReading, {kind: 'here'}>[] = [];
  return async connection => {
    const now = await readHost(connection);
    if (now.kind === 'elsewhere') return now;
    earlier = [...earlier.filter(({at_ms}) => now.at_ms - at_ms <= longest_ms), now];
    const [first] = earlier;
    const shares = first === undefined ? null : cpuShares(first, now);
    return {...now, ...(shares !== null && {shares})};
  };
}

type HostConnection = Pick<Connection, 'client' | 'request'>;

/** The host's figures where poolctl runs on the server's machine, which is proved each time. Throws the server's errors. */
export async function readHost(connection: HostConnection, proc = '/proc'): Promise<HostReading> {
  const found = await findServerHere(connection, proc);
  if (typeof found === 'string') return {kind: 'elsewhere', reason: found};
  const [statText, loadText, memoryText] = await Promise.all(
    ['stat', 'loadavg', 'meminfo'].map(name => orNull(readFile(join(proc, name), 'utf8'))),
  );
  const counters = parseStat(statText ?? '');
  const [load, memory] = [parseLoad(loadText ?? ''), parseMemory(memoryText ?? '')];
  if (counters === null || load === null || memory === null)
    return {kind: 'elsewhere', reason: `${proc} of this machine cannot be read`};
  const {cpu, cores} = counters;
  return {kind: 'here', at_ms: Date.now(), cores, cpu, load, memory, ...(await readDisks(found))};
}

/** Only a local connection can lead to this machine; a tunnel's end is local, too, so the process itself is looked at. */
export async function findServerHere(
  {client, request}: HostConnection,
  proc = '/proc',
): Promise<ServerHere | string> {
  const remote = whyRemote(request);
  if (remote !== null) return remote;
  const {rows} = await client.query<BackendRow>({text: hostQuery.variants[0]?.text ?? ''});
  const [row] = rows;
  const boot = parseStat((await orNull(readFile(join(proc, 'stat'), 'utf8'))) ?? '');
  if (row === undefined || boot === null) return 'only Linux shows the figures of the host in /proc';
  const own = join(proc, String(row.pid));
  const [cmdline, statText] = await Promise.all(
    ['cmdline', 'stat'].map(name => orNull(readFile(join(own, name), 'utf8'))),
  );
  const {booted_s} = boot;
  const why = whyElsewhere(row, {cmdline: cmdline ?? null, stat: statText ?? null, booted_s});
  return (
    why ?? {
      data_directory: row.data_directory,
      uid: (await orNull(stat(own)))?.uid ?? null,
      standard_error: await orNull(readlink(join(own, 'fd', '2'))),
    }
  );
}

/** null: the connection is local. */
export function whyRemote({hostaddr, host}: Connection['request']): string | null {
  return /^(?:\/|localhost$|127\.|::1$)/.test(hostaddr ?? host)
    ? null
    : 'poolctl does not run on the server: it connects over the network';
}

/**
 * `data_directory` is null without pg_read_all_settings. A session's standard error is its postmaster's: a path, `pipe:[7]`; null where
 * only the server's user may see it.
 */
type ServerHere = {data_directory: string | null; uid: number | null; standard_error: string | null};

type BackendRow = {pid: number; started_s: number; client_port: number | null; data_directory: string | null};

/** A Unix socket has client_port -1 in pg_stat_activity and NULL in inet_client_port(). */
export const hostQuery = serverQuery(
  'poolctl_host',
  `
SELECT /* poolctl */ a.pid, date_part('epoch', a.backend_start) AS started_s, inet_client_port() AS client_port,
  CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') END AS data_directory
FROM pg_stat_get_activity(pg_backend_pid()) a`,
);

type Disks = Pick<Extract<HostReading, {kind: 'here'}>, 'disks' | 'disks_unknown'>;

/** A folder of that name that the server's user does not own belongs to another server, or to another container. */
async function readDisks({data_directory, uid}: ServerHere): Promise<Disks> {
  if (data_directory === null)
    return {disks: [], disks_unknown: 'data_directory is hidden: GRANT pg_read_all_settings'};
  const folder = await orNull(stat(data_directory));
  if (folder === null || folder.uid !== uid)
    return {disks: [], disks_unknown: `${data_directory} is not the server's folder on this machine`};
  const data = await diskOf('data directory', data_directory);
  const path = join(data_directory, 'pg_wal');
  const wal = await orNull(stat(path));
  const disks = data === null ? [] : [data];
  if (wal === null) return {disks, disks_unknown: `${path} cannot be read: run poolctl as the server's user`};
  const own = wal.dev === folder.dev ? null : await diskOf('WAL', path);
  return {disks: own === null ? disks : [...disks, own], disks_unknown: null};
}

async function diskOf(what: Disks['disks'][number]['what'], path: string) {
  const system = await orNull(statfs(path));
  if (system === null) return null;
  const {bsize, blocks, bavail} = system;
  return {what, path, size_bytes: blocks * bsize, free_bytes: bavail * bsize};
}

function orNull<T>(reading: Promise<T>): Promise<T | null> {
  return reading.catch(() => null);
}
