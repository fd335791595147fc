import type {EnvFile} from './env-file.ts';
import type {AdapterSettings} from './pool-patch.ts';

/** What an application's folder says of its pool. */
export type Application = {
  /** Absolute. */
  folder: string;
  /** The version of Prisma, and the file that says so; null where none does. */
  prisma: {version: string; major: number; source: string} | null;
  /** The variable that was given, else what schema.prisma or prisma.config names, else DATABASE_URL. */
  url_variable: string;
  /** Its `.env`; null where there is none. */
  env_file: EnvFile | null;
  /** Where pools are made for the adapter. */
  pools: PoolSite[];
  /** Sources were too many to read all of them. */
  is_partial: boolean;
};

/** One `new PrismaPg({...})`, or the `new Pool({...})` that is handed to it. */
export type PoolSite = {
  path: string;
  line: number;
  /** As it stands in the file; null where it holds a secret, or stands there more than once. */
  call: string | null;
  settings: Partial<AdapterSettings>;
};
