import type {Maintenance, TableUpkeep, XminHolder} from '../../../model/maintenance.ts';
import type {Act, Finding, Harm} from '../../../model/recipe.ts';
import type {Backend, Snapshot, Statement} from '../../../model/snapshot.ts';
import {thresholds} from '../../health/thresholds.ts';
import {holderOf, lasting, nameOf} from '../../server/maintenance.ts';
import {protectionOf, subjectOf} from '../../sessions/protection.ts';
import {statementName} from '../../sql/statement-name.ts';
import {counted, formatAge, formatCount, formatRatio} from '../../text/format.ts';
import {type Context, poolName} from '../context.ts';

/**
 * Harm: dead rows that vacuum may not remove, because something still needs an older state of the database. Explained
 * by the oldest holder of the xmin horizon: a slot, a prepared transaction, a standby, a session.
 */
export function examineHorizon(context: Context): Finding[] {
  const {maintenance} = context.facts;
  if (maintenance === undefined || context.snapshot.target.is_in_recovery) return [];
  const behind = maintenance.tables.filter(isBehind).sort((a, b) => b.dead_rows - a.dead_rows);
  const worst = behind.find(table => holderOf(maintenance, table) !== null);
  const holder = worst && holderOf(maintenance, worst);
  if (!holder) return behind.length === 0 ? aside(maintenance, context) : [];
  const kept = behind.filter(table => holderOf(maintenance, table) === holder);
  const readers = statementsOn(worst, context.snapshot);
  return [findingOf({holder, kept, worst, readers}, context)];
}

type Kept = {holder: XminHolder; kept: TableUpkeep[]; worst: TableUpkeep; readers: Statement[]};

/** As analyze-stale-tables calls a table that vacuum is behind on. */
export function isBehind({dead_rows, vacuum_threshold}: TableUpkeep): boolean {
  return (
    dead_rows >= thresholds.changed_rows.warning &&
    dead_rows > thresholds.autovacuum_threshold_times.warning * vacuum_threshold
  );
}

/** Statements that read the table, the costliest first. */
function statementsOn(table: TableUpkeep, {statements}: Snapshot): Statement[] {
  return statements.filter(({query}) => isReading(query, table)).sort((a, b) => shareOf(b) - shareOf(a));
}

/** Its text names the table; an INSERT adds rows, and scans none. */
function isReading(query: string | null, {name}: TableUpkeep): boolean {
  if (query === null || /^\s*insert\b/i.test(query)) return false;
  return new RegExp(`(?<![\\w$])"?${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}"?(?![\\w$])`).test(query);
}

/** Sessions that have been reading it for longer than a statement takes: pg_stat_statements counts at its end. */
function sessionsOn(table: TableUpkeep, {backends}: Snapshot): Backend[] {
  return backends.filter(
    ({state, wait_event_type, query, query_age_ms}) =>
      state === 'active' &&
      wait_event_type !== 'Lock' &&
      (query_age_ms ?? 0) >= thresholds.standard_statement_ms.warning &&
      isReading(query, table),
  );
}

function shareOf({rates}: Statement): number {
  return rates?.exec_share_ratio ?? 0;
}

function findingOf({holder, kept, worst, readers}: Kept, context: Context): Finding {
  const dead = kept.reduce((sum, {dead_rows}) => sum + dead_rows, 0);
  const [reader] = readers;
  const share = readers.reduce((sum, each) => sum + shareOf(each), 0);
  const running = sessionsOn(worst, context.snapshot);
  const isHeavy = share >= heavyShare || running.length >= thresholds.slow_active_sessions.warning;
  const load =
    reader?.query && share >= heavyShare
      ? `; ${statementName(reader.query)}, which reads them, is ${formatRatio(share, 0)} of the load`
      : isHeavy
        ? `; ${statementName(running[0]?.query ?? null)}, which reads them, runs in ${counted(running.length, 'session')}`
        : '';
  const rest = kept.length === 1 ? '' : ` and ${kept.length - 1} more`;
  const acts = actsForHolder(holder, context.snapshot);
  const [recommended] = acts;
  const active_ms = readers.reduce((sum, {rates}) => sum + (rates?.exec_ms_per_second ?? 0), 0);
  const harm: Harm = {
    kind: 'vacuum',
    sessions: Math.max(active_ms / 1000, running.length),
    share: 1,
    since: null,
  };
  return {
    recipe: recommended?.recipe ?? 'horizon',
    severity: isHeavy ? 'critical' : 'warning',
    subject: subjectOfHolder(holder),
    summary: `${describe(holder, context.snapshot)} holds back vacuum: ${formatCount(dead)} dead rows of ${worst.name}${rest} stay${load}`,
    evidence: {
      holder: `${holder.kind} ${holder.name}`,
      xmin_age: holder.xmin_age,
      dead_rows: dead,
      tables: kept.length,
      worst: nameOf(worst),
      live_rows: worst.live_rows,
      vacuum_age_ms: worst.vacuum_age_ms,
      load_ratio: reader === undefined ? null : share,
    },
    ...(recommended?.recipe && {params: recommended.params}),
    harm,
    cause: 'horizon',
    explains: ['vacuum', ...readers.slice(0, 3).map(({queryid}) => `statement:${queryid}`)],
    confidence: 'certain',
    reasons: reasonsFor(holder, worst),
    acts,
  };
}

/** Share of the load from which the dead rows are what makes the server slow. */
const heavyShare = 0.3;

function reasonsFor({xmin_age}: XminHolder, worst: TableUpkeep): string[] {
  const vacuumed =
    worst.vacuum_age_ms === null
      ? `${nameOf(worst)} was never vacuumed.`
      : `${nameOf(worst)} was vacuumed ${formatAge(worst.vacuum_age_ms)} ago, and ${formatCount(worst.dead_rows)} dead rows stayed (${formatCount(worst.live_rows)} live ones).`;
  return [
    `Vacuum keeps every row that was deleted in the last ${counted(xmin_age, 'transaction')}, because this one still needs them; nothing else needs older ones.`,
    vacuumed,
    'Each read of the table and of its indexes scans through the dead rows.',
  ];
}

function describe({kind, name, description, age_ms}: XminHolder, snapshot: Snapshot): string {
  const age = age_ms === null ? '' : ` (${formatAge(age_ms)})`;
  const session = sessionOf({kind, name}, snapshot);
  if (session !== undefined) return `${poolName(session)}${age}, in one transaction,`;
  if (kind === 'replication slot') return `replication slot ${name} (${description})`;
  return `${kind} ${name}${age}`;
}

function sessionOf(
  {kind, name}: Pick<XminHolder, 'kind' | 'name'>,
  {backends}: Snapshot,
): Backend | undefined {
  return kind === 'backend' ? backends.find(({pid}) => String(pid) === name) : undefined;
}

export function subjectOfHolder({kind, name}: XminHolder): string {
  return kind === 'backend' ? subjectOf(Number(name)) : `${kind}:${name}`;
}

/** Ways to end what holds vacuum back; then autovacuum removes the rows by itself. */
export function actsForHolder(holder: XminHolder, snapshot: Snapshot): Act[] {
  const then =
    'autovacuum removes the dead rows within minutes; the space is used again, but the files stay as large';
  const {kind, name} = holder;
  if (kind === 'replication slot')
    return [
      {
        recipe: 'drop-replication-slot',
        params: {slot: name},
        title: `drop replication slot ${name}, if its consumer is gone for good`,
        frees: 'the next vacuum removes all dead rows',
        costs: `irreversible: its consumer has to be set up again from a full copy. Afterwards ${then}`,
      },
      advice(
        `start the consumer of ${name} again`,
        `it first receives everything that it missed. Then ${then}`,
      ),
    ];
  if (kind === 'prepared transaction')
    return [
      advice(
        `ask the coordinator of ${name} whether to commit it, then COMMIT PREPARED or ROLLBACK PREPARED`,
        `only the coordinator knows which. Then ${then}`,
      ),
    ];
  if (kind === 'standby')
    return [
      advice(
        `end the long query on standby ${name}, or set hot_standby_feedback = off there`,
        `without feedback, queries on the standby are cancelled when rows they need are removed. Then ${then}`,
      ),
    ];
  return actsForSession(holder, snapshot, then);
}

function actsForSession(holder: XminHolder, snapshot: Snapshot, then: string): Act[] {
  const session = sessionOf(holder, snapshot);
  if (session === undefined) return [advice(`terminate session ${holder.name}`, then)];
  const protection = protectionOf(session, snapshot, false);
  const who = poolName(session);
  if (protection !== null) return [advice(`wait until ${who} is done (${protection.reason})`, then)];
  const isIdle = session.state?.startsWith('idle') ?? false;
  return [
    {
      recipe: isIdle ? 'terminate-sessions' : 'cancel-statements',
      params: {pid: holder.name},
      title: isIdle ? `terminate the session of ${who}` : `cancel the statement of ${who}`,
      frees: 'the next vacuum removes all dead rows',
      costs: `its transaction is rolled back. Then ${then}`,
    },
    advice(`wait until ${who} ends its transaction`, 'dead rows keep growing until then'),
  ];
}

function advice(title: string, costs: string): Act {
  return {recipe: null, params: {}, title, frees: null, costs};
}

/** A slot without a consumer is worth a line, even while it holds back no dead rows. */
function aside({xmin_holders}: Maintenance, {snapshot}: Context): Finding[] {
  const [holder] = lasting(xmin_holders);
  if (holder?.kind !== 'replication slot') return [];
  return [
    {
      recipe: 'horizon',
      severity: 'warning',
      subject: subjectOfHolder(holder),
      summary: `${describe(holder, snapshot)} is the oldest that vacuum has to respect, ${counted(holder.xmin_age, 'transaction')} back; no table has many dead rows`,
      evidence: {holder: `${holder.kind} ${holder.name}`, xmin_age: holder.xmin_age},
      cause: 'horizon',
    },
  ];
}
