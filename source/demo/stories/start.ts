import {stories} from './index.ts';
import type {StoryName} from './names.ts';
import {openStage, type StageServer} from './stage.ts';
import type {Stage} from './story.ts';

/** `oncall` is the role to create for poolctl. */
export type StoryTask = StageServer & {name: StoryName; oncall: {role: string; password: string}};

/** Brings up a story in this process; its clients run until the process ends. Resolves when the harm is there. */
export async function startStory({name, oncall, ...server}: StoryTask): Promise<void> {
  const story = stories[name];
  const stage = await openStage(server);
  await story.prepare(stage);
  await createOncall(stage, oncall);
  await story.start(stage);
}

/** Owns the tables that `prepare` created as the superuser, so that the on-call role can be given them. */
const owner = 'app_owner';

/** The on-call role, which sees everything, ends sessions, and has the privileges of every recipe that a story needs. */
async function createOncall({admin, database}: Stage, {role, password}: StoryTask['oncall']): Promise<void> {
  await admin.query(`
SET pg_stat_statements.track = none;
CREATE ROLE ${owner};
GRANT CREATE ON SCHEMA public TO ${owner};
CREATE ROLE ${role} LOGIN CREATEROLE REPLICATION PASSWORD '${password}';
GRANT ALL ON DATABASE ${database} TO ${role};
GRANT pg_monitor, pg_signal_backend TO ${role};
DO $$
DECLARE
  name text;
BEGIN
  FOR name IN SELECT oid::regclass FROM pg_class
    WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND relowner = 'postgres'::regrole LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO ${owner}', name);
  END LOOP;
  -- EXPLAIN requires the privilege to read the tables. The role exists since 14.
  FOR name IN SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = 'pg_read_all_data' LOOP
    EXECUTE format('GRANT %s TO ${role}', name);
  END LOOP;
  FOR name IN SELECT quote_ident(rolname) FROM pg_roles
    WHERE rolname = '${owner}' OR rolcanlogin AND NOT rolsuper AND rolname <> '${role}' LOOP
    EXECUTE format('GRANT %s TO ${role} WITH ADMIN OPTION', name);
  END LOOP;
END $$;
RESET pg_stat_statements.track`);
}
