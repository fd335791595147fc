import type {UrlParameters} from './step.ts';

/** Where a URL leads and as whom; `host` is a folder where it names a socket. */
export type UrlAddress = {host: string; port: number; database: string; role: string};

/** What of an .env file bears on an application's pool; never its secrets. */
export type EnvFile = {
  /** Absolute. */
  path: string;
  variable: string;
  /** Why the variable cannot be read or changed; null where it can. */
  problem: string | null;
  /** The line of the variable, its password masked; '' where there is a problem. */
  masked_line: string;
  /** Where the URL leads; null where it does not say so itself. */
  address: UrlAddress | null;
  parameters: UrlParameters;
};

/** node-postgres's names; the numbers are its own units. */
export type AdapterSettings = {max: number; connectionTimeoutMillis: number; idleTimeoutMillis: number};

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

/** What of pgbouncer.ini bears on its pools; its [databases] may hold passwords and are left out. */
export type PoolerFile = {
  /** Absolute. */
  path: string;
  /** Why it cannot be changed; null where it can. */
  problem: string | null;
  eol: '\n' | '\r\n';
  /** The header of its own section; null where there is a problem. */
  header: IniLine | null;
  /** The settings that are looked for, where they are set. */
  lines: Record<string, IniLine>;
};

/**
 * `chunk` is the line with the line ends around it: they tell it from a comment that holds the same words. `at` is
 * its number in the file, from 0.
 */
export type IniLine = {line: string; chunk: string; at: number};

/** A Prisma application's schema as its folder has it. */
export type PrismaSchema = {
  /** schema.prisma, or the files of a schema folder, by path. */
  files: {path: string; text: string}[];
  /** prisma/migrations, and what is in it; null where the application has none (`prisma db push`). */
  migrations: {folder: string; names: string[]} | null;
};

/** Asks for the fact: the application's folder. */
export type PrismaSchemaNeed = {folder: string};

/** One model, with the text it stands in. */
export type PrismaModel = {
  path: string;
  /** From `model` to its closing brace. */
  text: string;
  name: string;
  /** `@@map`, or the model's own name. */
  table: string;
  /** `@@schema`; null where the schema is the URL's. */
  schema: string | null;
  /** Field names by the column they are kept in. */
  fields: ReadonlyMap<string, string>;
};
