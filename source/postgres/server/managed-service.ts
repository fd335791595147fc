import {quoteLiteral} from '../../core/sql/quote.ts';
import type {UncountedBy} from '../../model/recipe-data.ts';
import type {ManagedService} from '../../model/target.ts';

/** How to change a server setting there: ALTER SYSTEM, or the managed service's own way. */
export function suggestSetting(
  service: ManagedService | null,
  setting: {name: string; value: string; needs_restart: boolean},
): string {
  const {name, value, needs_restart} = setting;
  if (service === null) {
    const statement = `ALTER SYSTEM SET ${name} = ${value};`;
    return needs_restart ? `${statement} then restart the server` : `${statement} SELECT pg_reload_conf();`;
  }
  return `${name} = ${value} ${settingPlaces[service]}${needs_restart ? ', then restart the server' : ''}`;
}

/** Settings with which pg_stat_statements counts nothing. compute_query_id is PostgreSQL 14's; null is a setting that is not there. */
export function uncountedBy(
  service: ManagedService | null,
  {compute_query_id, track}: {compute_query_id: string | null; track: string | null},
): UncountedBy[] {
  const suggest = (name: string, value: string) =>
    suggestSetting(service, {name, value, needs_restart: false});
  return [
    ...(compute_query_id === 'off'
      ? [
          {
            setting: 'compute_query_id',
            reason: 'compute_query_id is off: no statement is counted',
            remedy: suggest('compute_query_id', 'auto'),
          },
        ]
      : []),
    ...(track === 'none'
      ? [
          {
            setting: 'pg_stat_statements.track',
            reason: 'pg_stat_statements.track is none: no statement is counted',
            remedy: suggest('pg_stat_statements.track', 'top'),
          },
        ]
      : []),
  ];
}

/**
 * How to preload pg_stat_statements besides `libraries`, the current shared_preload_libraries; null if this role may not
 * see them.
 */
export function suggestPreload(service: ManagedService | null, libraries: string | null): string {
  const present = (libraries ?? '').split(',').flatMap(name => name.trim() || []);
  // ALTER SYSTEM needs each name quoted: quoted as a whole, the list would be one name.
  const value = [...present, 'pg_stat_statements'].map(quoteLiteral).join(', ');
  const remedy = suggestSetting(service, {name: 'shared_preload_libraries', value, needs_restart: true});
  return libraries === null
    ? `${remedy} (keep the libraries already in the list, which this role cannot see)`
    : remedy;
}

/**
 * RDS: pganalyze.com/docs/install/amazon_rds/01_configure_rds_instance. Azure:
 * learn.microsoft.com/azure/postgresql/extensions/how-to-allow-extensions ("Load libraries"). Supabase takes a list
 * of settings, track_activity_query_size among them: supabase.com/docs/reference/api/v1-patch-postgres-config.
 */
const settingPlaces: Record<ManagedService, string> = {
  rds: 'in the DB parameter group',
  aurora: 'in the DB cluster parameter group',
  cloud_sql: 'as a database flag of the instance',
  azure: 'in the server parameters',
  supabase: "by the Supabase CLI's postgres-config, where it takes the setting",
  neon: "by Neon's support",
  heroku: "by Heroku's support, unless heroku pg:settings knows it",
};

/** Its name in messages. */
export const serviceNames: Record<ManagedService, string> = {
  rds: 'Amazon RDS',
  aurora: 'Amazon Aurora',
  cloud_sql: 'Google Cloud SQL',
  azure: 'Azure Database for PostgreSQL',
  supabase: 'Supabase',
  neon: 'Neon',
  heroku: 'Heroku Postgres',
};

/**
 * Who may grant a predefined role there, as no user is a superuser. RDS and Aurora:
 * docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.rds_superuser.html. Cloud SQL:
 * pganalyze.com/docs/install/google-cloud-sql/01-create-monitoring-user. Neon, where roles made with SQL are no members:
 * neon.com/docs/manage/roles. Heroku, pg_monitor on all but Essential plans: help.heroku.com/ZIZMDDQM.
 */
export const grantNotes: Record<ManagedService, string> = {
  rds: 'Run it as a member of rds_superuser, such as the master user.',
  aurora: 'Run it as a member of rds_superuser, such as the master user.',
  cloud_sql: 'Run it as a member of cloudsqlsuperuser, such as the user postgres.',
  azure: 'Run it as a member of azure_pg_admin, such as the server administrator.',
  supabase: 'Run it as postgres, for example in the SQL editor.',
  neon: 'Run it as a member of neon_superuser: a role made in the console, the CLI or by the API, not with SQL.',
  heroku: 'Run it as the default credential; Essential plans are shared and do not grant it.',
};

/**
 * What CREATE EXTENSION pg_stat_statements needs there. RDS, Cloud SQL and Supabase, which has it in every project:
 * pganalyze.com/docs/install. Azure: learn.microsoft.com/azure/postgresql/extensions/how-to-allow-extensions. Neon:
 * neon.com/docs/extensions/pg_stat_statements ("Data persistence"). Heroku: devcenter.heroku.com/changelog-items/2646.
 */
export const statementsNotes: Record<ManagedService, string> = {
  rds: 'The library is preloaded unless the parameter group says otherwise.',
  aurora: 'The library is preloaded unless the cluster parameter group says otherwise.',
  cloud_sql: 'The library is preloaded.',
  azure: 'Allow it first: pg_stat_statements in the server parameter azure.extensions.',
  supabase: 'New projects have it; if it was dropped, create it WITH SCHEMA extensions.',
  neon: 'The library is preloaded; the counters are lost when the compute is suspended or restarted.',
  heroku: 'Any schema works; on a database older than July 2023, create it WITH SCHEMA heroku_ext.',
};
