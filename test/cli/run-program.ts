import {spawn} from 'node:child_process';
import {chmod, cp, mkdtemp, readdir, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {basename, dirname, join} from 'node:path';
import {expect, onTestFinished} from 'vitest';
import {program} from '../helpers/build.ts';
import type {TestServer} from '../helpers/server.ts';

/** The password of every role here. Tests search for it in everything that the program prints and writes. */
export const password = 'Zq7/unlikely@secret';

export type Ended = {code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string};

export type ProgramOptions = {
  env?: Record<string, string | undefined>;
  /** HOME, XDG folders and the working directory; a temporary folder by default. */
  home?: string;
  /** The user that runs it, by number, from a copy of the program that this user can read. */
  uid?: number;
  /** Sent when stderr matches, or the promise is fulfilled. */
  interrupt?: {when: RegExp | Promise<void>; signal: NodeJS.Signals};
  onStderr?: (text: string) => void;
};

/**
 * Runs the built program as a script does: without a terminal, with only the given environment. A stack trace or a
 * password in its output fails the test.
 */
export async function runProgram(args: string[], options: ProgramOptions = {}): Promise<Ended> {
  const home = options.home ?? (await temporaryHome());
  const {uid, interrupt} = options;
  const file = uid === undefined ? program : await readableCopy(home);
  const child = spawn(process.execPath, [file, ...args], {
    ...(uid !== undefined && {uid, gid: uid}),
    cwd: home,
    env: {PATH: process.env.PATH, HOME: home, ...options.env},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  let isInterrupted = false;
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text;
    options.onStderr?.(stderr);
    if (isInterrupted || !(interrupt?.when instanceof RegExp) || !interrupt.when.test(stderr)) return;
    isInterrupted = true;
    child.kill(interrupt.signal);
  });
  if (interrupt?.when instanceof Promise) void interrupt.when.finally(() => child.kill(interrupt.signal));
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(resolve => {
    child.on('close', (...ended) => resolve(ended));
  });
  expectNoSecret(stdout + stderr);
  expect(stderr, 'a stack trace').not.toMatch(/^\s+at .+:\d+/m);
  expect(stderr, 'internal error').not.toContain('poolctl: internal error');
  return {code, signal, stdout, stderr};
}

async function readableCopy(folder: string): Promise<string> {
  await chmod(folder, 0o755);
  await cp(dirname(program), join(folder, 'dist'), {recursive: true});
  return join(folder, 'dist', basename(program));
}

/** Exit code and stderr of a call that prints nothing on stdout. */
export async function failing(
  args: string[],
  options: ProgramOptions = {},
): Promise<[number | null, string]> {
  const {code, stdout, stderr} = await runProgram(args, options);
  expect(stdout, 'an error is no data').toBe('');
  // A line with the error, and at most one with the hint.
  expect(
    stderr
      .trimEnd()
      .split('\n')
      .filter(line => !line.startsWith('poolctl: ')).length,
  ).toBeLessThan(2);
  return [code, stderr];
}

export async function temporaryHome(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'poolctl-cli-'));
  onTestFinished(() => rm(folder, {recursive: true, force: true}));
  return folder;
}

export function expectNoSecret(text: string): void {
  for (const secret of [password, encodeURIComponent(password)]) {
    expect(text.includes(secret), 'a password is shown').toBe(false);
  }
}

/** The text of every file in a folder. */
export async function everyFileIn(folder: string): Promise<string> {
  const entries = await readdir(folder, {recursive: true, withFileTypes: true});
  const files = entries.filter(entry => entry.isFile());
  const texts = await Promise.all(files.map(file => readFile(join(file.parentPath, file.name), 'utf8')));
  return texts.join('\n');
}

/** Creates the roles that poolctl runs as, and one of an application, each with `password`. */
export async function createCliRoles(server: TestServer): Promise<void> {
  const roles = {
    app: '',
    other_app: '',
    oncall: 'IN ROLE pg_monitor, pg_signal_backend',
    viewer: 'IN ROLE pg_monitor',
    // Sees every session, and may end only those of its own application.
    owner: 'IN ROLE pg_monitor, app',
    blind: '',
    capped: 'CONNECTION LIMIT 1',
  };
  for (const [name, rest] of Object.entries(roles)) {
    await server.query(`CREATE ROLE ${name} LOGIN PASSWORD '${password}' ${rest}`);
  }
  await server.query('CREATE EXTENSION pg_stat_statements');
}

export function urlOf(server: TestServer, user: string, parameters = ''): string {
  return server.url({user, password}) + parameters;
}

export type SessionOptions = {application_name: string; user?: string};

/** Opens a session that stays idle in transaction, as an application with a leak does. */
export async function leak(server: TestServer, {application_name, user = 'app'}: SessionOptions) {
  const client = await server.connect({user, password, application_name});
  await client.query('BEGIN');
  await client.query("SELECT 'a secret literal'");
  return client as typeof client & {processID: number};
}
