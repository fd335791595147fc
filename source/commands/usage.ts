/** One flag: what it takes, and what help says of it. */
type Flag = {
  type: 'string' | 'number' | 'boolean';
  /** What help calls its value; a boolean has none. */
  value?: string;
  shortFlag?: string;
  isMultiple?: true;
  help: string;
};

/** Where the server is; psql's letters where psql has one. */
const serverFlags = {
  host: {type: 'string', value: 'HOST', shortFlag: 'h', help: 'server or folder of its unix socket'},
  port: {type: 'number', value: 'PORT', shortFlag: 'p', help: 'port'},
  username: {type: 'string', value: 'ROLE', shortFlag: 'U', help: 'role'},
  dbname: {type: 'string', value: 'NAME', shortFlag: 'd', help: 'database, or an address'},
  target: {type: 'string', value: 'NAME', help: 'a target of config.json, by name'},
  production: {type: 'boolean', help: 'mark the target as production: acts ask for its name'},
  wait: {
    type: 'string',
    value: 'TIME',
    help: 'how long to wait for a slot (console: for ever)',
  },
} as const satisfies Record<string, Flag>;

const journalFlag = {
  journal: {type: 'string', value: 'FILE', help: 'the journal, instead of the default file'},
} as const;
const jsonFlag = {json: {type: 'boolean', help: 'print JSON'}} as const;

/** Every flag of every command; a command takes those that `commands` names for it. */
export const flags = {
  ...serverFlags,
  ...journalFlag,
  ...jsonFlag,
  rates: {
    type: 'string',
    value: 'TIME',
    help: 'read again so much later, and add rates',
  },
  interval: {
    type: 'string',
    value: 'TIME',
    help: 'between readings, 0.5s to 60s (else 2s)',
  },
  set: {type: 'string', value: 'NAME=VALUE', isMultiple: true, help: 'a parameter of the recipe'},
  dryRun: {type: 'boolean', help: 'print the plan and its hash, do nothing'},
  yes: {type: 'boolean', help: 'carry it out without asking'},
  approve: {type: 'string', value: 'HASH', help: 'carry out exactly the plan of this hash, or exit 6'},
  seed: {type: 'number', value: 'N', help: 'tells the same story for the same number'},
  calm: {type: 'boolean', help: 'the same applications, in health'},
  once: {type: 'boolean', help: 'print a first reading and leave'},
} as const satisfies Record<string, Flag>;

export type FlagName = keyof typeof flags;
type CommandUsage = {usage: string; summary: string; mostWords: number; flags: FlagName[]};

const server = Object.keys(serverFlags) as FlagName[];

/** What can be called, in the order help lists it. `console` is what a bare `poolctl [url]` is. */
export const commands = {
  console: {
    usage: '[url]',
    summary: 'the console',
    mostWords: 1,
    flags: [...server, 'interval', 'journal'],
  },
  demo: {
    usage: 'demo',
    summary: 'a throwaway server under an incident',
    mostWords: 0,
    flags: ['seed', 'calm', 'once', 'interval', 'journal'],
  },
  snapshot: {
    usage: 'snapshot [url]',
    summary: 'one reading as JSON',
    mostWords: 1,
    flags: [...server, 'rates', 'json'],
  },
  doctor: {
    usage: 'doctor [url]',
    summary: 'what works here, and what is missing',
    mostWords: 1,
    flags: [...server, 'json'],
  },
  recipes: {
    usage: 'recipes',
    summary: 'what can be run, with its parameters',
    mostWords: 0,
    flags: ['json'],
  },
  run: {
    usage: 'run <recipe> [url]',
    summary: 'a guided recipe without the console',
    mostWords: 2,
    flags: [...server, 'set', 'dryRun', 'yes', 'approve', 'journal', 'json'],
  },
  journal: {
    usage: 'journal [list|show <run>|verify]',
    summary: 'what was done here, and by whom',
    mostWords: 2,
    flags: ['journal', 'json'],
  },
} as const satisfies Record<string, CommandUsage>;

export type CommandName = keyof typeof commands;

export function isCommand(word: string | undefined): word is CommandName {
  return word !== undefined && word !== 'console' && Object.hasOwn(commands, word);
}

/** As typed: `dryRun` is --dry-run. */
export function flagAsTyped(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;
}

export function helpText(name: CommandName): string {
  const {usage, summary, flags: names} = commands[name];
  const takesTime = names.some(flagName => 'value' in flags[flagName] && flags[flagName].value === 'TIME');
  return [
    `Usage: poolctl ${usage} [flags]`,
    '',
    `  ${summary}`,
    '',
    ...(name === 'console' ? [...commandLines(), ''] : []),
    'Flags',
    ...names.map(flagName => describeFlag(flagAsTyped(flagName), flags[flagName])),
    describeFlag('--help', {type: 'boolean', help: 'this text'}),
    ...(name === 'console' ? [describeFlag('--version', {type: 'boolean', help: 'the version'})] : []),
    ...(takesTime ? ['', 'TIME is a duration as PostgreSQL reads intervals: 500ms, 2s, 10min.'] : []),
    ...(name === 'console' ? ['', whereText] : []),
  ].join('\n');
}

function commandLines(): string[] {
  const all = Object.values(commands);
  const width = Math.max(...all.map(({usage}) => usage.length));
  return ['Commands', ...all.map(({usage, summary}) => `  poolctl ${usage.padEnd(width)}  ${summary}`)];
}

function describeFlag(typed: string, {value, shortFlag, help}: Flag): string {
  const short = shortFlag === undefined ? '   ' : `-${shortFlag},`;
  return `  ${short} ${`${typed} ${value ?? ''}`.padEnd(18)} ${help}`;
}

const whereText = `Where the server is: [url] or --target, then POOLCTL_DATABASE_URL, DIRECT_URL,
DATABASE_URL (also from ./.env), PGSERVICE, PGHOST and its kin. .pgpass works.
POOLCTL_RESCUE_URL is the way in when every slot is taken.

Exit codes: 0 well, 1 findings, 2 usage, 3 no connection, 4 no slot,
5 privilege, 6 drift, 7 an act failed, 8 the journal, 130 interrupted.`;
