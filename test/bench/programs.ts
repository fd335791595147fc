import {execFile} from 'node:child_process';
import {existsSync} from 'node:fs';
import {resolve} from 'node:path';
import process from 'node:process';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import type {Address} from './stage.ts';

/** A program to measure: how to start it and how to recognise its screens. */
export type Program = {
  name: string;
  /** The role it connects as; each has its own, so that the server's statistics distinguish them. */
  role: string;
  /** Its version; null if it is not installed. */
  version(): Promise<string | null>;
  /** At a refresh of 1 s. */
  command(at: Address): Command;
  /** Of poolctl: at another interval, with a module loaded before it. */
  whenWatched?(at: Address, how: {interval_ms: number; preload: string}): Command;
  /** Recognises a complete frame: the header and the server's data, not a frame that waits for them. */
  isComplete(screen: string[]): boolean;
  /** Two views to switch between, the second one shown first; neither may fulfil the other's predicate. */
  views: [View, View];
  quit: string;
};

type Command = {command: string; args: string[]; env: Record<string, string>};

export type View = {name: string; key: string; isShown(screen: string[]): boolean};

/** This build, or another one to compare with; `name` and role distinguish them. */
function poolctlBuild(name: string, role: string, cli: string): Program {
  return {
    name,
    role,
    version: async () => (existsSync(cli) ? await firstLine(process.execPath, [cli, '--version']) : null),
    command: at => ({command: process.execPath, args: [cli, '--interval', '1s', urlOf(at)], env: {}}),
    whenWatched: (at, {interval_ms, preload}) => ({
      command: process.execPath,
      args: ['--import', preload, cli, '--interval', `${interval_ms}ms`, urlOf(at)],
      env: {},
    }),
    isComplete: screen =>
      has(screen, /poolctl/) && has(screen, /\bslots\b/) && has(screen, new RegExp(applications)),
    views: [
      {name: 'Sessions', key: '2', isShown: screen => has(screen, /\bPID\b/)},
      {name: 'Overview', key: '1', isShown: screen => has(screen, /\bslots\b/) && !has(screen, /\bPID\b/)},
    ],
    quit: '\x03',
  };
}

const poolctl = poolctlBuild(
  'poolctl',
  'bench_poolctl',
  fileURLToPath(new URL('../../dist/cli.js', import.meta.url)),
);

/** The build of another checkout, measured in the same run. */
export function poolctlBefore(checkout: string): Program {
  return poolctlBuild('before', 'bench_poolctl_before', resolve(checkout, 'dist/cli.js'));
}

const pgActivity: Program = {
  name: 'pg_activity',
  role: 'bench_pg_activity',
  version: () => firstLine('pg_activity', ['--version']),
  command: at => ({
    command: '/usr/bin/env',
    args: ['pg_activity', '--refresh', '1', ...psqlFlags(at)],
    env: {PGPASSWORD: at.password},
  }),
  isComplete: screen => has(screen, /RUNNING QUERIES/) && has(screen, new RegExp(`^\\d+ .*${applications}`)),
  views: [
    {name: 'waiting queries', key: '2', isShown: screen => has(screen, /WAITING QUERIES/)},
    {name: 'running queries', key: '1', isShown: screen => has(screen, /RUNNING QUERIES/)},
  ],
  quit: 'q',
};

const pgTop: Program = {
  name: 'pg_top',
  role: 'bench_pg_top',
  version: () => firstLine('pg_top', ['--version']),
  command: at => ({
    command: '/usr/bin/env',
    args: ['pg_top', '--set-delay=1', ...psqlFlags(at)],
    env: {PGPASSWORD: at.password},
  }),
  isComplete: screen => has(screen, /PID USERNAME/) && has(screen, /^ *\d+ app /),
  views: [
    {name: 'I/O', key: 'I', isShown: screen => has(screen, /IOPS/) && has(screen, /^ *\d+ +\d/)},
    {name: 'activity', key: 'a', isShown: screen => has(screen, /XTIME/) && has(screen, /^ *\d+ app /)},
  ],
  quit: 'q',
};

/** The lower bound for a program in Node: answers a key with the name of a view, without a server. */
export const bareNode: Program = {
  name: 'node',
  role: 'bench_poolctl',
  version: async () => process.version,
  command: () => ({
    command: process.execPath,
    args: [
      '-e',
      `process.stdin.setRawMode(true).on('data', key => {
        if (String(key) === '\\x03') process.exit();
        process.stdout.write('\\x1b[2J\\x1b[Hview ' + key);
      });
      process.stdout.write('view 1');`,
    ],
    env: {},
  }),
  isComplete: screen => has(screen, /view 1/),
  views: [
    {name: 'view 2', key: '2', isShown: screen => has(screen, /view 2/)},
    {name: 'view 1', key: '1', isShown: screen => has(screen, /view 1/)},
  ],
  quit: '\x03',
};

export const programs: readonly Program[] = [poolctl, pgActivity, pgTop];

/** The application names of the load, one of which a complete frame shows. */
const applications = '\\bweb-\\d+\\b';

function has(screen: string[], pattern: RegExp): boolean {
  return screen.some(row => pattern.test(row));
}

function psqlFlags(at: Address): string[] {
  return ['-h', at.host, '-p', String(at.port), '-U', at.user, '-d', at.database];
}

function urlOf(at: Address): string {
  return `postgresql://${at.user}:${at.password}@${at.host}:${at.port}/${at.database}`;
}

/** null if the program is not installed. */
async function firstLine(command: string, args: string[]): Promise<string | null> {
  try {
    const {stdout, stderr} = await promisify(execFile)(command, args, {timeout: 10_000});
    return `${stdout}${stderr}`.trim().split('\n')[0] ?? '';
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
