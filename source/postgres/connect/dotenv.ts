import {parseEnv} from 'node:util';
import type {Machine} from './machine.ts';

export type Dotenv = {
  /** By name, `${NAME}` of the same file replaced. */
  variables: Readonly<Record<string, string>>;
  /**
   * An exported variable that a value refers to and the file does not set; null where there is none. Prisma would put
   * it in; here that would hand a secret to whatever host the file names.
   */
  borrowed(name: string): string | null;
};

/** The variables of `./.env`; none when there is no such file. */
export function readDotenv(machine: Machine): Dotenv {
  const text = machine.readFile(`${machine.cwd}/.env`);
  const own = new Map(text === null ? [] : Object.entries(parseEnv(text)));
  return {
    variables: Object.fromEntries(
      [...own].map(([name, value = '']) => [
        name,
        value.replace(reference, (whole, other: string) => own.get(other) ?? whole),
      ]),
    ),
    borrowed(name) {
      const names = [...(own.get(name) ?? '').matchAll(reference)].map(([, other = '']) => other);
      return names.find(other => !own.has(other) && machine.env[other]) ?? null;
    },
  };
}

/** Replaced one level deep, and only in braces: a bare `$` is more often part of a password. */
const reference = /\$\{([A-Za-z_]\w*)\}/g;
