import type {Plan} from '../../model/recipe.ts';
import type {RoleSettings} from '../../model/recipe-data.ts';
import type {Backend, Snapshot} from '../../model/snapshot.ts';
import {usageError} from '../errors.ts';
import {counted} from '../text/format.ts';
import {parseDurationMs} from '../text/time.ts';

export type TimeoutSetting = {
  name: string;
  /** First server_version_num that has it. */
  since: number;
  /** What the server does, and the error the client gets (SQLSTATE, errcodes.txt). */
  effect: string;
  suggestions: readonly string[];
};

/** The timeouts that a role can have. */
export const timeoutSettings: readonly TimeoutSetting[] = [
  {
    name: 'statement_timeout',
    since: 130_000,
    effect: 'cancels a statement that runs longer (57014)',
    suggestions: ['1s', '5s', '15s', '30s'],
  },
  {
    name: 'idle_in_transaction_session_timeout',
    since: 130_000,
    effect: 'ends a session idle in transaction for longer and rolls back (25P03)',
    suggestions: ['10s', '30s', '1min', '5min'],
  },
  {
    name: 'idle_session_timeout',
    since: 140_000,
    effect: 'ends a session idle outside a transaction for longer (57P05)',
    suggestions: ['10min', '30min', '1h'],
  },
  {
    name: 'lock_timeout',
    since: 130_000,
    effect: 'aborts a statement that waits longer for a lock (55P03)',
    suggestions: ['1s', '2s', '5s'],
  },
  {
    name: 'transaction_timeout',
    since: 170_000,
    effect: 'ends a session whose transaction is open for longer, active or idle (25P04)',
    suggestions: ['1min', '5min', '15min'],
  },
];

/** A timeout as ALTER ROLE takes it. */
export type Timeout = {value: string; ms: number};

/** GUC_UNIT_MS in an int4. */
const mostMs = 2_147_483_647;

/**
 * Parses `30s`, or `0` for no timeout; null if the parameter is not set. A bare number is refused: to PostgreSQL it
 * means milliseconds, to people seconds. Throws AbortError (exit 2).
 */
export function readTimeout(name: string, text: string): Timeout | null {
  if (text === '') return null;
  const ms = text === '0' ? 0 : /^\d+$/.test(text) ? null : parseDurationMs(text);
  if (ms === null || !Number.isInteger(ms) || ms > mostMs) {
    throw usageError(`${name}=${text} is not a valid timeout`, 'give a unit, as 30s or 5min; 0 disables it');
  }
  return {value: writeTimeout(ms), ms};
}

/** `90000` as `90s`, `3600000` as `1h`: in the largest unit, as SHOW does. */
export function writeTimeout(ms: number): string {
  const [unit = 'ms', factor = 1] =
    Object.entries(unitMs).findLast(([, each]) => ms > 0 && ms % each === 0) ?? [];
  return ms === 0 ? '0' : `${ms / factor}${unit}`;
}

const unitMs: Record<string, number> = {ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000};

/** The milliseconds of a setting's value (a bare number is milliseconds); null if it is not a time. */
export function timeoutMs(value: string): number | null {
  const [, amount, unit = 'ms'] = /^(\d+)\s*([a-z]+)?$/.exec(value.trim()) ?? [];
  const factor = unitMs[unit];
  return amount === undefined || factor === undefined ? null : Number(amount) * factor;
}

/** A change for the preview; null: not set. */
type TimeoutChange = {setting: TimeoutSetting; before: string | null; after: string | null};

export type TimeoutsPreview = {
  role: string;
  database: string | null;
  changes: TimeoutChange[];
  /** Sessions of the role, in the database if one is named. */
  sessions: Backend[];
  snapshot: Snapshot;
  settings: RoleSettings;
};

/** Explains what the new timeouts do, and what they affect. */
export function explainTimeouts(preview: TimeoutsPreview): Pick<Plan, 'explanation' | 'figure'> {
  const {role, database, changes, sessions} = preview;
  if (changes.length === 0) return {explanation: ['Nothing to change.']};
  const where = `role ${role}${database === null ? '' : ` in database ${database}`}`;
  return {
    explanation: [
      `${counted(changes.length, 'timeout')} for ${where}.`,
      ...changes.flatMap(change => effectOf(change, preview)),
      `Only new sessions get it: ${counted(sessions.length, 'open session')} ${sessions.length === 1 ? 'keeps its' : 'keep their'} values until they reconnect, a pooler's included.`,
      'It applies to everything that runs as this role, including migrations, dumps and index builds; a session may SET its own value.',
      ...overriddenBy(preview),
      ...ineffectiveLockTimeout(changes),
    ],
    figure: drawChanges(changes),
  };
}

function effectOf({setting, after}: TimeoutChange, preview: TimeoutsPreview): string[] {
  const ms = after === null ? null : timeoutMs(after);
  if (ms === null) return [`${setting.name}: the database's or the server's value applies.`];
  if (ms === 0) return [`${setting.name} = 0: no timeout, even if the server sets one.`];
  const affected = affectedBy(setting.name, ms, preview);
  return [
    `${setting.name} = ${after}: the server ${setting.effect}${affected && `; affected now: ${affected}`}.`,
    ...(setting.name === 'idle_session_timeout' ? poolerWarning(preview) : []),
  ];
}

/** What the timeout would affect in this snapshot. */
function affectedBy(name: string, ms: number, {sessions, snapshot, role, database}: TimeoutsPreview): string {
  const older = (age: (session: Backend) => number | null, isAffected: (state: string) => boolean) =>
    sessions.filter(session => isAffected(session.state ?? '') && (age(session) ?? 0) > ms).length;
  switch (name) {
    case 'statement_timeout': {
      const running = older(
        ({query_age_ms}) => query_age_ms,
        state => state === 'active',
      );
      const known = snapshot.statements.filter(
        ({usename, datname}) => usename === role && (database === null || datname === database),
      );
      const slow = known.filter(({max_exec_time_ms}) => max_exec_time_ms > ms).length;
      return [
        ...(running > 0 ? [`${counted(running, 'statement')} running`] : []),
        ...(slow > 0 ? [`${slow} of its ${known.length} known statements once took longer`] : []),
      ].join(', ');
    }
    case 'idle_in_transaction_session_timeout':
      return countedOrNone(
        older(
          ({state_age_ms}) => state_age_ms,
          state => state.startsWith('idle in'),
        ),
      );
    case 'idle_session_timeout':
      return countedOrNone(
        older(
          ({state_age_ms}) => state_age_ms,
          state => state === 'idle',
        ),
      );
    case 'transaction_timeout':
      return countedOrNone(
        older(
          ({xact_age_ms}) => xact_age_ms,
          () => true,
        ),
      );
    default:
      return '';
  }
}

function countedOrNone(count: number): string {
  return count === 0 ? '' : counted(count, 'session');
}

/**
 * "such a layer may not react well to unexpected connection closure" (the manual on idle_session_timeout). A pool of
 * node-postgres without a listener for 'error' takes the whole process down with it.
 */
function poolerWarning({sessions}: TimeoutsPreview): string[] {
  const holders = [...new Set(sessions.filter(({state}) => state === 'idle').map(nameOf))].slice(0, 4);
  return [
    `Poolers keep sessions idle on purpose (PgBouncer, Supavisor, pgpool, node-postgres's and Prisma's pools). They will find these sessions closed, and an application without an 'error' listener on its pool may crash. Use more than their own idle timeout.${holders.length > 0 ? ` Idle now as this role: ${holders.join(', ')}.` : ''}`,
  ];
}

function nameOf({application_name}: Backend): string {
  return application_name || '(no name)';
}

/** A role's setting in one database overrides the role's setting. */
function overriddenBy({role, database, changes, settings}: TimeoutsPreview): string[] {
  if (database !== null) return [];
  return settings.overrides
    .filter(each => each.role === role && each.database !== null)
    .filter(({name}) => changes.some(({setting}) => setting.name === name))
    .map(
      each =>
        `In database ${each.database}, ${each.name} stays ${each.value}: it is set there for this role.`,
    );
}

/** lock_timeout has an effect only below statement_timeout. */
function ineffectiveLockTimeout(changes: readonly TimeoutChange[]): string[] {
  const msOf = (name: string) =>
    timeoutMs(changes.find(({setting}) => setting.name === name)?.after ?? '') ?? 0;
  const [lock, statement] = [msOf('lock_timeout'), msOf('statement_timeout')];
  return lock > 0 && statement > 0 && lock >= statement
    ? ['lock_timeout has no effect: statement_timeout is shorter or equal and ends the statement first.']
    : [];
}

function drawChanges(changes: readonly TimeoutChange[]): string[] {
  const rows = [
    ['setting', 'now', 'new'],
    ...changes.map(({setting, before, after}) => [setting.name, before ?? 'not set', after ?? 'not set']),
  ];
  const widths = [0, 1].map(column => Math.max(...rows.map(row => row[column]?.length ?? 0)));
  return rows.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
