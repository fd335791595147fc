import type {WalState} from '../../../model/server-state.ts';
import type {HostReading} from '../../../model/server-work.ts';
import {thresholds} from '../../health/thresholds.ts';
import {formatAge, formatBytes, formatSpan} from '../../text/format.ts';

/** The file system of WAL, where poolctl runs on the server's machine; else why it is not known. */
export type WalDisk = {free_bytes: number} | {unknown: string};

export function walDisk(host: HostReading | undefined): WalDisk {
  if (host === undefined) return {unknown: 'the host was not read'};
  if (host.kind === 'elsewhere') return {unknown: host.reason};
  const disk =
    host.disks.find(({what}) => what === 'WAL') ?? (host.disks_unknown === null ? host.disks[0] : undefined);
  return disk ?? {unknown: host.disks_unknown ?? 'its disk is not known'};
}

/** When WAL that is kept fills the disk, at the rate that it is written; an active consumer may free some of it before. */
export function untilFull(
  disk: WalDisk,
  {rates}: WalState,
): {ms: number | null; short: string; long: string} {
  if ('unknown' in disk) return {ms: null, short: '', long: `unknown how much is free: ${disk.unknown}`};
  const free = `${formatBytes(disk.free_bytes)} free`;
  if (rates === undefined || rates.written_bytes_per_second === 0)
    return {
      ms: null,
      short: ` (${free})`,
      long: `${free}; ${rates === undefined ? 'the rate of WAL is available after the next refresh' : 'no WAL is written now'}`,
    };
  const ms = (disk.free_bytes / rates.written_bytes_per_second) * 1000;
  return {
    ms,
    short: ` in ${formatAge(ms)} (${free})`,
    long: `${free}: full in ${formatAge(ms)} at ${formatBytes(rates.written_bytes_per_second)}/s over ${formatSpan(rates.interval_ms)}, if nothing else writes there`,
  };
}

export function isFullSoon(disk: WalDisk, wal: WalState | undefined): boolean {
  const ms = wal === undefined ? null : untilFull(disk, wal).ms;
  return ms !== null && ms < thresholds.wal_disk_full_ms.critical;
}
