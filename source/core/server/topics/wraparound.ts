import type {ServerState} from '../../../model/server-state.ts';
import {idsLeft} from '../../assessment/harms/writes.ts';
import {thresholds} from '../../health/thresholds.ts';
import {formatBytes, formatCount, formatSpan} from '../../text/format.ts';
import {type Part, type TopicRow, topic, type Verdict} from './topic.ts';

type Kind = 'transaction ids' | 'multixacts';

/** How many transaction ids and multixacts are left until the server refuses writes, and for how long they last if nothing is frozen. */
export const wraparound = topic({
  name: 'wraparound',
  reads: ['write_state'],
  rows: state =>
    (['transaction ids', 'multixacts'] as const).map(kind => {
      const ids = idsOf(kind, state);
      const near = idsLeft(state.write_state).find(({what}) => what === kind);
      const runway = runwayOf(ids);
      const verdict: Verdict =
        near?.severity ??
        ((runway.until_ms ?? Infinity) < thresholds.until_full_ms.critical ? 'warning' : 'ok');
      const database =
        ids.left < thresholds.xids_left.warning ? ` (database ${ids.database} has to be vacuumed)` : '';
      return {
        id: kind,
        verdict,
        text: `${formatCount(Math.max(0, ids.left))} ${kind} left${database}: ${runway.text}`,
        page: () => pageOf(kind, ids, state.autovacuum),
      } satisfies TopicRow;
    }),
});

type Ids = {
  left: number;
  database: string;
  per_second: number | null;
  interval_ms: number | null;
  /** The time began with the last checkpoint. */
  is_checkpoint: boolean;
  freeze_max_age: number | null;
  age: number | null;
};

function idsOf(
  kind: Kind,
  {
    write_state,
    wal,
    autovacuum,
  }: Pick<ServerState, 'wal' | 'autovacuum'> & Required<Pick<ServerState, 'write_state'>>,
): Ids {
  const since = write_state.ids?.since ?? null;
  const rates = (wal?.rates?.interval_ms ?? 0) > (since?.interval_ms ?? 0) ? wal?.rates : undefined;
  const interval_ms = rates?.interval_ms ?? since?.interval_ms ?? null;
  const perSecond = (ids: 'xids' | 'multixacts') =>
    rates?.[`${ids}_per_second`] ?? (since === null ? null : (since[ids] * 1000) / since.interval_ms);
  const is_checkpoint = rates === undefined && since?.is_checkpoint === true;
  const databases = autovacuum?.databases ?? [];
  const oldest = (age: 'xid_age' | 'multixact_age') =>
    databases.length === 0 ? null : Math.max(...databases.map(each => each[age]));
  return kind === 'transaction ids'
    ? {
        left: write_state.xids_left,
        database: write_state.oldest_database,
        per_second: perSecond('xids'),
        ...{interval_ms, is_checkpoint},
        freeze_max_age: autovacuum?.freeze_max_age ?? null,
        age: oldest('xid_age'),
      }
    : {
        left: write_state.multixacts_left,
        database: write_state.oldest_multixact_database,
        per_second: perSecond('multixacts'),
        ...{interval_ms, is_checkpoint},
        freeze_max_age: autovacuum?.multixact_freeze_max_age ?? null,
        age: oldest('multixact_age'),
      };
}

const day_ms = 86_400_000;

/** Measured between two readings: never guessed. */
function runwayOf(ids: Ids): {until_ms: number | null; text: string} {
  const {left, per_second, interval_ms} = ids;
  if (per_second === null || interval_ms === null)
    return {until_ms: null, text: 'its duration is available after the next refresh'};
  if (per_second === 0) return {until_ms: null, text: `none used in ${windowOf(ids)}`};
  const until_ms = (Math.max(0, left) / per_second) * 1000;
  const days = until_ms / day_ms;
  const lasts =
    days < 2 ? `${Math.floor(until_ms / 3_600_000)} hours` : `${formatCount(Math.floor(days))} days`;
  return {
    until_ms,
    text: `${lasts} at ${formatCount(per_second)}/s (over ${windowOf(ids)})`,
  };
}

/** `4min, since the last checkpoint`. */
function windowOf({interval_ms, is_checkpoint}: Ids): string {
  return `${formatSpan(interval_ms)}${is_checkpoint ? ', since the last checkpoint' : ''}`;
}

const hour_ms = 3_600_000;

function pageOf(kind: Kind, ids: Ids, autovacuum: ServerState['autovacuum']): Part[] {
  const age = kind === 'transaction ids' ? 'xid_age' : 'multixact_age';
  const {left, database, per_second, freeze_max_age} = ids;
  const rate =
    per_second === null
      ? 'available after the next refresh'
      : `${formatCount(per_second)}/s over ${windowOf(ids)}`;
  const parts: Part[] = [
    {
      heading: kind,
      properties: [
        [
          'left',
          `${formatCount(left)}, then the server refuses writes; database ${database} has the oldest rows`,
        ],
        ['used', rate],
        [
          'frozen',
          `autovacuum freezes a table from an age of ${formatCount(freeze_max_age)} on; the oldest is ${formatCount(ids.age)} old`,
        ],
      ],
      text:
        (ids.interval_ms ?? 0) < hour_ms
          ? [
              'A rate of less than an hour says little of a day: poolctl keeps the longest time that it has read, a day at most.',
            ]
          : [],
    },
  ];
  if (autovacuum === undefined) return parts;
  const {databases, oldest_tables} = autovacuum;
  const byAge = [...databases].sort((a, b) => b[age] - a[age]);
  return [
    ...parts,
    {
      heading: 'databases by age',
      properties: byAge.map(each => [formatCount(each[age]), each.name]),
    },
    {
      heading: 'oldest tables of this database',
      properties: oldest_tables.map(each => [
        formatCount(each[age]),
        `${each.schema}.${each.name}, about ${formatBytes(each.size_bytes)}`,
      ]),
    },
  ];
}
