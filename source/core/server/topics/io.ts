import type {IoRates, IoState, ProcessIo} from '../../../model/server-work.ts';
import type {Snapshot, Statement} from '../../../model/snapshot.ts';
import {nameStatement} from '../../assessment/harms/failing-part.ts';
import {counted, formatBytes, formatCount, formatMs, formatRatio, formatSpan} from '../../text/format.ts';
import {type Part, type TopicRow, topic} from './topic.ts';

/** What is read and written, by which processes and for which relation, and the files that sorts and hashes spill into. */
export const io = topic({
  name: 'I/O',
  reads: ['io'],
  rows({io: state}, snapshot) {
    const {rates} = state;
    if (rates === undefined)
      return [
        {
          id: 'reads',
          verdict: 'unknown',
          text: 'rates of reads and writes are available after the next refresh',
          page: () => [],
        },
      ];
    return [
      readsRow(state, rates, snapshot),
      writesRow(state, rates),
      tempRow(rates, snapshot),
      ...buffersRow(rates),
    ];
  },
});

/** Of one read: a local SSD takes 0.1 ms, a network volume about 1 ms, the system's cache 0.01 ms. */
const slowRead_ms = 5;
const verySlowRead_ms = 20;

/** Sessions that wait for I/O just now, to be worth a warning, if they are half of the busy ones. */
const manyWaiting = 3;

function readsRow(state: IoState, rates: IoRates, snapshot: Snapshot): TopicRow {
  const {processes, relations} = rates;
  const client = processes?.find(({backend_type}) => backend_type === 'client backend');
  const ofRelations = relations.reduce((sum, each) => sum + each.read_bytes_per_second, 0);
  const per_second = processes === null ? ofRelations : (client?.read_bytes_per_second ?? 0);
  const busy = snapshot.backends.filter(({state: own}) => own === 'active');
  const waiting = busy.filter(({wait_event_type}) => wait_event_type === 'IO').length;
  const read_ms = client?.read_ms ?? null;
  const [most] = relations;
  const who = processes === null ? `sessions of database ${snapshot.target.database}` : 'client backends';
  const parts = [
    per_second === 0
      ? `${who} read nothing from outside shared buffers`
      : `${who} read ${formatBytes(per_second)}/s from outside shared buffers`,
    ...(most === undefined || per_second < notable ? [] : [shareText(most, rates)]),
    ...(read_ms === null ? [] : [`${formatMs(read_ms)} per read`]),
    ...(waiting === 0
      ? []
      : [
          `${waiting} of ${counted(busy.length, 'busy session')} ${waiting === 1 ? 'waits' : 'wait'} for I/O`,
        ]),
  ];
  const isSlow = read_ms !== null && read_ms >= slowRead_ms;
  const isWaiting = waiting >= manyWaiting && waiting * 2 >= busy.length;
  return {
    id: 'reads',
    verdict:
      read_ms !== null && read_ms >= verySlowRead_ms ? 'critical' : isSlow || isWaiting ? 'warning' : 'ok',
    text: parts.join(', '),
    page: () => pageOf(state, rates, snapshot),
  };
}

/** Of all that is read, in every database and by every process: the relations are of the connected database. */
function shareText(
  {name, read_bytes_per_second}: IoRates['relations'][number],
  {processes, relations}: IoRates,
): string {
  const known = relations.reduce((sum, each) => sum + each.read_bytes_per_second, 0);
  const all = Math.max(
    known,
    sumOf(processes ?? [], each => each.read_bytes_per_second),
  );
  return `${formatRatio(read_bytes_per_second / all, 0)} of all reads for ${name}`;
}

/** Bytes a second, below which no relation is named. */
const notable = 1024 * 1024;

function writesRow(state: IoState, {processes}: IoRates): TopicRow {
  if (processes === null)
    return {
      id: 'writes',
      verdict: 'unknown',
      text: 'writes are counted from PostgreSQL 16 on (pg_stat_io)',
      page: () => [],
    };
  const all = sumOf(processes, each => each.write_bytes_per_second);
  const extended = sumOf(processes, each => each.extend_bytes_per_second);
  const [most] = [...processes].sort((a, b) => b.write_bytes_per_second - a.write_bytes_per_second);
  const by =
    most === undefined || all < notable
      ? ''
      : `, ${formatRatio(most.write_bytes_per_second / all, 0)} by the ${most.backend_type}`;
  return {
    id: 'writes',
    verdict: 'ok',
    text: `${formatBytes(all)}/s of pages written${by}; relations grow by ${formatBytes(extended)}/s`,
    page: () => [processesPart(state, processes)],
  };
}

/** Temporary files, bytes a second: a disk that is busy with them is slow for everything else. */
const heavyTemp = 10 * 1024 * 1024;

function tempRow({temp_bytes_per_second, interval_ms}: IoRates, {statements}: Snapshot): TopicRow {
  const spilling = spillingStatements(statements);
  const [most] = spilling;
  const base = {id: 'temp', page: () => tempPage(spilling, interval_ms)};
  if (temp_bytes_per_second === 0) return {...base, verdict: 'ok', text: 'no temporary files are written'};
  const by =
    most === undefined
      ? ''
      : `, most by ${most.query === null ? `statement ${most.queryid}` : nameStatement(most.query)}`;
  return {
    ...base,
    verdict: temp_bytes_per_second >= heavyTemp ? 'warning' : 'ok',
    text: `${formatBytes(temp_bytes_per_second)}/s of temporary files${by}: sorts and hashes that exceed work_mem`,
  };
}

type Spilling = Statement & {rates: NonNullable<Statement['rates']>};

function spillingStatements(statements: readonly Statement[]): Spilling[] {
  return statements
    .filter((each): each is Spilling => (each.rates?.temp_blks_per_second ?? 0) > 0)
    .sort((a, b) => (b.rates.temp_blks_per_second ?? 0) - (a.rates.temp_blks_per_second ?? 0))
    .slice(0, 10);
}

function tempPage(spilling: readonly Spilling[], interval_ms: number): Part[] {
  return [
    {
      heading: 'statements that read and write temporary blocks',
      properties: spilling.map(({query, queryid, rates}): [string, string] => [
        query === null ? queryid : nameStatement(query),
        `${formatCount(rates.temp_blks_per_second)} blocks/s, ${formatCount(rates.calls_per_second)} calls/s`,
      ]),
      text: [
        spilling.length === 0
          ? 'no statement that has completed is known to: pg_stat_statements counts at its end'
          : 'by pg_stat_statements, which counts a statement at its end',
        `The server counts a temporary file when it is removed; rates are over ${formatSpan(interval_ms)}.`,
      ],
    },
  ];
}

/** wal_buffers were full: commits wrote WAL themselves to make room. */
function buffersRow({wal}: IoRates): TopicRow[] {
  if (wal === null || wal.buffers_full_per_second < 1) return [];
  return [
    {
      id: 'wal-buffers',
      verdict: 'warning',
      text: `wal_buffers were full ${formatCount(wal.buffers_full_per_second)} times per second: sessions write WAL themselves to make room`,
      page: () => [walPart(wal)],
    },
  ];
}

function pageOf(state: IoState, rates: IoRates, {target}: Snapshot): Part[] {
  const {processes, relations, wal} = rates;
  return [
    ...(processes === null ? [] : [processesPart(state, processes)]),
    {
      heading: `read for relations of database ${target.database}, with their indexes`,
      properties: relations.map(({name, read_bytes_per_second, share, hit_ratio}): [string, string] => [
        name,
        `${formatBytes(read_bytes_per_second)}/s, ${formatRatio(share, 0)} of it; ${formatRatio(hit_ratio)} of its blocks were in shared buffers`,
      ]),
      text: relations.length === 0 ? ['no block was read'] : [],
    },
    ...(wal === null ? [] : [walPart(wal)]),
    {
      heading: 'how it is counted',
      text: [
        `Rates are over ${formatSpan(rates.interval_ms)}; sessions report their counters at the end of a transaction, at most once a second.`,
        `From outside shared buffers (${formatBytes(state.shared_buffers_bytes)}) a block may come from the system's cache: only the time of a read shows which${state.is_timed ? '' : ', and track_io_timing is off'}.`,
      ],
    },
  ];
}

function processesPart({is_timed}: IoState, processes: readonly ProcessIo[]): Part {
  return {
    heading: 'by process',
    properties: processes
      .filter(
        each =>
          each.read_bytes_per_second +
            each.write_bytes_per_second +
            each.extend_bytes_per_second +
            each.fsyncs_per_second >
          0,
      )
      .map((each): [string, string] => [
        each.backend_type,
        [
          `reads ${formatBytes(each.read_bytes_per_second)}/s${is_timed && each.read_ms !== null ? ` (${formatMs(each.read_ms)} each)` : ''}`,
          `writes ${formatBytes(each.write_bytes_per_second)}/s`,
          `extends ${formatBytes(each.extend_bytes_per_second)}/s`,
          `evicts ${formatCount(each.evictions_per_second)} buffers/s`,
          `${formatCount(each.fsyncs_per_second)} fsyncs/s`,
        ].join(', '),
      ]),
  };
}

function walPart(wal: NonNullable<IoRates['wal']>): Part {
  return {
    heading: 'WAL',
    properties: [
      ['generated', `${formatBytes(wal.bytes_per_second)}/s`],
      [
        'whole pages',
        `${formatRatio(wal.full_page_share, 0)} of the records, written after a checkpoint (full_page_writes)`,
      ],
      ['buffers full', `${formatCount(wal.buffers_full_per_second)} times per second`],
    ],
  };
}

function sumOf(processes: readonly ProcessIo[], read: (of: ProcessIo) => number): number {
  return processes.reduce((sum, each) => sum + read(each), 0);
}
