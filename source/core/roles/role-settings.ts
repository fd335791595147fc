import type {RoleSettings, SettingOverride} from '../../model/roles.ts';

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
