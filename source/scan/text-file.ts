import {readFile, realpath, stat} from 'node:fs/promises';
import {resolve} from 'node:path';
import {usageError} from '../core/errors.ts';
import {readEnvFile} from '../core/pool/env.ts';
import {readPoolerFile} from '../core/pool/pgbouncer-ini.ts';
import {decodeBytes} from '../core/text/bytes.ts';
import type {EnvFile, PoolerFile} from '../model/application.ts';

/** Reads an application's .env file. Throws AbortError (exit 2) if it cannot be read. */
export async function readEnvFileAt({path, variable}: {path: string; variable: string}): Promise<EnvFile> {
  const absolute = await realPathOf(resolve(path));
  return readEnvFile(absolute, variable, await readNamed('env_file', absolute));
}

/** Reads a pgbouncer.ini. Throws AbortError (exit 2) if it cannot be read. */
export async function readPoolerFileAt({path}: {path: string}): Promise<PoolerFile> {
  const absolute = await realPathOf(resolve(path));
  return readPoolerFile(absolute, await readNamed('pgbouncer_ini', absolute));
}

async function readNamed(parameter: string, path: string): Promise<string> {
  const text = await readText(path);
  if (text !== null) return text;
  throw usageError(`${parameter}: cannot read ${path}`);
}

/** A lock file may have 20 MB; larger files are not read. */
const maxBytes = 20_000_000;

/** The text of a file, with every byte kept (`decodeBytes`); null if it does not exist or cannot be read. */
export async function readText(path: string): Promise<string | null> {
  try {
    const found = await stat(path);
    // Reading a pipe would block.
    if (!found.isFile() || found.size > maxBytes) return null;
    return decodeBytes(await readFile(path));
  } catch {
    return null;
  }
}

/** The path with symbolic links resolved: a step names the file it changes. */
export async function realPathOf(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}
