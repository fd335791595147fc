import type {CommandProgress, ProgressRate} from '../../model/server-work.ts';
import {formatBytes, formatCount} from '../text/format.ts';

/** A row of a pg_stat_progress_* view, and the session that runs the command. */
export type ProgressRow = {
  at: string;
  /** The name of its view after `pg_stat_progress_`. */
  command: string;
  pid: number;
  /** The view's columns as this version has them. */
  figures: Readonly<Record<string, unknown>>;
  started_at: string | null;
  application_name: string;
  usename: string | null;
  datname: string | null;
  age_ms: number | null;
  wait: string | null;
  relation: string | null;
  index: string | null;
  locker_pid: number | null;
  locker: string | null;
};

/** The row in the same words for every view. */
export function decodeProgress(row: ProgressRow): CommandProgress {
  const {at, pid, started_at, application_name, usename, datname, age_ms, wait, locker_pid} = row;
  const {figures} = row;
  const phase = typeof figures.phase === 'string' ? figures.phase : defaultPhase(row);
  return {
    ...{pid, started_at, at, command: commandOf(row), relation: row.index ?? row.relation},
    ...{application_name, usename, datname, age_ms, phase, wait},
    ...countOf(row, phase),
    // pg_blocking_pids() has 0 for a lock that no session holds.
    waits_for:
      locker_pid === null
        ? null
        : {
            pid: locker_pid,
            description: locker_pid === 0 ? 'a prepared transaction' : row.locker || 'unknown',
          },
  };
}

/** COPY has no phases. The other views' columns are NULL for a role that may not see the session. */
function defaultPhase({command, figures}: ProgressRow): string {
  if (command !== 'copy') return 'hidden from this role';
  const type = typeof figures.type === 'string' ? figures.type.toLowerCase() : '';
  return type === '' ? 'hidden from this role' : `${figures.command === 'COPY TO' ? 'to' : 'from'} ${type}`;
}

/** `create index`, `vacuum full`: the command where the view says it, else the view's name. */
function commandOf({command, figures}: ProgressRow): string {
  const shown = typeof figures.command === 'string' ? figures.command : command.replaceAll('_', ' ');
  return shown.toLowerCase().replace('basebackup', 'base backup');
}

type Count = Pick<CommandProgress, 'done' | 'total' | 'unit'>;
type Pair = [done: string, total: string | null, unit: NonNullable<Count['unit']>];

/** Pairs of columns by view, the first that has a total first (monitoring-progress.sgml, 13 to 18). */
const pairs: Record<string, Pair[]> = {
  vacuum: [['heap_blks_scanned', 'heap_blks_total', 'blocks']],
  create_index: [
    ['blocks_done', 'blocks_total', 'blocks'],
    ['tuples_done', 'tuples_total', 'rows'],
    ['lockers_done', 'lockers_total', 'sessions'],
    ['partitions_done', 'partitions_total', 'partitions'],
  ],
  analyze: [['sample_blks_scanned', 'sample_blks_total', 'blocks']],
  cluster: [['heap_blks_scanned', 'heap_blks_total', 'blocks']],
  repack: [['heap_blks_scanned', 'heap_blks_total', 'blocks']],
  copy: [['bytes_processed', 'bytes_total', 'bytes']],
  basebackup: [['backup_streamed', 'backup_total', 'bytes']],
};

/** Of a vacuum and a rewrite, what the phase counts; the other counters then stand still. */
const pairsOfPhase: Record<string, Pair[]> = {
  'vacuum/vacuuming heap': [['heap_blks_vacuumed', 'heap_blks_total', 'blocks']],
  // Indexes are counted from PostgreSQL 17 on.
  'vacuum/vacuuming indexes': [['indexes_processed', 'indexes_total', 'indexes']],
  'vacuum/cleaning up indexes': [['indexes_processed', 'indexes_total', 'indexes']],
  'vacuum/truncating heap': [],
  'vacuum/performing final cleanup': [],
  'vacuum/initializing': [],
  'cluster/index scanning heap': [['heap_tuples_scanned', null, 'rows']],
  'cluster/writing new heap': [['heap_tuples_written', 'heap_tuples_scanned', 'rows']],
  'cluster/sorting tuples': [],
  'cluster/rebuilding index': [['index_rebuild_count', null, 'indexes']],
  'cluster/performing final cleanup': [],
};

function countOf({command, figures}: ProgressRow, phase: string): Count {
  const family = command === 'repack' ? 'cluster' : command;
  const known = pairsOfPhase[`${family}/${phase}`] ?? pairs[command] ?? [];
  const number = (name: string | null) => {
    const value = name === null ? null : figures[name];
    return typeof value === 'number' ? value : null;
  };
  const counts = known.map(([done, total, unit]) => ({
    done: number(done),
    total: number(total) || null,
    unit,
  }));
  const best = counts.find(({total}) => total !== null) ?? counts.find(({done}) => done !== null);
  if (best === undefined || best.done === null) return {done: null, total: null, unit: null};
  return {...best, done: best.total === null ? best.done : Math.min(best.done, best.total)};
}

/** `earlier`: the same command in earlier readings, oldest first. */
export function progressRate(now: CommandProgress, earlier: readonly CommandProgress[]): ProgressRate {
  const {done, total} = now;
  const done_ratio = done !== null && total !== null ? done / total : null;
  const first = earlier.find(each => isSamePhase(each, now));
  const unknown = {done_ratio, per_second: null, left_ms: null};
  if (first === undefined || first.done === null || done === null) return unknown;
  const seconds = (Date.parse(now.at) - Date.parse(first.at)) / 1000;
  if (seconds <= 0 || done < first.done) return unknown;
  const per_second = (done - first.done) / seconds;
  const left_ms = total === null || per_second === 0 ? null : ((total - done) / per_second) * 1000;
  return {done_ratio, per_second, left_ms};
}

function isSamePhase(one: CommandProgress, other: CommandProgress): boolean {
  return (
    one.pid === other.pid &&
    one.started_at === other.started_at &&
    one.command === other.command &&
    one.relation === other.relation &&
    one.phase === other.phase &&
    one.total === other.total
  );
}

/** `12M/s`, `3.4k blocks/s`. */
export function formatRate(per_second: number, unit: CommandProgress['unit']): string {
  return unit === 'bytes' ? `${formatBytes(per_second)}/s` : `${formatCount(per_second)} ${unit ?? ''}/s`;
}
