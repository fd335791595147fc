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
  target: {type: 'string', value: 'NAME', help: 'a target of config.toml, by name'},
  production: {type: 'boolean', help: 'the target is production: acts ask for its name'},
  wait: {
    type: 'string',
    value: 'TIME',
    help: 'how long to wait for a slot (console: for ever)',
  },
} as const satisfies Record<string, Flag>;

const journalFlag = {
  journal: {type: 'string', value: 'FILE', help: 'the journal, instead of the default file'},
} as const;
const recipesFlag = {
  recipes: {type: 'string', value: 'DIR', help: "a folder of your own recipes, besides poolctl's"},
} as const;
const jsonFlag = {json: {type: 'boolean', help: 'print JSON'}} as const;

/** The limits of `check`, named as `limit_name` of its metrics. */
export const limitFlags = {
  maxUsed: {type: 'string', value: 'SHARE', help: 'of the slots, else 80%,90%'},
  maxAverageUsed: {type: 'string', value: 'SHARE', help: 'with --for: on average, else 70% (warns)'},
  maxIdleInTransaction: {type: 'string', value: 'TIME', help: 'the longest, else 30s,5min'},
  maxTransaction: {type: 'string', value: 'TIME', help: 'the longest, else 5min,30min'},
  maxBlocked: {type: 'string', value: 'N', help: 'sessions that wait for a lock, else 5,20'},
  maxMean: {type: 'string', value: 'TIME', help: 'of any statement, else 100ms,1s'},
  minCacheHit: {type: 'string', value: 'SHARE', help: 'of the database, else 99% (warns)'},
  minIndexHit: {type: 'string', value: 'SHARE', help: 'of the database, else 99% (warns)'},
  maxInvalidIndexes: {type: 'string', value: 'N', help: 'else 0 (warns)'},
  maxStaleTables: {type: 'string', value: 'N', help: 'with stale statistics, else 0 (warns)'},
  maxEvictions: {type: 'string', value: 'N', help: 'of statements a minute, else 1 (warns)'},
  maxN1: {type: 'string', value: 'N', help: 'suspects of N+1; no limit else'},
  maxFatalSessions: {type: 'string', value: 'N', help: 'ended by errors or timeouts a minute'},
  maxRefused: {type: 'string', value: 'N', help: 'with --for: 53300 met by poolctl a minute'},
  maxPoolerWaiting: {type: 'string', value: 'N', help: 'with --pooler: that wait, else 5,50'},
  minAvailability: {type: 'string', value: 'SHARE', help: 'with --for: of the time, else 50%'},
} as const satisfies Record<string, Flag>;

/** How `check` looks and answers. */
const checkFlags = {
  for: {type: 'string', value: 'TIME', help: 'so long; check decides at the end'},
  every: {type: 'string', value: 'TIME', help: 'between readings, 0.5s to 60s (else 10s)'},
  sustain: {type: 'string', value: 'TIME', help: 'so long critical ends it at once (else 30s)'},
  baseline: {type: 'string', value: 'FILE', help: 'compare with a snapshot or recording of before'},
  slower: {type: 'string', value: 'TIMES', help: 'with --baseline: how much slower counts (else 1.5)'},
  pooler: {type: 'string', value: 'URL', help: "PgBouncer's admin console, for clients that wait"},
  junit: {type: 'string', value: 'FILE', help: 'write JUnit XML as well; - prints it instead'},
  nagios: {type: 'boolean', help: "a plugin's line, performance data and exit codes"},
  metrics: {type: 'string', value: 'ADDRESS', help: 'serve OpenMetrics at :9187 until Ctrl-C'},
} as const satisfies Record<string, Flag>;

/** What `replay` measures, and within which bounds. */
const replayFlags = {
  variant: {type: 'string', value: 'LIST', help: 'before,after: which variants, else all'},
  connectionLimit: {type: 'string', value: 'LIST', help: '1,5,10: the limits to measure, else 10'},
  concurrency: {type: 'string', value: 'LIST', help: '10,100: users at once, else 10'},
  sweep: {type: 'string', value: 'RANGE', help: 'connection_limit=1..20: finds the knee, draws it'},
  requests: {type: 'number', value: 'N', help: 'so many of each, instead of a duration'},
  duration: {type: 'string', value: 'TIME', help: 'of each measurement, else 5s; 3 of 1s in a sweep'},
  warmUp: {type: 'string', value: 'TIME', help: 'before each, else 0.5s; 0 for none'},
  rate: {type: 'number', value: 'N', help: 'requests come so many a second, answered or not'},
  instances: {type: 'number', value: 'N', help: 'so many pools, the users shared among them'},
  simulate: {type: 'number', value: 'N', help: 'continues to so many instances by simulation'},
  prismaMajor: {type: 'number', value: 'N', help: "whose pool's rules hold; 6 and below are emulated"},
  poolTimeout: {type: 'string', value: 'TIME', help: 'how long a query waits for a connection'},
  timeLimit: {type: 'string', value: 'TIME', help: 'of all measurements together, else 10min'},
  allowWrites: {type: 'boolean', help: 'sessions may write; never on production'},
  allowNetwork: {type: 'boolean', help: 'the endpoint may call other services'},
  client: {type: 'string', value: 'PATH', help: 'a generated Prisma Client, or its application'},
  demo: {type: 'boolean', help: 'on a throwaway server with the demo tables'},
  markdown: {type: 'boolean', help: 'print tables for an issue or pull request'},
  capture: {type: 'string', value: 'ROUTE', help: 'instead: write down what it asks'},
  out: {type: 'string', value: 'FILE', help: 'with --capture: the endpoint file to write'},
  listen: {type: 'number', value: 'PORT', help: 'with --capture: on loopback, else a free one'},
} as const satisfies Record<string, Flag>;

/** What is kept, and what is told of it. */
const recordFlags = {
  maxSize: {type: 'number', value: 'MB', help: 'of a recording and the one before it, else 100'},
  since: {type: 'string', value: 'WHEN', help: '14:00, a date and time (UTC), or so long ago: 2h'},
  until: {type: 'string', value: 'WHEN', help: 'the same; else now, or the end of the recording'},
  run: {type: 'string', value: 'ID', help: 'a run of the journal, and the time around it'},
  html: {type: 'string', value: 'FILE', help: 'one self-contained HTML file instead; - prints it'},
  format: {type: 'string', value: 'NAME', help: 'jsonl, csv or markdown (else jsonl)'},
  head: {type: 'string', value: 'HASH', help: 'a head kept elsewhere, that must be in the chain'},
} as const satisfies Record<string, Flag>;

/** Every flag of every command; a command takes those that `commands` names for it. */
export const flags = {
  ...serverFlags,
  ...journalFlag,
  ...jsonFlag,
  ...recipesFlag,
  check: {type: 'string', value: 'DIR', help: 'what is wrong with the recipes of a folder: exit 2'},
  rates: {
    type: 'string',
    value: 'TIME',
    help: 'read again so much later, and add rates',
  },
  ...limitFlags,
  ...checkFlags,
  ...replayFlags,
  ...recordFlags,
  interval: {
    type: 'string',
    value: 'TIME',
    help: 'between readings, 0.5s to 60s (else 2s)',
  },
  set: {type: 'string', value: 'NAME=VALUE', isMultiple: true, help: 'a parameter of the recipe'},
  dryRun: {type: 'boolean', help: 'print the plan and its hash, do nothing'},
  yes: {type: 'boolean', help: 'carry it out without asking'},
  yesIrreversible: {type: 'boolean', help: 'with --yes, on production: what cannot be undone too'},
  sameServer: {type: 'boolean', help: 'confirm that this is the server the run was on'},
  approveStage: {type: 'string', value: 'NAME', isMultiple: true, help: 'a stage that may go ahead'},
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
const checking = Object.keys(checkFlags) as FlagName[];
const replaying = Object.keys(replayFlags) as FlagName[];

/** What can be called, in the order help lists it. `console` is what a bare `poolctl [url]` is. */
export const commands = {
  console: {
    usage: '[url]',
    summary: 'the console',
    mostWords: 1,
    flags: [...server, 'recipes', 'interval', 'journal'],
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
    flags: [...server, ...limits, ...checking, 'recipes', 'rates', 'markdown', 'json'],
  },
  rollout: {
    usage: 'rollout run|status <plan> [url]',
    summary: 'staged: promote, watch, undo',
    mostWords: 3,
    flags: [...server, 'recipes', 'pooler', 'dryRun', 'yes', 'approveStage', 'journal', 'json'],
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
    flags: ['recipes', 'check', 'json'],
  },
  run: {
    usage: 'run <recipe> [url]',
    summary: 'a guided recipe without the console',
    mostWords: 2,
    flags: [...server, 'set', 'recipes', 'dryRun', 'yes', 'yesIrreversible', 'approve', 'journal', 'json'],
  },
  undo: {
    usage: 'undo <run> [url]',
    summary: 'take back what a run did',
    mostWords: 2,
    flags: [...server, 'dryRun', 'yes', 'yesIrreversible', 'sameServer', 'approve', 'journal', 'json'],
  },
  replay: {
    usage: 'replay <endpoint> [url]',
    summary: 'what an endpoint does to the pool',
    mostWords: 2,
    flags: [...server, ...replaying, 'seed', 'json'],
  },
  record: {
    usage: 'record <file> [url]',
    summary: 'keep readings, for play and report',
    mostWords: 2,
    flags: [...server, 'recipes', 'interval', 'for', 'maxSize'],
  },
  play: {
    usage: 'play <file>',
    summary: 'the console on what was recorded',
    mostWords: 1,
    flags: ['recipes', 'journal'],
  },
  report: {
    usage: 'report [file]',
    summary: 'an incident, as Markdown or HTML',
    mostWords: 1,
    flags: ['since', 'until', 'run', 'html', 'recipes', 'journal'],
  },
  journal: {
    usage: 'journal [verb] [run]',
    summary: 'what was done here, and by whom',
    mostWords: 2,
    flags: ['journal', 'format', 'head', 'json'],
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
