import {execFile} from 'node:child_process';
import path from 'node:path';
import {promisify} from 'node:util';
import {it} from 'vitest';
import {unpackDebianPackages} from './cached-folder.ts';

const run = promisify(execFile);

/** Checks a text with a third-party program: resolves if it is well-formed, rejects with what is wrong. */
export type Validator = (text: string) => Promise<void>;

/** A test with a program from a Debian package; without it, a skipped test says why. */
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
      const checked = run(file, [...args]);
      checked.child.stdin?.end(text);
      const {stdout, stderr} = await checked;
      if (stdout + stderr !== '') throw new Error(stdout + stderr);
    }),
  );
}
