import {execFile} from 'node:child_process';
import path from 'node:path';
import {promisify} from 'node:util';
import {it} from 'vitest';
import {unpackDebianPackages} from './debian-packages.ts';

const run = promisify(execFile);

/** A program of others that judges a text: resolves where it is well-formed, rejects with what is wrong. */
export type Validator = (text: string) => Promise<void>;

/** A test with a program of one of Debian's packages, not installed; where it cannot be had it is skipped, and why. */
export async function itWithValidator(
  {name, program, args}: {name: string; program: string; args: readonly string[]},
  title: string,
  body: (validate: Validator) => Promise<void>,
): Promise<void> {
  const folder = await unpackDebianPackages(name, async () => [name]).catch((error: unknown) =>
    String(error),
  );
  const file = path.join(folder, 'usr', 'bin', program);
  const missing = await run(file, ['--version']).then(
    () => null,
    (error: unknown) => String(error).split('\n', 1)[0],
  );
  if (missing !== null) {
    it.skip(`${title} (no ${program}: ${missing})`, () => {});
    return;
  }
  it(title, () =>
    body(async text => {
      const judged = run(file, [...args]);
      judged.child.stdin?.end(text);
      const {stdout, stderr} = await judged;
      if (stdout + stderr !== '') throw new Error(stdout + stderr);
    }),
  );
}
