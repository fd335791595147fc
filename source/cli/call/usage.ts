import {themes} from '../../core/configuration.ts';
import {writeDuration} from '../../core/text/time.ts';
import type {ExitCode} from '../../model/run.ts';
import type {CliContext} from '../context.ts';
import {defaultInterval_ms} from '../flag-values.ts';

/** One flag of a command. Help, completions and the man page are generated from it. */
export type Flag = {
  type: 'string' | 'number' | 'boolean';
  /** Placeholder of its value in help, such as `TIME`; a boolean has none. */
  value?: string;
  /** One letter, such as `h` for `-h`. */
  alias?: string;
  /** Its name in an earlier version, still accepted: `minSeen`. */
  formerName?: string;
  /** Whether it may be repeated. */
  isMultiple?: true;
  /** What it sets, without its default. */
  help: string;
  /** Its default as help shows it: `2s`. */
  default?: string;
  /** Its possible values, if they can be listed. */
  choices?: readonly string[];
  /** Its heading in help; undefined for `Flags`. */
  group?: string;
};

export type Flags = Readonly<Record<string, Flag>>;

export type Argument = {
  /** As the usage line shows it: `<plan>`, `[url]`, `run|status`. */
  shown: string;
  /** Its possible values, for completion. */
  completes?: 'file' | 'recipe' | readonly string[];
};

/** A command's arguments and flags. Help, completions and the man page are generated from it. */
export type Usage<F extends Flags = Flags> = {
  name: string;
  /** One line, as the list of commands shows it. */
  summary: string;
  arguments: readonly Argument[];
  /** By name in code: `dryRun` is `--dry-run`. */
  flags: F;
  /** Paragraphs of help that follow the flags. */
  details: readonly string[];
};

type ValueOf<F extends Flag> = F extends {isMultiple: true}
  ? string[]
  : {string: string; number: number; boolean: boolean}[F['type']];

/** The values of flags in a call; undefined for a flag that is not given. */
export type FlagValues<F extends Flags> = {-readonly [Name in keyof F]?: ValueOf<F[Name]> | undefined};

/** A call of one command: its arguments and flags. */
export type Call<U extends Usage> = {words: readonly string[]; flags: FlagValues<U['flags']>};

type Program<C> = {run(context: CliContext, call: C): Promise<ExitCode>};

export type FlagValue = string | number | boolean | string[];

/** A command of the table; `load` imports its program. */
export type Command = Usage & {
  load(): Promise<Program<{words: readonly string[]; flags: Record<string, FlagValue>}>>;
};

/** Creates a row of the table. Checks by type that the program takes the flags of its usage. */
export function defineCommand<U extends Usage>(usage: U, load: () => Promise<Program<Call<U>>>): Command {
  // The parser passes only the flags that `usage` declares, each of its type.
  return {...usage, load: load as unknown as Command['load']};
}

/** As typed: `dryRun` is `--dry-run`, `h` is `-h`. */
export function flagAsTyped(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;
}

/** `poolctl check [url] [flags]`. */
export function synopsisOf({name, arguments: words}: Pick<Usage, 'name' | 'arguments'>): string {
  const command = name === 'console' ? [] : [name];
  return ['poolctl', ...command, ...words.map(({shown}) => shown), '[flags]'].join(' ');
}

/** Where the server is, with psql's letters where psql has one. */
export const serverFlags = {
  host: {
    type: 'string',
    value: 'HOST',
    alias: 'h',
    group: 'Server',
    help: 'Server host, or directory of its Unix socket',
  },
  port: {type: 'number', value: 'PORT', alias: 'p', group: 'Server', help: 'Server port', default: '5432'},
  username: {type: 'string', value: 'ROLE', alias: 'U', group: 'Server', help: 'Role to connect as'},
  dbname: {
    type: 'string',
    value: 'NAME',
    alias: 'd',
    group: 'Server',
    help: 'Database name, or a connection URL',
  },
  target: {type: 'string', value: 'NAME', group: 'Server', help: 'Target in ~/.config/poolctl/config.toml'},
  production: {
    type: 'boolean',
    group: 'Server',
    help: "Treat the server as production: to confirm a change, type the server's name",
  },
  readOnly: {type: 'boolean', group: 'Server', help: 'Refuse every change to the server and to files'},
  pooler: {
    type: 'string',
    value: 'URL',
    group: 'Server',
    help: "URL of PgBouncer's admin console in front of the server: its pools, clients and queue",
    default: '$POOLCTL_POOLER_URL',
  },
  wait: {
    type: 'string',
    value: 'TIME',
    group: 'Server',
    help: 'Max time to wait for a free connection slot',
    default: '0s',
  },
} as const satisfies Flags;

/** For commands that stay connected: they wait without a limit. */
export const waitingServerFlags = {
  ...serverFlags,
  wait: {...serverFlags.wait, default: 'no limit'},
} as const satisfies Flags;

export const journalFlag = {
  journal: {
    type: 'string',
    value: 'FILE',
    help: 'Journal file',
    default: '$POOLCTL_JOURNAL, or ~/.local/state/poolctl/journal.jsonl',
  },
} as const satisfies Flags;

export const themeFlag = {
  theme: {
    type: 'string',
    value: 'NAME',
    choices: themes,
    help: `Colours: ${themes.join(', ')}`,
    default: '$POOLCTL_THEME, theme of config.toml, or auto',
  },
} as const satisfies Flags;

export const recipesFlag = {
  recipes: {type: 'string', value: 'DIR', help: 'Directory with additional recipes'},
} as const satisfies Flags;

export const jsonFlag = {json: {type: 'boolean', help: 'Print JSON'}} as const satisfies Flags;

export const intervalFlag = {
  interval: {
    type: 'string',
    value: 'TIME',
    help: 'Time between snapshots, 0.5s to 60s',
    default: writeDuration(defaultInterval_ms),
  },
} as const satisfies Flags;

export const logFlag = {
  log: {
    type: 'string',
    value: 'FILE',
    help: 'Server log file to read errors and deadlocks from',
    default: 'the current log where poolctl runs on the server',
  },
} as const satisfies Flags;

export const ratesFlag = {
  rates: {
    type: 'string',
    value: 'TIME',
    help: 'Take a second snapshot after this long, 0.1s to 60s, and print rates per second',
  },
} as const satisfies Flags;

/** How a plan is approved, or only printed. */
export const consentFlags = {
  dryRun: {type: 'boolean', help: 'Print the plan and its hash, change nothing'},
  yes: {type: 'boolean', help: 'Execute the plan without asking'},
  yesIrreversible: {
    type: 'boolean',
    help: 'With --yes on production: also execute irreversible steps',
  },
  approve: {
    type: 'string',
    value: 'HASH',
    help: 'Execute exactly the plan with this hash; exit 6 if it has changed',
  },
} as const satisfies Flags;

/** Flags of every call, with or without a command. */
export const globalFlags = {
  help: {type: 'boolean', help: 'Print this help'},
  version: {type: 'boolean', alias: 'V', help: 'Print the version'},
} as const satisfies Flags;
