import type {Maintenance, TableUpkeep, XminHolder} from '../../../model/maintenance.ts';
import type {Snapshot} from '../../../model/snapshot.ts';
import {poolName} from '../../assessment/context.ts';
import {actsForHolder, isBehind, subjectOfHolder} from '../../assessment/harms/horizon.ts';
import {counted, formatAge, formatCount} from '../../text/format.ts';
import {holderOf, lasting, nameOf} from '../maintenance.ts';
import {type Part, type TopicRow, topic, unknownTo} from './topic.ts';

/** What keeps vacuum from removing dead rows, for how long and how many. */
export const horizon = topic({
  name: 'horizon',
  reads: ['maintenance'],
  rows({maintenance}, snapshot) {
    if (snapshot.target.is_in_recovery)
      return [
        {
          id: 'standby',
          verdict: 'ok',
          text: 'a standby: its primary vacuums, and keeps what queries here need if hot_standby_feedback is on',
          page: () => [],
        },
      ];
    const held = lasting(maintenance.xmin_holders).filter(({xmin_age}) => xmin_age > 1);
    const hidden = maintenance.xmin_holders.filter(
      ({kind, age_ms, xmin_age}) => kind === 'backend' && age_ms === null && xmin_age > 1,
    );
    const rows = [
      ...held.map(holder => holderRow(holder, maintenance, snapshot)),
      ...hidden.map(holder => hiddenRow(holder, maintenance, snapshot)),
    ];
    return rows.length > 0 ? rows : [quietRow(maintenance, snapshot)];
  },
});

function holderRow(holder: XminHolder, maintenance: Maintenance, snapshot: Snapshot): TopicRow {
  const kept = keptBy(holder, maintenance);
  const dead = kept.reduce((sum, {dead_rows}) => sum + dead_rows, 0);
  const [worst] = kept;
  const rest = kept.length > 1 ? ` and ${kept.length - 1} more` : '';
  const what =
    worst === undefined
      ? 'no table has many dead rows'
      : `${formatCount(dead)} dead rows of ${worst.name}${rest} stay`;
  return {
    id: subjectOfHolder(holder),
    verdict: worst === undefined ? 'ok' : 'warning',
    text: `${whoOf(holder, snapshot)} holds back vacuum by ${counted(holder.xmin_age, 'transaction')}${forText(holder)}: ${what}`,
    page: () => [...pageOf(holder, snapshot), ...tablesPart(kept), ...othersPart(maintenance, holder)],
    acts: actsForHolder(holder, snapshot),
  };
}

/** `web/app (4711)`, `replication slot sub`. */
function whoOf({kind, name}: XminHolder, {backends}: Snapshot): string {
  const session = kind === 'backend' ? backends.find(({pid}) => String(pid) === name) : undefined;
  return session === undefined ? `${kind} ${name}` : `${poolName(session)} (${name})`;
}

function forText({age_ms}: XminHolder): string {
  return age_ms === null ? '' : ` for ${formatAge(age_ms)}`;
}

/** The tables whose dead rows it keeps, most dead rows first. */
function keptBy(holder: XminHolder, maintenance: Maintenance): TableUpkeep[] {
  return maintenance.tables
    .filter(table => isBehind(table) && holderOf(maintenance, table) === holder)
    .sort((a, b) => b.dead_rows - a.dead_rows);
}

function hiddenRow(holder: XminHolder, maintenance: Maintenance, snapshot: Snapshot): TopicRow {
  return {
    id: subjectOfHolder(holder),
    verdict: 'unknown',
    text: `${whoOf(holder, snapshot)} holds back vacuum by ${counted(holder.xmin_age, 'transaction')}, duration ${unknownTo(snapshot)}`,
    page: () => [...pageOf(holder, snapshot), ...othersPart(maintenance, holder)],
  };
}

function quietRow(maintenance: Maintenance, snapshot: Snapshot): TopicRow {
  const [oldest] = maintenance.xmin_holders;
  const text =
    oldest === undefined
      ? 'nothing holds back vacuum'
      : `nothing holds back vacuum for long; the oldest is ${whoOf(oldest, snapshot)}, ${counted(oldest.xmin_age, 'transaction')} back`;
  return {id: 'none', verdict: 'ok', text, page: () => othersPart(maintenance, null)};
}

function pageOf({kind, name, description, age_ms, xmin_age}: XminHolder, snapshot: Snapshot): Part[] {
  const session = kind === 'backend' ? snapshot.backends.find(({pid}) => String(pid) === name) : undefined;
  return [
    {
      heading: 'what holds it back',
      properties: [
        [kind === 'backend' ? 'session' : kind, `${name} (${description})`],
        ['by', `${counted(xmin_age, 'transaction')}: rows deleted since then are kept`],
        [
          'for',
          age_ms === null
            ? kind === 'backend'
              ? unknownTo(snapshot)
              : 'not known: PostgreSQL keeps no time'
            : formatAge(age_ms),
        ],
        ...(session === undefined
          ? []
          : ([
              ['state', `${session.state ?? 'hidden'} for ${formatAge(session.state_age_ms)}`],
              ['statement', session.query ?? 'hidden'],
            ] satisfies [string, string][])),
      ],
    },
  ];
}

function tablesPart(kept: readonly TableUpkeep[]): Part[] {
  if (kept.length === 0) return [];
  const properties = kept.map((table): [string, string] => [
    nameOf(table),
    `${formatCount(table.dead_rows)} dead rows, ${formatCount(table.live_rows)} live ones; last vacuum ${formatAge(table.vacuum_age_ms)} ago`,
  ]);
  return [{heading: 'tables whose dead rows stay', properties}];
}

function othersPart({xmin_holders}: Maintenance, shown: XminHolder | null): Part[] {
  const others = xmin_holders.filter(holder => holder !== shown);
  if (others.length === 0) return [];
  const properties = others.map(({kind, name, description, xmin_age, age_ms}): [string, string] => [
    `${formatCount(xmin_age)} back`,
    `${kind} ${name} (${description})${age_ms === null ? '' : `, ${formatAge(age_ms)}`}`,
  ]);
  return [
    {heading: shown === null ? 'the oldest, in transactions' : 'the next, in transactions', properties},
  ];
}
