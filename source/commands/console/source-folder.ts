import {statSync} from 'node:fs';
import {resolve} from 'node:path';
import type {CliContext} from '../../cli/context.ts';
import {usageError} from '../../core/errors.ts';
import {messageOf} from '../../core/text/redact.ts';

/**
 * The application's folder. Throws AbortError (exit 2) if that of the flag cannot be read; that of config.toml must not keep the
 * console from opening, so `check` throws it when the view Scan is shown.
 */
export function findSource(
  {cwd}: Pick<CliContext, 'cwd'>,
  flag: string | undefined,
  configured: string | undefined,
): {directory: string; check(): void} | null {
  const folder = flag ?? configured;
  if (folder === undefined) return null;
  const directory = resolve(cwd, folder);
  const check = () => requireFolder(directory, flag === undefined ? 'source in config.toml' : '--source');
  if (flag !== undefined) check();
  return {directory, check};
}

function requireFolder(path: string, setting: string): void {
  try {
    if (statSync(path, {throwIfNoEntry: false})?.isDirectory()) return;
  } catch (error) {
    throw usageError(`${setting}: ${messageOf(error)}`);
  }
  throw usageError(`${setting}: ${path} is not a folder`);
}
