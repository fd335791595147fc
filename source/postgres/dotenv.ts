import {parseEnv} from 'node:util';
import type {Machine} from './local-machine.ts';

/**
 * The variables of `./.env`, `${NAME}` in them replaced as Prisma does it: by the process's environment first,
 * then by the file. Empty when there is no such file.
 */
export function readDotenv(machine: Machine): Record<string, string> {
  const text = machine.readFile(`${machine.cwd}/.env`);
  if (text === null) return {};
  const variables = parseEnv(text);
  const lookUp = (name: string): string | undefined => machine.env[name] ?? variables[name];
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, expand(value ?? '', lookUp)]),
  );
}

/** One level deep, and only in braces: a bare `$` is more often part of a password. */
function expand(value: string, lookUp: (name: string) => string | undefined): string {
  return value.replace(/\$\{([A-Za-z_]\w*)\}/g, (whole, name: string) => lookUp(name) ?? whole);
}
