import type {Act, Confidence, Finding} from '../../../model/recipe.ts';
import type {SettingOverride} from '../../../model/recipe-data.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {writeText} from '../../recipe/parameters.ts';
import {describeWhere, effectiveOverride} from '../../roles/role-settings.ts';
import {counted} from '../../text/format.ts';
import {type Context, poolHistories, poolName} from '../context.ts';
import {advice} from './failing-part.ts';
import {writersIn} from './failing-signs.ts';

export function settingSubject({role, database, name}: Omit<SettingOverride, 'value'>): string {
  return `${role === null ? '' : `role:${role}/`}${database === null ? '' : `database:${database}/`}${name}`;
}

const readOnly = 'default_transaction_read_only';

/** As PostgreSQL reads a boolean (parse_bool): on, true, yes, 1 and their beginnings. */
function isOn(value: string): boolean {
  return /^(?:on|t|tr|tru|true|y|ye|yes|1)$/i.test(value.trim());
}

/** An application that writes and whose new sessions are read-only. */
export type ReadOnlyCause = {
  override: SettingOverride;
  application_name: string;
  usename: string;
  datname: string;
  /** Sessions begun after the setting, as far as that is known; else all. */
  held: Backend[];
  sessions: Backend[];
  /** Sessions begun after this are read-only; null if it is not known. */
  after: string | null;
  confidence: Confidence;
};

/** The applications of a database that write and whose new sessions ALTER ROLE or ALTER DATABASE made read-only. */
export function readOnlyCauses(datname: string, context: Context): ReadOnlyCause[] {
  const overrides = (context.facts.setting_overrides ?? []).filter(({name}) => name === readOnly);
  if (overrides.length === 0) return [];
  const writersOfDatabase = writersIn(datname, context);
  const isWriter = (of: {application_name: string; usename: string}) =>
    writersOfDatabase.some(
      each => each.application_name === of.application_name && each.usename === of.usename,
    );
  return poolHistories(context).flatMap(({last, samples, sessions}) => {
    const {application_name, usename, datname: own} = last;
    const writes = samples.some(({pool}) => pool.newest_writer !== undefined);
    if (own !== datname || !(writes || isWriter({application_name, usename}))) return [];
    const override = effectiveOverride(overrides, {role: usename, database: datname, name: readOnly});
    if (override === null || !isOn(override.value)) return [];
    const writers = samples.flatMap(({pool}) => pool.newest_writer ?? []);
    const after =
      [...writers, ...(override.set_at === undefined ? [] : [override.set_at])].sort().at(-1) ?? null;
    const held = sessions.filter(({backend_start}) => after === null || (backend_start ?? '') > after);
    if (held.length === 0) return [];
    const confidence = after === null ? 'likely' : 'certain';
    return [{override, application_name, usename, datname, held, sessions, after, confidence}];
  });
}

/** `sessions of billing_app/billing that began after 13:04Z are read-only: set for role billing in database app; 2 of 3 clients`. */
export function describeReadOnly(cause: ReadOnlyCause): string {
  const {override, after, held, sessions} = cause;
  const began = after === null ? 'that began after it was set' : `that began after ${after.slice(11, 16)}Z`;
  const clients = new Set(sessions.map(({client_addr}) => client_addr)).size;
  const hit = new Set(held.map(({client_addr}) => client_addr)).size;
  const of = after === null || clients < 2 ? '' : `; ${hit} of ${counted(clients, 'client')}`;
  return `sessions of ${poolName(cause)} ${began} are read-only: set for ${describeWhere(override)}${of}`;
}

function readOnlyReasons({override, held, sessions, after}: ReadOnlyCause): string[] {
  const where = override.role === null ? 'ALTER DATABASE' : 'ALTER ROLE';
  return [
    `${readOnly} = ${override.value} is set for ${describeWhere(override)} (${where} ... SET); it applies to sessions that began after it.`,
    override.set_at === undefined
      ? 'When it was set is not known: track_commit_timestamp is off.'
      : `The settings of ${describeWhere(override)} were last changed at ${override.set_at}.`,
    ...(after !== null && override.set_at !== after
      ? [`A session that began at ${after} has written, so it was set later.`]
      : []),
    `${held.length} of ${counted(sessions.length, 'session')} began later; statements that write fail there (25006).`,
  ];
}

/** Resets the setting; with recycling, which ends the sessions that still have it, first. `works` is what they do then. */
export function resetActs(
  {
    override,
    held,
    application_name,
    after,
  }: Omit<ReadOnlyCause, 'confidence' | 'usename' | 'datname' | 'sessions'>,
  works: string,
): Act[] {
  const {role, database, name} = override;
  const params = {
    ...(role !== null && {role: writeText(role)}),
    ...(database !== null && {database: writeText(database)}),
    setting: name,
  };
  const recycle = {
    ...params,
    recycle: 'yes',
    application: writeText(application_name),
    ...(after !== null && {begun_after: after}),
  };
  if (role === null && database === null) {
    return [
      {
        recipe: null,
        params: {},
        title: `ALTER ROLE ALL RESET ${name}, then restart the application's connections`,
        frees: `new sessions ${works}`,
        costs: 'it applies to every role',
      },
    ];
  }
  return [
    {
      recipe: 'reset-role-setting',
      params: recycle,
      title: `reset ${name} for ${describeWhere(override)}, and terminate ${counted(held.length, 'session')} that it holds, one client at a time`,
      frees: `${counted(held.length, 'session')} ${works} as soon as the application reconnects`,
      costs: 'idle sessions are closed; a pool without an error listener may crash its process',
    },
    {
      recipe: 'reset-role-setting',
      params: {...params, recycle: 'no'},
      title: `only reset ${name} for ${describeWhere(override)}`,
      frees: null,
      costs: 'open sessions keep the value until they reconnect: restart the application',
    },
  ];
}

/** The part of a finding that the cause decides. */
export function readOnlyPart(
  cause: ReadOnlyCause,
): Required<Pick<Finding, 'recipe' | 'params' | 'cause' | 'confidence' | 'reasons' | 'acts'>> {
  const acts = resetActs(cause, 'write again');
  return {
    recipe: acts[0]?.recipe ?? 'read-only-role',
    params: acts[0]?.params ?? {},
    cause: cause.override.role === null ? 'read-only-database' : 'read-only-role',
    confidence: cause.confidence,
    reasons: readOnlyReasons(cause),
    acts,
  };
}

/** Of a server whose configuration makes transactions read-only. */
export const readOnlyServerSubject = 'server/read-only';

/** Without its folder, which is long; the reasons have it. */
export function shortSource(source: string | null): string {
  return source?.split('/').at(-1) ?? 'source unknown';
}

export function readOnlyServerAct(source: string | null): Act {
  return advice(
    `ALTER SYSTEM RESET default_transaction_read_only (or remove it from ${source ?? 'the configuration file'}), then SELECT pg_reload_conf()`,
    {
      frees: 'open sessions write again immediately',
      costs:
        'first find out why it was set: a full disk, a switchover, a managed service that protects itself',
    },
  );
}
