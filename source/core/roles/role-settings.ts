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

export type RoleSetting = {
  role: Named;
  /** null: any database. */
  database: Named | null;
  /** The setting's name. */
  name: string;
};

/** A role or database, identified by its oid; ALTER ROLE takes its name. */
export type Named = {oid: string; name: string};

/**
 * Sets or (`value` null) resets one setting of a role, if it is unchanged since the preview; the undo restores
 * the previous text. Other settings of the role are not changed.
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
    // ALTER ROLE takes names. If a name was reused since the guard, this check of the oid fails.
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

/** A utility statement takes no parameters. */
function alterRole({role, database, name}: RoleSetting, value: string | null): Sql {
  const within = database === null ? '' : ` IN DATABASE ${quoteIdentifier(database.name)}`;
  const change =
    value === null
      ? `RESET ${quoteIdentifier(name)}`
      : `SET ${quoteIdentifier(name)} = ${quoteLiteral(value)}`;
  return {text: `ALTER ROLE ${quoteIdentifier(role.name)}${within} ${change}`, values: []};
}

/** NULL: not set. A dropped or renamed role or database gives no row, so the check fails. */
function isSetTo({role, database, name}: RoleSetting, value: string | null): Verification {
  return {
    query: {
      text: "SELECT (SELECT substr(c.setting, strpos(c.setting, '=') + 1) FROM pg_catalog.pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c (setting) WHERE s.setrole = r.oid AND s.setdatabase = coalesce($4::oid, 0) AND lower(split_part(c.setting, '=', 1)) = $5) AS value FROM pg_catalog.pg_roles r WHERE r.oid = $1::oid AND r.rolname = $2 AND ($4::oid IS NULL OR EXISTS (SELECT FROM pg_catalog.pg_database d WHERE d.oid = $4::oid AND d.datname = $3))",
      values: [role.oid, role.name, database?.name ?? null, database?.oid ?? null, name],
    },
    expect: {column: 'value', op: '=', value},
  };
}
