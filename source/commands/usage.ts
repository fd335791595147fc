/** One flag as meow takes it, with what help says of it. */
type Flag = {
  type: 'string' | 'number' | 'boolean';
  shortFlag?: string;
  isMultiple?: true;
  help: string;
};

/** Where the server is; psql's letters where psql has one. */
const serverFlags = {
  host: {type: 'string', shortFlag: 'h', help: 'server or folder of its unix socket'},
  port: {type: 'number', shortFlag: 'p', help: 'port'},
  username: {type: 'string', shortFlag: 'U', help: 'role'},
  dbname: {type: 'string', shortFlag: 'd', help: 'database, or an address'},
  target: {type: 'string', help: 'a target of config.json, by name'},
  production: {type: 'boolean', help: 'mark the target as production: acts ask for its name'},
  wait: {type: 'string', help: 'how long to wait for a slot when all are taken (console: for ever)'},
} as const satisfies Record<string, Flag>;

const journalFlag = {journal: {type: 'string', help: 'the journal, instead of the default file'}} as const;
const jsonFlag = {json: {type: 'boolean', help: 'print JSON'}} as const;

/** Every flag of every command; a command takes those that `commands` names for it. */
export const flags = {
  ...serverFlags,
  ...journalFlag,
  ...jsonFlag,
  rates: {type: 'string', help: 'read again so much later (1s) and add rates of the time between'},
  interval: {type: 'string', help: 'between readings: 0.5s to 60s, 2s unless told otherwise'},
  set: {type: 'string', isMultiple: true, help: 'a parameter of the recipe: name=value'},
  dryRun: {type: 'boolean', help: 'print the plan and its hash, do nothing'},
  yes: {type: 'boolean', help: 'carry it out without asking'},
  approve: {type: 'string', help: 'carry out exactly the plan of this hash, or exit 6'},
  seed: {type: 'number', help: 'tells the same story for the same number'},
  calm: {type: 'boolean', help: 'the same applications, in health'},
  once: {type: 'boolean', help: 'print a first reading and leave'},
} as const satisfies Record<string, Flag>;

type FlagName = keyof typeof flags;
type CommandUsage = {usage: string; summary: string; flags: FlagName[]};

const server = Object.keys(serverFlags) as FlagName[];

/** What can be called, in the order help lists it. `console` is what a bare `poolctl [url]` is. */
export const commands = {
  console: {usage: '[url]', summary: 'the console', flags: [...server, 'interval', 'journal']},
  demo: {
    usage: 'demo',
    summary: 'a throwaway PostgreSQL under an incident, and the console on it',
    flags: ['seed', 'calm', 'once', 'interval', 'journal'],
  },
  snapshot: {usage: 'snapshot [url]', summary: 'one reading as JSON', flags: [...server, 'rates', 'json']},
  doctor: {
    usage: 'doctor [url]',
    summary: 'what is visible and allowed here, and what would grant the rest',
    flags: [...server, 'json'],
  },
  recipes: {usage: 'recipes', summary: 'what can be run, with its parameters', flags: ['json']},
  run: {
    usage: 'run <recipe> [url]',
    summary: 'a guided recipe without the console',
    flags: [...server, 'set', 'dryRun', 'yes', 'approve', 'journal', 'json'],
  },
  journal: {
    usage: 'journal [list|show <run>|verify]',
    summary: 'what was done here, by whom, and whether the record is whole',
    flags: ['journal', 'json'],
  },
} as const satisfies Record<string, CommandUsage>;

export type CommandName = keyof typeof commands;

export function isCommand(word: string | undefined): word is CommandName {
  return word !== undefined && word !== 'console' && Object.hasOwn(commands, word);
}

export function helpText(name: CommandName): string {
  const {usage, summary, flags: names} = commands[name];
  const flagLines = names.map(flagName => describeFlag(flagName, flags[flagName]));
  const lines = [`Usage: poolctl ${usage} [flags]`, '', `  ${summary}`, ''];
  if (name === 'console') {
    lines.push(
      'Commands',
      ...Object.values(commands).map(each => `  poolctl ${each.usage.padEnd(34)} ${each.summary}`),
      '',
    );
  }
  return [
    ...lines,
    'Flags',
    ...flagLines,
    '      --help                 this text',
    ...(name === 'console' ? ['      --version              the version', '', whereText] : []),
  ].join('\n');
}

function describeFlag(name: string, flag: Flag): string {
  const long = name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
  const value = flag.type === 'boolean' ? '' : flag.type === 'number' ? ' N' : ' TEXT';
  const short = flag.shortFlag ? `-${flag.shortFlag},` : '   ';
  return `  ${short} ${`--${long}${value}`.padEnd(22)} ${flag.help}`;
}

const whereText = `Where the server is: [url] or --target, then POOLCTL_DATABASE_URL, DIRECT_URL, DATABASE_URL (also from ./.env),
PGSERVICE, PGHOST and its kin. POOLCTL_RESCUE_URL is the way in when every slot is taken.
Exit codes: 0 well, 1 findings, 2 usage, 3 no connection, 4 no slot, 5 privilege, 6 drift, 7 failed, 8 journal, 130 interrupted.`;
