import type {UrlParameters} from './step.ts';

/** Address and role of a URL; `host` is a folder for a Unix socket. */
export type UrlAddress = {host: string; port: number; database: string; role: string};

/** An .env file's pool settings, without its secrets. */
export type EnvFile = {
  /** Absolute. */
  path: string;
  variable: string;
  /** Why the variable cannot be read or changed; null if it can. */
  problem: string | null;
  /** The variable's line with the password masked; '' if there is a problem. */
  masked_line: string;
  /** The URL's address; null if the URL does not contain it. */
  address: UrlAddress | null;
  /** The pooler that the URL leads to, by name; null if none is known. */
  pooler: string | null;
  parameters: UrlParameters;
};

/** node-postgres's names; the numbers are its own units. */
export type AdapterSettings = {max: number; connectionTimeoutMillis: number; idleTimeoutMillis: number};

/** As written in a source; null: not a number literal, so unknown. */
export type WrittenSettings = {[name in keyof AdapterSettings]?: number | null};

/** The pool settings found in an application's folder. */
export type Application = {
  /** Absolute. */
  folder: string;
  /** Prisma's version and the file it was read from; null if unknown. */
  prisma: {version: string; major: number; source: string} | null;
  /** The requested variable, else the one in schema.prisma or prisma.config, else DATABASE_URL. */
  url_variable: string;
  /** Null without an `.env` or `.env.local` that sets the variable. */
  env_file: EnvFile | null;
  /** Files that also set the variable, and that frameworks read before `env_file`. */
  shadowed_by: string[];
  /** Where the sources create pools for the adapter. */
  pools: PoolSite[];
  /** Pools of node-postgres beside those: what a process opens is more than the adapter's `max`. Absent if there are none. */
  other_pools?: Pick<PoolSite, 'path' | 'line' | 'settings'>[];
  /** Sources that name connection_limit: the application may read it from the URL itself. */
  url_readers: string[];
  /** Not all sources were read: there are too many. */
  is_partial: boolean;
};

/** One `new PrismaPg({...})`, or the `new Pool({...})` that is passed to it. */
export type PoolSite = {
  path: string;
  line: number;
  /** The call's text; null if it contains a secret or occurs more than once. */
  call: string | null;
  settings: WrittenSettings;
};

/** pgbouncer.ini's pool settings; [databases], which may contain passwords, is not read. */
export type PoolerFile = {
  /** Absolute. */
  path: string;
  /** Why it cannot be changed; null if it can. */
  problem: string | null;
  eol: '\n' | '\r\n';
  /** The line `[pgbouncer]`; null if there is a problem. */
  header: IniLine | null;
  /** The pool settings that are set, by name. */
  lines: Record<string, IniLine>;
};

/**
 * `chunk` is the line with its line ends, which distinguish it from a comment with the same words. `at` is its index in
 * the file, from 0.
 */
export type IniLine = {line: string; chunk: string; at: number};

/** A Prisma application's schema files. */
export type PrismaSchema = {
  /** schema.prisma, or the files of a schema folder, by path. */
  files: {path: string; text: string}[];
  /** prisma/migrations and its content; null without one (`prisma db push`). */
  migrations: {folder: string; names: string[]} | null;
  /** Prisma 8 has a contract in place of a schema: `files` holds it, or nothing if it is TypeScript. */
  contract?: PrismaContract;
};

/** What Prisma 8 reads in place of a schema. */
export type PrismaContract = {
  /** `contract.prisma` or `contract.ts`. */
  path: string;
  /** The plain indexes of the contract.json beside it, with their names on the server; none if it was not emitted. */
  indexes: {schema: string; table: string; columns: string[]; name: string}[];
};

/** Requests the fact: the application's folder. */
export type PrismaSchemaNeed = {folder: string};

/** One model and its text. */
export type PrismaModel = {
  path: string;
  /** From `model` to its closing brace. */
  text: string;
  name: string;
  /** `@@map`, or the model's own name. */
  table: string;
  /** `@@schema`; null for the URL's schema. */
  schema: string | null;
  /** Field names by column. */
  fields: ReadonlyMap<string, string>;
};
