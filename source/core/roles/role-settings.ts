import type {RoleSettings, SettingOverride} from '../../model/recipe-data.ts';
import type {Sql, SqlStep, Verification} from '../../model/step.ts';
import {quoteIdentifier, quoteLiteral} from '../sql/quote.ts';

/** The value set for exactly this role and database; null if there is none. */
export function overrideOf(
  {overrides}: RoleSettings,
  {role, database, name}: Omit<SettingOverride, 'value'>,
): string | null {
  const found = overrides.find(
    each => each.role === role && each.database === database && each.name === name,
  );
  return found?.value ?? null;
}

/**
 * The value that new sessions of a role in a database get by ALTER ROLE or ALTER DATABASE; null if neither sets it. A role's
 * setting in one database precedes the role's, which precedes the database's (process_settings in postinit.c).
 */
export function effectiveOverride(
  overrides: readonly SettingOverride[],
  {role, database, name}: {role: string; database: string; name: string},
): SettingOverride | null {
  const of = (r: string | null, d: string | null) =>
    overrides.find(each => each.name === name && each.role === r && each.database === d);
  return of(role, database) ?? of(role, null) ?? of(null, database) ?? of(null, null) ?? null;
}

/** `role billing in database app`, `database app`. */
export function describeWhere({role, database}: Pick<SettingOverride, 'role' | 'database'>): string {
  if (role === null) return database === null ? 'every role' : `database ${database}`;
  return `role ${role}${database === null ? '' : ` in database ${database}`}`;
}

/** Of a role, a role in one database, or a database. */
export type RoleSetting = {
  /** null: any role, so that the database is not null. */
  role: Named | null;
  /** null: any database. */
  database: Named | null;
  /** The setting's name. */
  name: string;
};

/** A role or database, identified by its oid; ALTER takes its name. */
export type Named = {oid: string; name: string};

/**
 * Sets or (`value` null) resets one setting of a role or database, if it is unchanged since the preview; the undo restores
 * the previous text. Its other settings are not changed.
 */
export function roleSettingStep(
  setting: RoleSetting,
  {before, value}: {before: string | null; value: string | null},
): SqlStep {
  const {role, database, name} = setting;
  const where = describeWhere({role: role?.name ?? null, database: database?.name ?? null});
  return {
    kind: 'sql',
    title: value === null ? `reset ${name} for ${where}` : `set ${name} = ${value} for ${where}`,
    subject: roleSettingSubject(setting),
    guard: isSetTo(setting, before),
    apply: alterSetting(setting, value),
    // ALTER takes names. If a name was reused since the guard, this check of the oid fails.
    proof: isSetTo(setting, value),
    undo: {
      apply: alterSetting(setting, before),
      proof: isSetTo(setting, before),
      guard: isSetTo(setting, value),
      verify: isSetTo(setting, before),
    },
    verify: isSetTo(setting, value),
    lock: 'none',
    transaction: true,
    timeout_ms: 10_000,
  };
}

export function roleSettingSubject({role, database, name}: RoleSetting): string {
  const of = [role && `role:${role.name}`, database && `database:${database.name}`, name];
  return of.filter(part => part !== null).join('/');
}

/** A utility statement takes no parameters. */
function alterSetting({role, database, name}: RoleSetting, value: string | null): Sql {
  const within = database === null ? '' : ` IN DATABASE ${quoteIdentifier(database.name)}`;
  const of =
    role === null
      ? `DATABASE ${quoteIdentifier(database?.name ?? '')}`
      : `ROLE ${quoteIdentifier(role.name)}${within}`;
  const change =
    value === null
      ? `RESET ${quoteIdentifier(name)}`
      : `SET ${quoteIdentifier(name)} = ${writeValue(name, value)}`;
  return {text: `ALTER ${of} ${change}`, values: []};
}

/** Settings with GUC_LIST_QUOTE, as pg_dump knows them (variable_is_guc_list_quote in dumputils.c). */
const quotedLists: readonly string[] = [
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
];

/** The server quotes each literal of these lists as one identifier, so a list has to be given as several. */
function writeValue(name: string, value: string): string {
  if (!quotedLists.includes(name)) return quoteLiteral(value);
  const elements = value.match(/"(?:[^"]|"")*"|[^\s,"]+/g) ?? [''];
  return elements
    .map(each => (each.startsWith('"') ? each.slice(1, -1).replaceAll('""', '"') : each))
    .map(quoteLiteral)
    .join(', ');
}

/** NULL: not set. A dropped or renamed role or database gives no row, so the check fails. */
function isSetTo(setting: RoleSetting, value: string | null): Verification {
  return {query: storedValue(setting), expect: {column: 'value', op: '=', value}};
}

function storedValue({role, database, name}: RoleSetting): Sql {
  const value =
    "SELECT (SELECT substr(c.setting, strpos(c.setting, '=') + 1) FROM pg_catalog.pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c (setting)";
  if (role === null) {
    return {
      text: `${value} WHERE s.setrole = 0 AND s.setdatabase = d.oid AND lower(split_part(c.setting, '=', 1)) = $3) AS value FROM pg_catalog.pg_database d WHERE d.oid = $1::oid AND d.datname = $2`,
      values: [database?.oid ?? null, database?.name ?? null, name],
    };
  }
  return {
    text: `${value} WHERE s.setrole = r.oid AND s.setdatabase = coalesce($4::oid, 0) AND lower(split_part(c.setting, '=', 1)) = $5) AS value FROM pg_catalog.pg_roles r WHERE r.oid = $1::oid AND r.rolname = $2 AND ($4::oid IS NULL OR EXISTS (SELECT FROM pg_catalog.pg_database d WHERE d.oid = $4::oid AND d.datname = $3))`,
    values: [role.oid, role.name, database?.name ?? null, database?.oid ?? null, name],
  };
}
