import type {AdvisoryLock, AdvisoryLockNeed} from './advisory-locks.ts';
import type {Application} from './application.ts';
import type {Catalog} from './catalog.ts';
import type {EnvFile} from './env-file.ts';
import type {IndexAdvice, IndexAdviceNeed} from './index-advice.ts';
import type {Maintenance} from './maintenance.ts';
import type {PoolerFile} from './pgbouncer-ini.ts';
import type {PreparedTransaction} from './prepared-transactions.ts';
import type {PrismaSchema, PrismaSchemaNeed} from './prisma-schema.ts';
import type {RoleLimit} from './role-limits.ts';
import type {RoleSettings} from './role-settings.ts';
import type {StatementStatistics} from './statement-statistics.ts';
import type {Sql} from './step.ts';

/**
 * What recipes know beyond a snapshot. Dearer to read, so asked for by name: in the background once a minute where
 * a diagnosis rests on it (`Recipe.watches`), or right before planning (`Recipe.needs`). A member is there when it
 * was asked for and could be read.
 */
export type Facts = {
  catalog?: Catalog;
  /** Indexes worth building: dear to find, a plan for every costly statement. */
  index_advice?: IndexAdvice;
  prepared_transactions?: PreparedTransaction[];
  advisory_locks?: AdvisoryLock[];
  role_settings?: RoleSettings;
  maintenance?: Maintenance;
  statement_statistics?: StatementStatistics;
  role_limits?: RoleLimit[];
  /** An application's folder. */
  application?: Application;
  env_file?: EnvFile;
  /** A pgbouncer.ini. */
  pooler_file?: PoolerFile;
  prisma_schema?: PrismaSchema;
  /** Rows of a team's own queries, by the name they were asked under. */
  answers?: Record<string, Row[]>;
};

export type FactNeeds = {
  catalog?: true;
  index_advice?: IndexAdviceNeed;
  prepared_transactions?: true;
  advisory_locks?: AdvisoryLockNeed;
  role_settings?: true;
  maintenance?: true;
  statement_statistics?: true;
  role_limits?: true;
  application?: {folder: string; variable?: string};
  env_file?: {path: string; variable: string};
  pooler_file?: {path: string};
  prisma_schema?: PrismaSchemaNeed;
  answers?: Record<string, Sql>;
};

export type Row = Record<string, unknown>;
