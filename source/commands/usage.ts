import type {Recipe} from '../core/recipe.ts';
import {recipeText} from './recipes.ts';

/** One flag: what it takes, and what help says of it. */
export type Flag = {
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

/** The limits of `check`; what lies beyond one is a warning. */
const limitFlags = {
  maxUsed: {type: 'string', value: 'SHARE', help: 'of the slots, else 80%'},
  maxIdleInTransaction: {type: 'string', value: 'TIME', help: 'the longest, else 30s'},
  maxTransaction: {type: 'string', value: 'TIME', help: 'the longest, else 5min'},
  maxBlocked: {type: 'number', value: 'N', help: 'sessions that wait for a lock, else 5'},
  maxMean: {type: 'string', value: 'TIME', help: 'of any statement, else 1s'},
  minCacheHit: {type: 'string', value: 'SHARE', help: 'of the database, else 99%'},
  minIndexHit: {type: 'string', value: 'SHARE', help: 'of the database, else 99%'},
} as const satisfies Record<string, Flag>;

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
  ...limitFlags,
  interval: {
    type: 'string',
    value: 'TIME',
    help: 'between readings, 0.5s to 60s (else 2s)',
  },
  set: {type: 'string', value: 'NAME=VALUE', isMultiple: true, help: 'a parameter of the recipe'},
  dryRun: {type: 'boolean', help: 'print the plan and its hash, do nothing'},
  yes: {type: 'boolean', help: 'carry it out without asking'},
  yesIrreversible: {type: 'boolean', help: 'with --yes, on production: what cannot be undone too'},
  approve: {type: 'string', value: 'HASH', help: 'carry out exactly the plan of this hash, or exit 6'},
  seed: {type: 'number', value: 'N', help: 'tells the same story for the same number'},
  calm: {type: 'boolean', help: 'the same applications, in health'},
  once: {type: 'boolean', help: 'print a first reading and leave'},
  serve: {type: 'boolean', help: 'no console: print the address, stay until Ctrl-C'},
} as const satisfies Record<string, Flag>;

/** Of every command, and of the program itself: a text is the answer. */
export const answerFlags = {
  help: {type: 'boolean', help: 'this text'},
  version: {type: 'boolean', shortFlag: 'V', help: 'the version'},
} as const satisfies Record<string, Flag>;

export type FlagName = keyof typeof flags;
type CommandUsage = {usage: string; summary: string; mostWords: number; flags: FlagName[]};

const server = Object.keys(serverFlags) as FlagName[];
const limits = Object.keys(limitFlags) as FlagName[];

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
    flags: ['seed', 'calm', 'serve', 'once', 'json', 'interval', 'journal'],
  },
  snapshot: {
    usage: 'snapshot [url]',
    summary: 'one reading as JSON',
    mostWords: 1,
    flags: [...server, 'rates', 'json'],
  },
  check: {
    usage: 'check [url]',
    summary: 'a health gate: exit 0 or 1',
    mostWords: 1,
    flags: [...server, ...limits, 'rates', 'json'],
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
    flags: [...server, 'set', 'dryRun', 'yes', 'yesIrreversible', 'approve', 'journal', 'json'],
  },
  undo: {
    usage: 'undo <run> [url]',
    summary: 'take back what a run did',
    mostWords: 2,
    flags: [...server, 'dryRun', 'yes', 'yesIrreversible', 'approve', 'journal', 'json'],
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

/** What `--help` says of a command; of `run <recipe>`, that recipe's parameters too. */
export function helpText(name: CommandName, recipes: readonly Recipe[], id?: string): string {
  const {usage, summary, flags: names} = commands[name];
  const recipe = name === 'run' ? recipes.find(each => each.id === id) : undefined;
  const isConsole = name === 'console';
  const own = isConsole ? answerFlags : {help: answerFlags.help};
  const limitNames = names.filter(flagName => flagName in limitFlags);
  const others = names.filter(flagName => !(flagName in limitFlags));
  return [
    `Usage: poolctl ${recipe === undefined ? usage : usage.replace('<recipe>', recipe.id)} [flags]`,
    '',
    recipe === undefined ? `  ${summary}` : recipeText(recipe, 80),
    ...(isConsole ? section('Commands', commandRows()) : []),
    ...(name === 'run' && recipe === undefined ? section('Recipes', recipeRows(recipes)) : []),
    ...section(
      'Limits',
      limitNames.map(flagName => flagRow(flagName, flags[flagName])),
    ),
    ...section('Flags', [
      ...others.map(flagName => flagRow(flagName, flags[flagName])),
      ...Object.entries(own).map(([flagName, flag]) => flagRow(flagName, flag)),
    ]),
    ...notes[name].flatMap(note => ['', note]),
    ...(names.some(takesTime) ? ['', timeText] : []),
  ].join('\n');
}

/** A title and its rows, their texts below each other. */
function section(title: string, rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([typed]) => typed.length));
  return rows.length === 0
    ? []
    : ['', title, ...rows.map(([typed, help]) => `  ${typed.padEnd(width)}  ${help}`)];
}

function commandRows(): [string, string][] {
  return Object.values(commands).map(({usage, summary}) => [`poolctl ${usage}`, summary]);
}

function recipeRows(recipes: readonly Recipe[]): [string, string][] {
  return recipes.filter(({plan}) => plan !== undefined).map(({id, title}) => [id, title]);
}

function flagRow(name: string, {value, shortFlag, help}: Flag): [string, string] {
  const short = shortFlag === undefined ? '   ' : `-${shortFlag},`;
  return [`${short} ${flagAsTyped(name)} ${value ?? ''}`.trimEnd(), help];
}

function takesTime(name: FlagName): boolean {
  return (flags[name] as Flag).value === 'TIME';
}

const timeText = 'TIME is a duration as PostgreSQL reads intervals: 500ms, 2s, 10min.';

const consoleText = `Where the server is: [url] or --target, then POOLCTL_DATABASE_URL, DIRECT_URL,
DATABASE_URL (also from ./.env), PGSERVICE, PGHOST and its kin. .pgpass works.
POOLCTL_RESCUE_URL is the way in when every slot is taken.

Exit codes: 0 well, 1 findings, 2 usage, 3 no connection, 4 no slot,
5 privilege, 6 drift, 7 an act failed, 8 the journal, 130 interrupted.`;

/** What else help says, by command. */
const notes: Record<CommandName, readonly string[]> = {
  console: [consoleText],
  demo: [],
  snapshot: [],
  check: [
    `Exit 0 where all is well, 1 where there is a finding or a limit is crossed.
SHARE is 80% or 0.8. The hit ratios have no limit of their own on a server
that has read too little to tell. Mean times are since the statistics began;
with --rates, of what ended in between.`,
  ],
  doctor: [],
  recipes: [],
  run: [
    "'poolctl run <recipe> --help' lists that recipe's parameters.",
    `Ctrl-C, SIGTERM and SIGHUP end it after the step under way, whose outcome and
the run's end are in the journal: exit 130. A second one ends it at once.`,
  ],
  undo: ["<run> is the run's id, or the beginning of it: 'poolctl journal list' has them."],
  journal: [],
};
