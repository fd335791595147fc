import type {TableUpkeep} from '../../../model/maintenance.ts';
import type {AutovacuumState, DueTable} from '../../../model/server-state.ts';
import type {Snapshot} from '../../../model/snapshot.ts';
import {isBehind} from '../../assessment/harms/horizon.ts';
import {counted, formatAge, formatCount, formatSpan} from '../../text/format.ts';
import {holderOf, mostDue, nameOf} from '../maintenance.ts';
import {type Part, type TopicRow, topic, unknownTo} from './topic.ts';

/** Whether autovacuum works, and the tables that it is behind on. */
export const autovacuum = topic({
  name: 'autovacuum',
  reads: ['autovacuum', 'maintenance'],
  rows({autovacuum: state, maintenance}, snapshot) {
    if (snapshot.target.is_in_recovery)
      return [{id: 'standby', verdict: 'ok', text: 'a standby runs no autovacuum', page: () => []}];
    // What something holds back is the horizon's.
    const overdue = state.due.filter(
      table => table.due_ms >= overdueTimes * state.naptime_ms && holderOf(maintenance, table) === null,
    );
    const off = maintenance.tables.filter(table => !table.is_autovacuum_enabled && isBehind(table));
    return [
      workersRow(state, snapshot),
      ...overdue.map(table => overdueRow(table, state, snapshot)),
      ...off.map(offRow),
    ];
  },
});

/** A database gets a worker every autovacuum_naptime: so many passed without one that finished the table. */
const overdueTimes = 3;

function workersRow(state: AutovacuumState, snapshot: Snapshot): TopicRow {
  const {workers, max_workers, is_on, due} = state;
  const base = {id: 'workers', page: () => pageOf(state, snapshot)};
  if (!is_on)
    return {
      ...base,
      verdict: 'warning',
      text: 'autovacuum is off: dead rows stay, statistics age; only wraparound is still prevented',
    };
  if (workers === null)
    return {...base, verdict: 'unknown', text: `busy workers (of ${max_workers}): ${unknownTo(snapshot)}`};
  const waiting = due.length === 0 ? '' : `, ${dueText(due)}`;
  const text = `${workers.length} of ${counted(max_workers, 'worker')} busy${waiting}`;
  const urgent = workers.filter(({is_to_prevent_wraparound}) => is_to_prevent_wraparound).length;
  const against = urgent === 0 ? '' : `; ${urgent} to prevent wraparound, which lock requests do not cancel`;
  const isShort = workers.length >= max_workers && due.some(({due_ms}) => due_ms >= state.naptime_ms);
  return {...base, verdict: isShort ? 'warning' : 'ok', text: text + against};
}

function dueText(due: readonly DueTable[]): string {
  const [first] = due;
  const count = due.length <= mostDue ? counted(due.length, 'table') : `more than ${mostDue} tables`;
  return first?.score === undefined
    ? `${count} due`
    : `${count} due, the highest score ${formatCount(first.score)} (${first.schema}.${first.name})`;
}

/** What makes it due: from PostgreSQL 19 on, also rows that were inserted and its oldest ids. */
function whyDue({dead_rows, vacuum_threshold, score, is_for_wraparound}: DueTable): string {
  const isForRows = dead_rows > vacuum_threshold;
  const rows = `${formatCount(dead_rows)} dead rows, threshold ${formatCount(vacuum_threshold)}`;
  const reasons = [
    ...(is_for_wraparound ? ['to prevent wraparound'] : []),
    ...(isForRows ? [rows] : is_for_wraparound ? [] : ['rows inserted since its last vacuum']),
    ...(score === undefined ? [] : [`score ${formatCount(score)}`]),
  ];
  return reasons.join(', ');
}

function isOn(table: {schema: string; name: string}, {workers}: AutovacuumState): boolean {
  return workers?.some(worker => worker.table === `${table.schema}.${table.name}`) ?? false;
}

function overdueRow(table: DueTable, state: AutovacuumState, snapshot: Snapshot): TopicRow {
  const {schema, name, dead_rows, vacuum_threshold, due_ms, unfinished_workers, score} = table;
  const isBusy = state.workers !== null && state.workers.length >= state.max_workers;
  const isRunning = isOn(table, state);
  const why = isRunning
    ? 'a worker is vacuuming it'
    : unfinished_workers > 0
      ? `${counted(unfinished_workers, 'worker')} left it unfinished: a lock was in the way, or it failed`
      : isBusy
        ? 'every worker is busy'
        : state.workers === null
          ? `cause ${unknownTo(snapshot)}`
          : 'no worker was seen vacuuming it: a lock on the table makes autovacuum skip it, or it fails immediately';
  return {
    id: `table:${schema}.${name}`,
    verdict: isRunning ? 'ok' : 'warning',
    text: `${schema}.${name} is due (${whyDue(table)}), not vacuumed in ${formatSpan(due_ms)}: ${why}`,
    page: () => [
      {
        heading: `${schema}.${name}`,
        properties: [
          [
            'dead rows',
            `${formatCount(dead_rows)}; autovacuum is due from ${formatCount(vacuum_threshold)} on`,
          ],
          ...(score === undefined ? [] : scoreOf(table, score)),
          ['due', `for ${formatSpan(due_ms)} while poolctl watched, without a finished autovacuum`],
          ['unfinished', `${counted(unfinished_workers, 'worker')} started on it and did not finish`],
          ['finished', `${counted(table.autovacuum_count, 'autovacuum')} since its statistics began`],
          ['vacuumed', table.vacuum_age_ms === null ? 'never' : `${formatAge(table.vacuum_age_ms)} ago`],
        ],
      },
      {
        heading: 'what can be done',
        text: [
          'The server log has why an autovacuum was cancelled or failed ("canceling autovacuum task", or an error with "automatic vacuum of table" as its context).',
          `VACUUM ${schema}.${name}; waits for the lock instead of skipping the table.`,
        ],
      },
      ...pageOf(state, snapshot),
    ],
  };
}

function scoreOf({is_for_wraparound}: DueTable, score: number): [name: string, value: string][] {
  const urgent = is_for_wraparound ? '; due to prevent wraparound, even with autovacuum off' : '';
  return [['score', `${formatCount(score)}: a worker takes the table with the highest one first${urgent}`]];
}

function offRow(table: TableUpkeep): TopicRow {
  return {
    id: `table:${nameOf(table)}`,
    verdict: 'warning',
    text: `autovacuum is off for ${nameOf(table)}: ${formatCount(table.dead_rows)} dead rows, ${formatCount(table.live_rows)} live ones`,
    page: () => [
      {
        heading: nameOf(table),
        text: [`ALTER TABLE ${nameOf(table)} RESET (autovacuum_enabled); lets autovacuum work on it again.`],
      },
    ],
  };
}

function pageOf(state: AutovacuumState, snapshot: Snapshot): Part[] {
  const {workers, max_workers, naptime_ms, due} = state;
  const running =
    workers === null
      ? [unknownTo(snapshot)]
      : workers.map(
          ({database, table, age_ms, is_to_prevent_wraparound}) =>
            `${database ?? '?'}: ${table ?? 'between tables'}, for ${formatAge(age_ms)}${is_to_prevent_wraparound ? ', to prevent wraparound' : ''}`,
        );
  return [
    {
      heading: 'workers',
      properties: [
        [
          'at most',
          `${max_workers} (autovacuum_max_workers); each database gets one every ${formatSpan(naptime_ms)}`,
        ],
      ],
      text: running.length === 0 ? ['none is busy'] : running,
    },
    ...(due.length === 0
      ? []
      : [
          {
            heading: 'tables due in this database',
            properties: due.map((table): [string, string] => [
              `${table.schema}.${table.name}`,
              `${whyDue(table)}; due for ${formatSpan(table.due_ms)} while poolctl watched`,
            ]),
          },
        ]),
  ];
}
