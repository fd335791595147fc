import {usageError} from '../source/core/errors.ts';
import {
  completeParams,
  type ReadValue,
  readChoice,
  readText,
  readValues,
  writeText,
} from '../source/core/recipe/parameters.ts';
import {orderByClient, recycleSteps} from '../source/core/roles/recycle.ts';
import {
  describeWhere,
  effectiveOverride,
  type Named,
  overrideOf,
  type RoleSetting,
  roleSettingStep,
  roleSettingSubject,
} from '../source/core/roles/role-settings.ts';
import {effectsOf} from '../source/core/sessions/effect-of-ending.ts';
import {protectionOf, toSkipped} from '../source/core/sessions/protection.ts';
import {isKnownSession, type KnownSession} from '../source/core/sessions/session-steps.ts';
import {counted} from '../source/core/text/format.ts';
import {didYouMean} from '../source/core/text/nearest.ts';
import type {Parameter, ParameterValues, Plan, Recipe, Skipped} from '../source/model/recipe.ts';
import type {RecipeData, RoleSettings} from '../source/model/recipe-data.ts';
import type {Snapshot} from '../source/model/snapshot.ts';

const parameters: Parameter[] = [
  {
    name: 'setting',
    description: 'Setting to reset, such as default_transaction_read_only',
    kind: 'text',
    default: '',
    is_required: true,
    suggest: (_, {role_settings}) => [...new Set((role_settings?.overrides ?? []).map(({name}) => name))],
  },
  {
    name: 'role',
    description: 'Role for which it is set; without one, it is reset for the database',
    kind: 'text',
    default: '',
    suggest: (_, {role_settings}) => namesIn(role_settings, ({role}) => role),
  },
  {
    name: 'database',
    description: 'Database for which it is set',
    kind: 'text',
    default: '',
    suggest: (_, {role_settings}) => namesIn(role_settings, ({database}) => database),
  },
  {
    name: 'recycle',
    description: 'yes: then terminate the idle sessions that still have the value, one client at a time',
    kind: 'choice',
    choices: ['no', 'yes'],
    default: 'no',
  },
  {
    name: 'application',
    description: 'Only terminate sessions with this application_name; "" matches an empty one',
    kind: 'text',
    default: '',
    suggest: snapshot => [
      ...new Set(snapshot.backends.map(({application_name}) => writeText(application_name))),
    ],
  },
  {
    name: 'begun_after',
    description:
      'Only terminate sessions that began after this time (ISO 8601): those before it never had the value',
    kind: 'text',
    default: '',
    check: readTime,
  },
];

const recipe: Recipe = {
  id: 'reset-role-setting',
  title: 'Reset a setting of a role or database',
  summary:
    'Resets what ALTER ROLE or ALTER DATABASE set and recycles the sessions that still have it; undo sets the exact value again',
  parameters,
  diagnose: () => [],
  planRequires: () => ({role_settings: true, sessions: true}),
  plan,
};
export default recipe;

function namesIn(
  settings: RoleSettings | undefined,
  read: (override: RoleSettings['overrides'][number]) => string | null,
): string[] {
  return [...new Set((settings?.overrides ?? []).flatMap(each => read(each) ?? []))].map(writeText);
}

function plan(snapshot: Snapshot, params: ParameterValues, {role_settings, sessions}: RecipeData): Plan {
  if (role_settings === undefined) throw usageError('the settings of the roles could not be read');
  const read = readValues(params, parameters);
  const setting = readSetting(read, role_settings);
  const before = overrideOf(role_settings, namesOf(setting));
  const forbidden = forbiddenReason(setting, role_settings, snapshot);
  const isReset = before !== null && forbidden === null;
  const isRecycling = readChoice('recycle', read('recycle'), ['no', 'yes']) === 'yes' && forbidden === null;
  const {chosen, skipped} = isRecycling
    ? sessionsToEnd(snapshot, setting, {overrides: role_settings.overrides, sessions}, read)
    : {chosen: [], skipped: []};
  const steps = [
    ...(isReset ? [roleSettingStep(setting, {before, value: null})] : []),
    ...recycleSteps(chosen),
  ];
  return {
    recipe: recipe.id,
    params: completeParams(params, parameters),
    explanation: explain(setting, {before, isReset, isRecycling, chosen, snapshot, sessions}),
    steps,
    skipped: [...(isReset ? [] : [unchanged(setting, forbidden)]), ...skipped],
    batch_size: Math.max(1, steps.length),
    pause_ms: 0,
    slots_freed: 0,
    // Sessions are ended so that they are opened again.
    watch_groups: [],
    on_failure: 'stop',
  };
}

function readSetting(read: ReadValue, settings: RoleSettings): RoleSetting {
  const name = read('setting').trim().toLowerCase();
  if (name === '') throw usageError('setting is not set', 'name it: --set setting=work_mem');
  const role = find('role', readText(read('role')), settings.roles);
  const database = find('database', readText(read('database')), settings.databases);
  if (role === null && database === null)
    throw usageError(
      'neither role nor database is set',
      'name one or both: --set role=app --set database=shop',
    );
  return {role, database, name};
}

function find(kind: 'role' | 'database', named: string | null, known: readonly Named[]): Named | null {
  if (named === null) return null;
  const found = known.find(({name}) => name === named);
  if (found !== undefined) return {oid: found.oid, name: found.name};
  const names = known.map(({name}) => name);
  throw usageError(`${kind} "${named}" does not exist${didYouMean(named, names)}`);
}

function readTime(text: string): string | null {
  if (text === '') return null;
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text)) return text;
  throw usageError(`begun_after=${text} is not a time`, 'write it as 2026-11-27T13:04:00Z');
}

function namesOf({role, database, name}: RoleSetting) {
  return {role: role?.name ?? null, database: database?.name ?? null, name};
}

function forbiddenReason({role}: RoleSetting, {roles}: RoleSettings, {target}: Snapshot): string | null {
  const isSuperuser = roles.some(each => each.oid === role?.oid && each.is_superuser);
  return isSuperuser && !target.privileges.is_superuser
    ? 'superuser: only a superuser may change its settings'
    : null;
}

function unchanged(setting: RoleSetting, forbidden: string | null): Skipped {
  const line = {subject: roleSettingSubject(setting), description: setting.name};
  return forbidden === null
    ? {...line, reason: 'it is not set'}
    : {...line, reason: forbidden, is_forbidden: true};
}

/** Sessions whose value this setting is, of one client after the other. */
function sessionsToEnd(
  snapshot: Snapshot,
  setting: RoleSetting,
  {overrides, sessions}: Pick<RoleSettings, 'overrides'> & {sessions: RecipeData['sessions']},
  read: ReadValue,
): {chosen: KnownSession[]; skipped: Skipped[]} {
  const application = readText(read('application'));
  const after = readTime(read('begun_after').trim());
  const own = namesOf(setting);
  const skipped: Skipped[] = [];
  const chosen: KnownSession[] = [];
  for (const backend of snapshot.backends) {
    const {usename, datname, backend_start, application_name} = backend;
    if (usename === null || datname === null) continue;
    if (own.role !== null && usename !== own.role) continue;
    if (own.database !== null && datname !== own.database) continue;
    if (application !== null && application_name !== application) continue;
    if (after !== null && (backend_start ?? '') <= after) continue;
    const effective = effectiveOverride(overrides, {role: usename, database: datname, name: own.name});
    const isOther =
      effective !== null && (effective.role !== own.role || effective.database !== own.database);
    const protection = protectionOf(backend, snapshot, false, sessions);
    if (isOther) continue;
    if (protection !== null) skipped.push(toSkipped(backend, protection));
    else if (isKnownSession(backend)) chosen.push(backend);
  }
  return {chosen: orderByClient(chosen), skipped};
}

type Explained = {
  before: string | null;
  isReset: boolean;
  isRecycling: boolean;
  chosen: readonly KnownSession[];
  snapshot: Snapshot;
  sessions: RecipeData['sessions'];
};

function explain(
  setting: RoleSetting,
  {before, isReset, isRecycling, chosen, snapshot, sessions}: Explained,
): string[] {
  const {role, database, name} = namesOf(setting);
  const where = describeWhere({role, database});
  const open = snapshot.backends.filter(
    ({usename, datname}) =>
      (role === null || usename === role) && (database === null || datname === database),
  ).length;
  if (!isReset && chosen.length === 0) return [`${name} is not set for ${where}. Nothing to change.`];
  const clients = new Set(chosen.map(({client_addr}) => client_addr)).size;
  return [
    ...(isReset
      ? [
          `${name} = ${before} is reset for ${where}; new sessions get the value of ${role !== null && database !== null ? 'the role, the database' : 'the database'} or the server. Undo sets exactly ${before} again.`,
        ]
      : []),
    ...(isRecycling
      ? [
          `${counted(chosen.length, 'session')} of ${counted(clients, 'client')} may still have the value; each is terminated while it is idle, outside a transaction.`,
          ...effectsOf('end', chosen.map(atRest), sessions),
          'One client after the other: if one does not connect again within 10 seconds, the sessions of the next are left alone.',
          'Sessions that are active just then, or that began after this preview and before the reset, are left: run it again for those.',
        ]
      : [
          `Open sessions keep their value until they reconnect: ${counted(open, 'session')} (recycle=yes ends the idle ones).`,
        ]),
  ];
}

/** As it is when it is ended. */
function atRest(session: KnownSession): KnownSession {
  return {...session, state: 'idle', wait_event: 'ClientRead', backend_xid: null};
}
