import type {Finding, Severity} from '../../../model/recipe.ts';
import type {WriteState} from '../../../model/server-facts.ts';
import type {Snapshot} from '../../../model/snapshot.ts';
import {thresholds} from '../../health/thresholds.ts';
import {timeOfDay, utcClock} from '../../text/clock.ts';
import {counted, formatCount, formatRatio} from '../../text/format.ts';
import {type Context, poolSubject} from '../context.ts';
import {advice} from './failing-part.ts';
import {inTime} from './sequence-state.ts';
import {readOnlyServerAct, readOnlyServerSubject, shortSource} from './settings.ts';
import {examineSequences} from './writes-sequences.ts';
import {leastRateMs, slotFindings, steadyRates} from './writes-slots.ts';

type IdsLeft = {
  what: 'transaction ids' | 'multixacts';
  left: number;
  database: string;
  severity: Severity;
};

/** Those of which so few are left that PostgreSQL itself warns. */
export function idsLeft({
  xids_left,
  multixacts_left,
  oldest_database,
  oldest_multixact_database,
}: WriteState): IdsLeft[] {
  const {warning, critical} = thresholds.xids_left;
  return [
    {what: 'transaction ids' as const, left: xids_left, database: oldest_database},
    {what: 'multixacts' as const, left: multixacts_left, database: oldest_multixact_database},
  ]
    .filter(({left}) => left < warning)
    .map(each => ({...each, severity: each.left <= critical ? 'critical' : 'warning'}));
}

export function isWithoutStandby({synchronous_standby_names, synchronous_standbys}: WriteState): boolean {
  return synchronous_standby_names !== '' && synchronous_standbys === 0;
}

/** Sessions whose commit waits for a standby (wait event SyncRep). */
export function waitingForStandby({snapshot}: {snapshot: Pick<Snapshot, 'backends'>}): number {
  return snapshot.backends.filter(({wait_event}) => wait_event === 'SyncRep').length;
}

/** What ends writes on the whole server, or will. */
export function examineWrites(context: Context): Finding[] {
  const {write_state: state, replication} = context.facts;
  return [
    ...examineSequences(context),
    ...(state === undefined || context.snapshot.target.is_in_recovery
      ? []
      : [
          ...readOnlyServer(state),
          ...idsLeft(state).map(each => idsFinding(each, context)),
          ...standbyMissing(state, context),
          ...notifyQueue(state),
          ...archiving(state, context),
        ]),
    ...(replication?.slots ?? []).flatMap(slot => slotFindings(slot, context)),
  ];
}

/** Also while no statement fails: a disk that is full or a switchover sets it, and the next write fails. */
function readOnlyServer({default_read_only, read_only_source}: WriteState): Finding[] {
  if (default_read_only !== true) return [];
  return [
    {
      recipe: 'read-only-server',
      severity: 'warning',
      subject: readOnlyServerSubject,
      summary: `the server takes no writes: default_transaction_read_only is on (${shortSource(read_only_source)}); only sessions that turn it off write`,
      evidence: {setting: 'default_transaction_read_only', source: read_only_source},
      harm: {kind: 'writes', sessions: 0, share: 1, since: null},
      cause: 'read-only-server',
      confidence: 'certain',
      acts: [readOnlyServerAct(read_only_source)],
    },
  ];
}

/** Until the server refuses writes, at the measured rate; null if that is not known. */
function untilOutMs({what, left}: IdsLeft, {samples, snapshot}: Context): number | null {
  const {xids_per_second, multixacts_per_second} = steadyRates(snapshot) ?? {};
  const measured = what === 'multixacts' ? multixacts_per_second : xids_per_second;
  if (measured !== undefined && measured > 0) return (left / measured) * 1000;
  const seen = samples.filter(({xid}) => xid !== undefined);
  const [first, last] = [seen[0], seen.at(-1)];
  if (what === 'multixacts' || first?.xid === undefined || last?.xid === undefined) return null;
  // Ids wrap around after 2^32.
  const used = (last.xid - first.xid + 2 ** 32) % 2 ** 32;
  const elapsed_ms = last.at_ms - first.at_ms;
  return elapsed_ms < leastRateMs || used === 0 || used > 2 ** 31 ? null : (left * elapsed_ms) / used;
}

function idsFinding(ids: IdsLeft, context: Context): Finding {
  const {what, left, severity, database: oldest_database} = ids;
  const isOut = left <= 0;
  const until_ms = isOut ? null : untilOutMs(ids, context);
  const when = until_ms === null ? '' : ` (${inTime(until_ms)} at the measured rate)`;
  return {
    recipe: 'wraparound',
    severity,
    subject: `wraparound:${what}`,
    summary: isOut
      ? `the server takes no writes: no ${what} are left until database ${oldest_database} is vacuumed`
      : `${formatCount(left)} ${what} are left until the server refuses writes${when}: database ${oldest_database} holds the oldest rows`,
    evidence: {left, oldest_database, until_refused_ms: until_ms === null ? null : Math.round(until_ms)},
    harm: {kind: isOut ? 'writes' : 'soon', sessions: 0, share: 1, since: null},
    cause: 'wraparound',
    confidence: 'certain',
    reasons: [
      'A row that vacuum has not frozen keeps its transaction id in use; autovacuum freezes rows unless something holds it back or it is too slow.',
      'What holds back vacuum (an old transaction, a replication slot, a prepared transaction) is a finding of its own.',
    ],
    acts: [
      advice(
        `end what holds back vacuum, then VACUUM (without FULL or FREEZE, which take longer) the tables of ${oldest_database} with the oldest ${what === 'multixacts' ? 'relminmxid' : 'relfrozenxid'}`,
        {
          frees: isOut
            ? `writes work again once ${what === 'multixacts' ? 'datminmxid' : 'datfrozenxid'} has advanced`
            : null,
          costs: 'I/O for hours on large tables',
        },
      ),
    ],
  };
}

/** synchronous_standby_names is set and no such standby is connected: each commit waits, and holds its locks. */
function standbyMissing(state: WriteState, context: Context): Finding[] {
  if (!isWithoutStandby(state)) return [];
  const waiting = waitingForStandby(context);
  const commits = context.snapshot.backends.filter(({wait_event}) => wait_event === 'SyncRep');
  const isWaiting = waiting > 0;
  const oldest_ms = Math.max(0, ...commits.map(({query_age_ms}) => query_age_ms ?? 0));
  return [
    {
      recipe: 'sync-standby-missing',
      severity: isWaiting ? 'critical' : 'warning',
      subject: 'server/synchronous_standby_names',
      summary: isWaiting
        ? `every commit waits for a standby: none of synchronous_standby_names = '${state.synchronous_standby_names}' is connected; ${counted(waiting, 'session')} ${waiting === 1 ? 'waits' : 'wait'}`
        : `a commit would wait: none of synchronous_standby_names = '${state.synchronous_standby_names}' is connected`,
      evidence: {
        synchronous_standby_names: state.synchronous_standby_names,
        waiting,
        longest_wait_ms: isWaiting ? oldest_ms : null,
      },
      ...(isWaiting && {
        harm: {kind: 'writes' as const, sessions: waiting, share: 1, since: null},
        explains: [...new Set(commits.flatMap(each => [`backend:${each.pid}`, poolSubject(each)]))],
      }),
      cause: 'sync-standby-missing',
      confidence: 'certain',
      reasons: [
        'Sessions wait with wait event SyncRep: their transactions are committed here but not confirmed, and keep their locks.',
        'pg_stat_replication shows no standby with sync_state sync or quorum.',
      ],
      acts: [
        advice('start the standby again, or correct its application_name', {
          frees: 'waiting commits complete immediately',
          costs: 'no side effects: durability stays as intended',
        }),
        advice("ALTER SYSTEM SET synchronous_standby_names = '', then SELECT pg_reload_conf()", {
          frees: 'waiting commits complete immediately',
          costs: 'until it is set again, what this server commits is lost if this server is lost',
        }),
      ],
    },
  ];
}

function notifyQueue({notify_queue_ratio: ratio}: WriteState): Finding[] {
  const {warning, critical} = thresholds.notify_queue_ratio;
  if (ratio <= warning) return [];
  return [
    {
      recipe: 'notify-queue',
      severity: ratio >= critical ? 'critical' : 'warning',
      subject: 'server/notify-queue',
      summary: `the NOTIFY queue is ${formatRatio(ratio, 0)} full: a session that listens has been in one transaction for long; when full, transactions that NOTIFY fail`,
      evidence: {notify_queue_ratio: ratio},
      harm: {kind: 'soon', sessions: 0, share: 1, since: null},
      cause: 'notify-queue',
      confidence: 'certain',
      reasons: ['The queue is emptied up to the oldest transaction of a session that LISTENs.'],
      acts: [
        advice('end the oldest transaction of a session that listens', {
          frees: 'frees the queue',
          costs: 'that transaction is rolled back',
        }),
      ],
    },
  ];
}

/** Failed since it last succeeded, and lately: an old failure stays in the statistics for ever. */
function archiving({archive}: WriteState, {snapshot}: Context): Finding[] {
  if (archive === null || archive.last_failed_at === null) return [];
  const {failed_count, last_failed_at, last_archived_at} = archive;
  const isFailing = last_archived_at === null || last_failed_at > last_archived_at;
  const age_ms = Date.parse(snapshot.at) - Date.parse(last_failed_at);
  if (!isFailing || age_ms > archiveRetryMs) return [];
  return [
    {
      recipe: 'archive-failing',
      severity: 'warning',
      subject: 'server/archiver',
      summary: `archiving WAL fails (last at ${timeOfDay(last_failed_at)}, ${last_archived_at === null ? 'never succeeded' : `last success ${utcClock(last_archived_at)}`}): WAL is kept until the disk is full`,
      evidence: {failed_count, last_failed_at, last_archived_at},
      harm: {kind: 'soon', sessions: 0, share: 1, since: last_archived_at},
      cause: 'archive-failing',
      confidence: 'certain',
      reasons: ['A segment that is not archived is not recycled; a server whose disk is full stops.'],
      acts: [
        advice("read archive_command's error in the server log and fix it", {
          frees: 'frees the kept WAL once it is archived',
          costs: 'no side effects',
        }),
      ],
    },
  ];
}

/** The archiver retries at least once a minute (PGARCH_AUTOWAKE_INTERVAL). */
const archiveRetryMs = 5 * 60_000;
