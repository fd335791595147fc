import type {Pooler} from './pooler.ts';
import type {Maintenance, SettingOverride} from './recipe-data.ts';
import type {
  Replication,
  SequenceUse,
  ServerSettings,
  UncoveredForeignKey,
  WriteState,
} from './server-facts.ts';
import type {ServerLog} from './server-work.ts';

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
  replication?: Replication;
  pooler?: Pooler;
  /** Of a log that could be read. */
  server_log?: ServerLog;
  foreign_keys?: UncoveredForeignKey[];
};
