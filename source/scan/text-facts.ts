import {resolve} from 'node:path';
import {usageError} from '../core/errors.ts';
import {readEnvFile} from '../core/pool/env-file.ts';
import {readPoolerFile} from '../core/pool/pgbouncer-ini.ts';
import type {EnvFile, PoolerFile} from '../model/application.ts';
import {readText, realPathOf} from './read-text.ts';

/** What an .env file says of an application's pool. Throws AbortError (exit 2) where there is none. */
export async function readEnvFact({path, variable}: {path: string; variable: string}): Promise<EnvFile> {
  const absolute = await realPathOf(resolve(path));
  return readEnvFile(absolute, variable, await readNamed('env_file', absolute));
}

/** What a pgbouncer.ini says of its pools. Throws AbortError (exit 2) where there is none. */
export async function readPoolerFact({path}: {path: string}): Promise<PoolerFile> {
  const absolute = await realPathOf(resolve(path));
  return readPoolerFile(absolute, await readNamed('pgbouncer_ini', absolute));
}

async function readNamed(parameter: string, path: string): Promise<string> {
  const text = await readText(path);
  if (text !== null) return text;
  throw usageError(`${parameter}: no file that can be read at ${path}`);
}
