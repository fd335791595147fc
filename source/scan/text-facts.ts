import {resolve} from 'node:path';
import {type EnvFile, readEnvFile} from '../core/env-file.ts';
import {type PoolerFile, readPoolerFile} from '../core/pgbouncer-ini.ts';
import {readText} from './read-text.ts';

/** What an .env file says of an application's pool. */
export async function readEnvFact({path, variable}: {path: string; variable: string}): Promise<EnvFile> {
  const absolute = resolve(path);
  return readEnvFile(absolute, variable, await readText(absolute));
}

/** What a pgbouncer.ini says of its pools. */
export async function readPoolerFact({path}: {path: string}): Promise<PoolerFile> {
  const absolute = resolve(path);
  return readPoolerFile(absolute, await readText(absolute));
}
