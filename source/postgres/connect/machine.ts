import {readFileSync, statSync} from 'node:fs';
import os from 'node:os';

/** What of this machine decides where the server is; tests hand in their own. */
export type Machine = {
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  home: string;
  /** The name of whoever runs poolctl: PostgreSQL's default role. */
  os_user: string;
  platform: string;
  /** The text of a file; null when it is not there or cannot be read. */
  readFile(path: string): string | null;
  /** Permission bits and kind, as `stat` has them; null when there is no such file. */
  fileMode(path: string): number | null;
};

/** The machine poolctl runs on. */
export function localMachine(env: Machine['env'], cwd: string): Machine {
  return {
    env,
    cwd,
    home: env.HOME || os.homedir(),
    os_user: osUser(env),
    platform: process.platform,
    readFile: path => orNull(() => readFileSync(path, 'utf8')),
    fileMode: path => statSync(path, {throwIfNoEntry: false})?.mode ?? null,
  };
}

function osUser(env: Machine['env']): string {
  // A container may run as a number that has no name.
  return orNull(() => os.userInfo().username) ?? env.USER ?? 'postgres';
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
