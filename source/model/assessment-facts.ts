import type {Maintenance} from './maintenance.ts';
import type {Pooler} from './pooler.ts';
import type {SettingOverride} from './recipe-data.ts';
import type {
  LockTable,
  MissingPartition,
  Obstacles,
  Replication,
  SequenceUse,
  ServerSettings,
  UncoveredForeignKey,
  WriteState,
} from './server-facts.ts';
import type {ServerLog} from './server-work.ts';

/** NOLOGIN (28000), where `valid_until` is null, or a password with an end (VALID UNTIL, 28P01). */
export type RefusedRole = {name: string; valid_until: string | null};

/**
 * The facts of an assessment beyond the snapshot, read less often (`dueData`) and recorded with the snapshots. Each is small by its
 * nature: only what is worth a sentence. A member is absent if it could not be read.
 */
export type AssessmentFacts = {
  maintenance?: Maintenance;
  /** ALTER ROLE and ALTER DATABASE ... SET. */
  setting_overrides?: SettingOverride[];
  server_settings?: ServerSettings;
  write_state?: WriteState;
  sequences?: SequenceUse[];
  missing_partitions?: MissingPartition[];
  obstacles?: Obstacles;
  /** Roles whose new logins the server refuses, or will. Absent if there is none. */
  refused_roles?: RefusedRole[];
  replication?: Replication;
  pooler?: Pooler;
  /** Of a log that could be read. */
  server_log?: ServerLog;
  lock_table?: LockTable;
  foreign_keys?: UncoveredForeignKey[];
};
