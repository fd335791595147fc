import type {IndexAdvice, IndexAdviceNeed} from '../indexes/index-advice.ts';
import type {Application} from '../pool/application.ts';
import type {EnvFile} from '../pool/env-file.ts';
import type {PoolerFile} from '../pool/pgbouncer-ini.ts';
import type {RoleLimit} from '../pool/role-limits.ts';
import type {PrismaSchema, PrismaSchemaNeed} from '../prisma/prisma-schema.ts';
import type {RoleSettings} from '../roles/role-settings.ts';
import type {AdvisoryLock, AdvisoryLockNeed} from '../server/advisory-locks.ts';
import type {Catalog} from '../server/catalog.ts';
import type {Maintenance} from '../server/maintenance.ts';
import type {PreparedTransaction} from '../server/prepared-transactions.ts';
import type {StatementStatistics} from '../server/statement-statistics.ts';
import type {Sql} from '../step.ts';

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
