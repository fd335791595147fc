import type {SettingOverride} from '../../model/recipe-data.ts';
import type {Backend} from '../../model/snapshot.ts';
import {utcClock} from '../text/clock.ts';
import {formatAge} from '../text/format.ts';
import {describeWhere, effectiveOverride} from './role-settings.ts';
import {timeoutMs, timeoutSettings, writeTimeout} from './timeouts.ts';

/** What roles, databases and the server say of the timeouts. */
export type ConfiguredTimeouts = {
  overrides: readonly SettingOverride[];
  /** By name, of those that the server has; null where poolctl's own value hides the server's. */
  server: Readonly<Record<string, string | null>>;
  /** Of those that are hidden, the ones of which the server's files say nothing. */
  not_in_files: readonly string[];
  /** The role that would have to read the configuration files to see what is hidden. */
  role: string;
};

/**
 * The timeouts of one session, a line each: the value that wins, who says so, and what the others say. Then why the session may
 * have another: a setting of a role or database applies to sessions that begin after it.
 */
export function timeoutLines(session: Backend, configured: ConfiguredTimeouts): string[] {
  const found = timeoutSettings
    .filter(({name}) => Object.hasOwn(configured.server, name))
    .map(({name}) => effectiveTimeout(name, session, configured));
  const unset = found.filter(({value, others}) => timeoutMs(value ?? '') === 0 && others.length === 0);
  const unknown = found.filter(({value}) => value === null);
  const [unfiled, unread] = [true, false].map(isUnfiled =>
    unknown
      .flatMap(({name}) => (configured.not_in_files.includes(name) === isUnfiled ? name : []))
      .join(', '),
  );
  const set = found.filter(each => !unset.includes(each) && !unknown.includes(each));
  const isHidden = unread !== '' || set.some(({others}) => others.includes(hidden));
  return [
    ...set.map(({name, value, by, others}) => {
      const also = others.length === 0 ? '' : ` (${others.join('; ')})`;
      return `${name}: ${shown(value ?? '')}, by ${by}${also}`;
    }),
    ...(unread === '' ? [] : [`${unread}: ${hidden}`]),
    ...(unfiled === '' ? [] : [`${unfiled}: ${notInFiles}`]),
    ...(unset.length === 0 ? [] : [`no ${unset.map(({name}) => name).join(', no ')}`]),
    ...set.flatMap(each => contradiction(each, session)),
    ...changedSince(session, set),
    'Connection options and SET of the client override these and cannot be seen.',
    ...(isHidden
      ? [
          `To see the server's value: GRANT EXECUTE ON FUNCTION pg_catalog.pg_show_all_file_settings() TO ${configured.role};`,
        ]
      : []),
  ];
}

type Effective = {
  name: string;
  /** null: the server's, which is hidden. */
  value: string | null;
  override: SettingOverride | null;
  by: string;
  /** What the others say that do not win. */
  others: string[];
};

const hidden = "the server's value is hidden";
const notInFiles = 'unknown (not in its files; it may be on the command line)';

function effectiveTimeout(
  name: string,
  {usename, datname}: Backend,
  {overrides, server, not_in_files}: ConfiguredTimeouts,
): Effective {
  const of = {role: usename ?? '', database: datname ?? '', name};
  const override = effectiveOverride(overrides, of);
  const ofServer = server[name] ?? null;
  if (override === null) return {name, value: ofServer, override, by: 'the server', others: []};
  const weaker = overrides.filter(
    each =>
      each !== override &&
      each.name === name &&
      [usename, null].includes(each.role) &&
      [datname, null].includes(each.database),
  );
  return {
    name,
    value: override.value,
    override,
    by: describeWhere(override),
    others: [
      ...weaker.map(each => `${describeWhere(each)}: ${shown(each.value)}`),
      ofServer !== null
        ? `the server: ${shown(ofServer)}`
        : not_in_files.includes(name)
          ? `the server: ${notInFiles}`
          : hidden,
    ],
  };
}

function shown(value: string): string {
  const ms = timeoutMs(value);
  return ms === null ? value : ms === 0 ? 'none' : writeTimeout(ms);
}

/** A timeout would have fired by then. */
const slackMs = 2000;

/** The session has been for longer in what the timeout ends. */
function contradiction({name, value, by}: Effective, session: Backend): string[] {
  const ms = timeoutMs(value ?? '') ?? 0;
  const since_ms = sinceMs(name, session);
  if (ms === 0 || since_ms === null || since_ms < ms + slackMs) return [];
  return [
    `${name} of ${by} is not in force in this session: it has gone on for ${formatAge(since_ms)}. It began before that was set, or has another value of its own.`,
  ];
}

function sinceMs(name: string, {state, query_age_ms, state_age_ms, xact_age_ms}: Backend): number | null {
  if (name === 'statement_timeout') return state === 'active' ? query_age_ms : null;
  if (name === 'idle_session_timeout') return state === 'idle' ? state_age_ms : null;
  if (name === 'transaction_timeout') return xact_age_ms;
  if (name === 'idle_in_transaction_session_timeout')
    return state?.startsWith('idle in transaction') ? state_age_ms : null;
  return null;
}

/** Why what ALTER ROLE or ALTER DATABASE set may not have reached the session. */
function changedSince({backend_start}: Backend, set: readonly Effective[]): string[] {
  const winning = set.flatMap(({override}) => override ?? []);
  if (winning.length === 0) return [];
  const late = winning.filter(({set_at}) => set_at !== undefined && set_at > (backend_start ?? ''));
  const [first] = late;
  if (first !== undefined) {
    return [
      `The settings of ${describeWhere(first)} were last changed at ${utcClock(first.set_at ?? '')}, after this session began: it keeps what was set then until it reconnects.`,
    ];
  }
  return winning.some(({set_at}) => set_at === undefined)
    ? [
        'A session keeps the values that roles and databases had when it began; when these were set is not known (track_commit_timestamp is off).',
      ]
    : [];
}
