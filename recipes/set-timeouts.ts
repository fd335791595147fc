import {usageError} from '../source/core/errors.ts';
import {thresholds} from '../source/core/health/thresholds.ts';
import {
  completeParams,
  type ReadValue,
  readList,
  readText,
  readValues,
  writeText,
} from '../source/core/recipe/parameters.ts';
import {
  type Named,
  overrideOf,
  type RoleSetting,
  roleSettingStep,
  roleSettingSubject,
} from '../source/core/roles/role-settings.ts';
import {
  explainTimeouts,
  readTimeout,
  type Timeout,
  type TimeoutSetting,
  timeoutMs,
  timeoutSettings,
} from '../source/core/roles/timeouts.ts';
import {protectionOf, subjectOf} from '../source/core/sessions/protection.ts';
import {counted, formatAge} from '../source/core/text/format.ts';
import type {Finding, Parameter, ParameterValues, Plan, Recipe, Skipped} from '../source/model/recipe.ts';
import type {Role, RoleSettings} from '../source/model/recipe-data.ts';
import type {Backend, Snapshot} from '../source/model/snapshot.ts';
import type {Step} from '../source/model/step.ts';

const parameters: Parameter[] = [
  {
    name: 'role',
    description: 'Role whose new sessions get these timeouts',
    kind: 'text',
    default: '',
    is_required: true,
    suggest: (_, {role_settings}) => loginRoles(role_settings).map(({name}) => writeText(name)),
  },
  {
    name: 'database',
    description: 'Only in this database',
    kind: 'text',
    default: '',
    suggest: (_, {role_settings}) => (role_settings?.databases ?? []).map(({name}) => writeText(name)),
  },
  ...timeoutSettings.map(
    ({name, effect, since, suggestions}): Parameter => ({
      name,
      description: `The server ${effect}${since > 130_000 ? `; PostgreSQL ${since / 10_000} or later` : ''}; 0 disables it`,
      kind: 'duration',
      default: '',
      check: text => readTimeout(name, text),
      suggest: () => [...suggestions],
    }),
  ),
  {
    name: 'reset',
    description:
      "Timeouts to reset, comma-separated names; the database's or the server's values apply again",
    kind: 'text',
    default: '',
    suggest: () => timeoutSettings.map(({name}) => name),
    check: readReset,
  },
];

const recipe: Recipe = {
  id: 'set-timeouts',
  title: 'Set timeouts for a role',
  summary:
    'Sets statement, idle, lock and transaction timeouts for a role, or a role in one database; undo restores the old values',
  parameters,
  diagnoseRequires: {role_settings: true},
  diagnose,
  planRequires: () => ({role_settings: true}),
  plan,
};
export default recipe;

function loginRoles(settings: RoleSettings | undefined) {
  return (settings?.roles ?? []).filter(({can_login, is_superuser}) => can_login && !is_superuser);
}

/** Roles with sessions long idle in transaction and without idle_in_transaction_session_timeout. */
function diagnose(snapshot: Snapshot, {role_settings}: {role_settings?: RoleSettings}): Finding[] {
  const name = 'idle_in_transaction_session_timeout';
  return loginRoles(role_settings).flatMap(({name: role}) => {
    const leaked = snapshot.backends
      .filter(({usename, state}) => usename === role && state?.startsWith('idle in transaction'))
      .filter(({state_age_ms}) => (state_age_ms ?? 0) >= thresholds.longest_idle_in_transaction_ms.critical)
      .filter(backend => protectionOf(backend, snapshot, false) === null);
    const isSet = role_settings?.overrides.some(each => each.role === role && each.name === name);
    if (leaked.length === 0 || isSet) return [];
    const longest_ms = Math.max(...leaked.map(({state_age_ms}) => state_age_ms ?? 0));
    return [
      {
        recipe: recipe.id,
        severity: 'warning',
        subject: `role:${role}`,
        summary: `role ${role} has ${counted(leaked.length, 'session')} idle in transaction, the longest for ${formatAge(longest_ms)}, and no idle_in_transaction_session_timeout`,
        evidence: {role, sessions: leaked.length, longest_state_age_ms: longest_ms, setting: name},
        params: {role: writeText(role), [name]: '1min'},
        // The leak itself is assessed with what it takes; this lets the server end the next one.
        cause: 'housekeeping',
        explains: leaked.map(({pid}) => subjectOf(pid)),
      },
    ];
  });
}

/** `wanted` null: reset. */
type Change = {setting: TimeoutSetting; at: RoleSetting; before: string | null; wanted: Timeout | null};

function plan(snapshot: Snapshot, params: ParameterValues, facts: {role_settings?: RoleSettings}): Plan {
  const {role_settings} = facts;
  const read = readValues(params, parameters);
  if (role_settings === undefined) throw usageError('the settings of the roles could not be read');
  const {role, database} = readWhere(read, role_settings);
  const changes = readChanges(read, snapshot.target.server_version_num).map(({setting, wanted}): Change => {
    const at = {role, database, name: setting.name};
    const names = {role: role.name, database: database?.name ?? null, name: setting.name};
    return {setting, at, before: overrideOf(role_settings, names), wanted};
  });
  const forbidden = forbiddenReason(role, snapshot);
  const due = forbidden === null ? changes.filter(change => !isAlreadySet(change)) : [];
  const unchanged = forbidden === null ? changes.filter(isAlreadySet) : changes;
  return {
    recipe: recipe.id,
    params: completeParams(params, parameters),
    ...explainTimeouts({
      role: role.name,
      database: database?.name ?? null,
      changes: due.map(toText),
      snapshot,
      settings: role_settings,
      sessions: sessionsOf(snapshot, role, database),
    }),
    steps: due.map(toStep),
    skipped: unchanged.map(change => toSkipped(change, forbidden)),
    batch_size: timeoutSettings.length,
    pause_ms: 0,
    slots_freed: 0,
    watch_groups: [],
  };
}

function readWhere(read: ReadValue, settings: RoleSettings): {role: Role; database: Named | null} {
  const named = readText(read('role'));
  const within = readText(read('database'));
  if (named === null) throw usageError('role is not set', 'name the role: --set role=app');
  const role = settings.roles.find(({name}) => name === named);
  if (role === undefined) {
    const names = loginRoles(settings).map(({name}) => name);
    throw usageError(
      `role "${named}" does not exist`,
      names.length === 0 ? undefined : `roles that log in: ${names.join(', ')}`,
    );
  }
  if (within === null) return {role, database: null};
  const database = settings.databases.find(({name}) => name === within);
  if (database === undefined) {
    const names = settings.databases.map(({name}) => name);
    throw usageError(`database "${within}" does not exist`, `databases: ${names.join(', ')}`);
  }
  return {role, database};
}

function readChanges(read: ReadValue, version: number): Pick<Change, 'setting' | 'wanted'>[] {
  const resetNames = readReset(read('reset'));
  const changes = timeoutSettings.flatMap(setting => {
    const wanted = readTimeout(setting.name, read(setting.name));
    const isReset = resetNames.includes(setting.name);
    if (wanted !== null && isReset) throw usageError(`${setting.name} is both set and reset`);
    if (wanted === null && !isReset) return [];
    if (version < setting.since) {
      const since = setting.since / 10_000;
      throw usageError(
        `${setting.name} needs PostgreSQL ${since} or later; this is ${Math.floor(version / 10_000)}`,
      );
    }
    return [{setting, wanted}];
  });
  if (changes.length === 0) throw usageError('no timeout given', 'set one, as --set statement_timeout=30s');
  return changes;
}

function readReset(text: string): string[] {
  const names = timeoutSettings.map(({name}) => name);
  const unknown = readList(text).find(name => !names.includes(name));
  if (unknown !== undefined)
    throw usageError(`reset: unknown timeout "${unknown}"`, `timeouts: ${names.join(', ')}`);
  return readList(text);
}

function isAlreadySet({before, wanted}: Change): boolean {
  return wanted === null ? before === null : before !== null && timeoutMs(before) === wanted.ms;
}

function forbiddenReason({is_superuser}: Role, {target}: Snapshot): string | null {
  return is_superuser && !target.privileges.is_superuser
    ? 'superuser: only a superuser may change its settings'
    : null;
}

function toSkipped({at, before}: Change, forbidden: string | null): Skipped {
  const line = {subject: roleSettingSubject(at), description: at.name};
  if (forbidden !== null) return {...line, reason: forbidden, is_forbidden: true};
  return {...line, reason: before === null ? 'it is not set' : `it is already ${before}`};
}

function toStep({at, before, wanted}: Change): Step {
  return roleSettingStep(at, {before, value: wanted?.value ?? null});
}

function toText({setting, before, wanted}: Change) {
  return {setting, before, after: wanted?.value ?? null};
}

function sessionsOf({backends}: Snapshot, role: Named, database: Named | null): Backend[] {
  return backends.filter(
    ({usename, datname}) => usename === role.name && (database === null || datname === database.name),
  );
}
