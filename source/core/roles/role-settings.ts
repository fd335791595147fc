import type {RoleSettings, SettingOverride} from '../../model/roles.ts';
import type {Sql, SqlStep, Verification} from '../../model/step.ts';
import {quoteIdentifier, quoteLiteral} from '../sql/quote.ts';

/** What is set for exactly this role and database; null where nothing is. */
export function overrideOf(
  {overrides}: RoleSettings,
  {role, database, name}: Omit<SettingOverride, 'value'>,
): string | null {
  const found = overrides.find(
    each => each.role === role && each.database === database && each.name === name,
  );
  return found?.value ?? null;
}

export type RoleSetting = {
  role: Named;
  /** null is whichever the role connects to. */
  database: Named | null;
  /** The setting's name. */
  name: string;
};

/** A role or a database: it keeps its oid when it is renamed, and ALTER ROLE takes its name. */
export type Named = {oid: string; name: string};

/**
 * Sets or (`value` null) takes back one setting of a role, only while it is still as it was read; the undo puts back
 * the very text that was there, or nothing. Other settings of the role stay untouched either way.
 */
export function roleSettingStep(
  setting: RoleSetting,
  {before, value}: {before: string | null; value: string | null},
): SqlStep {
  const {role, database, name} = setting;
  const where = `role ${role.name}${database === null ? '' : ` in database ${database.name}`}`;
  return {
    kind: 'sql',
    title: value === null ? `reset ${name} for ${where}` : `set ${name} = ${value} for ${where}`,
    subject: roleSettingSubject(setting),
    guard: isSetTo(setting, before),
    apply: alterRole(setting, value),
    // ALTER ROLE takes names: had they come to mean others since the guard, those named here would be as they were.
    proof: isSetTo(setting, value),
    undo: {
      apply: alterRole(setting, before),
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
  return `role:${role.name}${database === null ? '' : `/database:${database.name}`}/${name}`;
}

/** A utility statement, which takes no parameters. */
function alterRole({role, database, name}: RoleSetting, value: string | null): Sql {
  const within = database === null ? '' : ` IN DATABASE ${quoteIdentifier(database.name)}`;
  const change =
    value === null
      ? `RESET ${quoteIdentifier(name)}`
      : `SET ${quoteIdentifier(name)} = ${quoteLiteral(value)}`;
  return {text: `ALTER ROLE ${quoteIdentifier(role.name)}${within} ${change}`, values: []};
}

/** NULL is "nothing set"; a role or a database that is gone, or named otherwise, has no row, and then nothing holds. */
function isSetTo({role, database, name}: RoleSetting, value: string | null): Verification {
  return {
    query: {
      text: "SELECT (SELECT substr(c.setting, strpos(c.setting, '=') + 1) FROM pg_catalog.pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c (setting) WHERE s.setrole = r.oid AND s.setdatabase = coalesce($4::oid, 0) AND lower(split_part(c.setting, '=', 1)) = $5) AS value FROM pg_catalog.pg_roles r WHERE r.oid = $1::oid AND r.rolname = $2 AND ($4::oid IS NULL OR EXISTS (SELECT FROM pg_catalog.pg_database d WHERE d.oid = $4::oid AND d.datname = $3))",
      values: [role.oid, role.name, database?.name ?? null, database?.oid ?? null, name],
    },
    expect: {column: 'value', op: '=', value},
  };
}
