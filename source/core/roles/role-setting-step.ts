import {quoteIdentifier, quoteLiteral} from '../quote.ts';
import type {Sql, SqlStep, Verification} from '../step.ts';

export type RoleSetting = {
  role: string;
  /** null is whichever the role connects to. */
  database: string | null;
  /** The setting's name. */
  name: string;
};

/**
 * Sets or (`value` null) takes back one setting of a role, only while it is still as it was read; the undo puts back
 * the very text that was there, or nothing. Other settings of the role stay untouched either way.
 */
export function roleSettingStep(
  setting: RoleSetting,
  {before, value}: {before: string | null; value: string | null},
): SqlStep {
  const {role, database, name} = setting;
  const where = `role ${role}${database === null ? '' : ` in database ${database}`}`;
  return {
    kind: 'sql',
    title: value === null ? `take back ${name} of ${where}` : `set ${name} = ${value} for ${where}`,
    subject: roleSettingSubject(setting),
    guard: isSetTo(setting, before),
    apply: alterRole(setting, value),
    undo: {
      apply: alterRole(setting, before),
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
  return `role:${role}${database === null ? '' : `/database:${database}`}/${name}`;
}

/** A utility statement, which takes no parameters. */
function alterRole({role, database, name}: RoleSetting, value: string | null): Sql {
  const within = database === null ? '' : ` IN DATABASE ${quoteIdentifier(database)}`;
  const change =
    value === null
      ? `RESET ${quoteIdentifier(name)}`
      : `SET ${quoteIdentifier(name)} = ${quoteLiteral(value)}`;
  return {text: `ALTER ROLE ${quoteIdentifier(role)}${within} ${change}`, values: []};
}

/** NULL is "nothing set"; a role that is gone has no row, and then nothing holds. */
function isSetTo({role, database, name}: RoleSetting, value: string | null): Verification {
  return {
    query: {
      text: "SELECT (SELECT substr(c.setting, strpos(c.setting, '=') + 1) FROM pg_catalog.pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c (setting) WHERE s.setrole = r.oid AND s.setdatabase = coalesce((SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = $2), 0) AND lower(split_part(c.setting, '=', 1)) = $3) AS value FROM pg_catalog.pg_roles r WHERE r.rolname = $1",
      values: [role, database, name],
    },
    expect: {column: 'value', op: '=', value},
  };
}
