import type {HostReading} from '../../../model/server-work.ts';
import {formatBytes, formatRatio, formatSpan} from '../../text/format.ts';
import {type TopicRow, topic, type Verdict} from './topic.ts';

type Here = Extract<HostReading, {kind: 'here'}>;

/** CPU, memory and disks of the server's machine, where poolctl runs on it. */
export const host = topic({
  name: 'host',
  reads: ['host'],
  rows({host: reading}) {
    if (reading.kind === 'elsewhere')
      return [
        {
          id: 'elsewhere',
          verdict: 'unknown',
          text: `CPU, memory and disks are not seen from here: ${reading.reason}`,
          page: () => [
            {
              heading: 'the host',
              text: [
                'Run poolctl on the server itself, in the same container, and connect to localhost or its Unix socket.',
              ],
            },
          ],
        },
      ];
    return [cpuRow(reading), memoryRow(reading), ...reading.disks.map(diskRow), ...unknownRow(reading)];
  },
});

const busyShare = {warning: 0.9, critical: 0.98};
const waitShare = 0.25;
const stealShare = 0.1;

function cpuRow({cores, load, shares}: Here): TopicRow {
  const loads = `load ${load[0].toFixed(1)} on ${cores} ${cores === 1 ? 'core' : 'cores'}`;
  const page: TopicRow['page'] = () => [
    {
      heading: 'processor',
      properties: [
        [
          'load',
          `${load.map(each => each.toFixed(2)).join(', ')} over 1, 5 and 15 minutes: processes that run or wait for a core or a disk`,
        ],
        ...(shares === undefined
          ? []
          : ([
              ['busy', formatRatio(shares.busy)],
              ['iowait', `${formatRatio(shares.iowait)}: cores idle while waiting for a disk`],
              ['steal', `${formatRatio(shares.steal)}: taken by other virtual machines`],
              ['over', formatSpan(shares.interval_ms)],
            ] satisfies [string, string][])),
      ],
      text: [
        'Values of the whole machine: in a container they include other containers and ignore its limits.',
      ],
    },
  ];
  if (shares === undefined)
    return {id: 'cpu', verdict: 'unknown', text: `${loads}; CPU is available after the next refresh`, page};
  const {busy, iowait, steal} = shares;
  const isBound = iowait >= waitShare;
  const isStolen = steal >= stealShare;
  const verdict =
    busy >= busyShare.critical
      ? 'critical'
      : busy >= busyShare.warning || isBound || isStolen
        ? 'warning'
        : 'ok';
  const why = isBound
    ? ': the disks are the limit'
    : isStolen
      ? `, ${formatRatio(steal, 0)} stolen by other virtual machines`
      : '';
  return {
    id: 'cpu',
    verdict,
    text: `CPU ${formatRatio(busy, 0)} busy, iowait ${formatRatio(iowait, 0)}, ${loads}${why}`,
    page,
  };
}

/** Of memory, at which the kernel begins to end processes soon. */
const leastAvailable = {warning: 0.05, critical: 0.02};

function memoryRow({memory}: Here): TopicRow {
  const {total_bytes, available_bytes, swap_used_bytes} = memory;
  const swap = swap_used_bytes === 0 ? '' : `, ${formatBytes(swap_used_bytes)} of swap in use`;
  return {
    id: 'memory',
    verdict: verdictBelow(available_bytes / total_bytes, leastAvailable),
    text: `${formatBytes(available_bytes)} of ${formatBytes(total_bytes)} of memory available${swap}`,
    page: () => [
      {
        heading: 'memory',
        text: [
          "Available: what programs can get without swapping, the system's cache included (MemAvailable).",
        ],
      },
    ],
  };
}

const leastFree = {warning: 0.1, critical: 0.05};

function diskRow({what, path, size_bytes, free_bytes}: Here['disks'][number]): TopicRow {
  const ratio = free_bytes / size_bytes;
  return {
    id: `disk:${what}`,
    verdict: verdictBelow(ratio, leastFree),
    text: `${formatBytes(free_bytes)} of ${formatBytes(size_bytes)} free (${formatRatio(ratio, 0)}) on the disk of ${what === 'WAL' ? 'WAL' : 'the data directory'}`,
    page: () => [
      {
        heading: 'disk',
        properties: [['path', path]],
        text: [
          'Without room for WAL the server stops. Topics replication and WAL say what keeps WAL; other tablespaces are not looked at.',
        ],
      },
    ],
  };
}

function verdictBelow(ratio: number, least: {warning: number; critical: number}): Verdict {
  if (ratio < least.critical) return 'critical';
  return ratio < least.warning ? 'warning' : 'ok';
}

function unknownRow({disks_unknown}: Here): TopicRow[] {
  if (disks_unknown === null) return [];
  return [{id: 'disks', verdict: 'unknown', text: disks_unknown, page: () => []}];
}
