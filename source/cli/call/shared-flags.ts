import {writeDuration} from '../../core/text/duration.ts';
import {defaultInterval_ms} from '../flag-values.ts';
import type {Flags} from './command.ts';

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

export const ratesFlag = {
  rates: {
    type: 'string',
    value: 'TIME',
    help: 'Take a second snapshot after this long, 0.1s to 60s, and print rates per second',
  },
} as const satisfies Flags;

export const poolerFlag = {
  pooler: {
    type: 'string',
    value: 'URL',
    help: "URL of PgBouncer's admin console, to count waiting clients",
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
export const answerFlags = {
  help: {type: 'boolean', help: 'Print this help'},
  version: {type: 'boolean', alias: 'V', help: 'Print the version'},
} as const satisfies Flags;
