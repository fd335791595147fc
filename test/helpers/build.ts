import {execFile} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The program that `npm run build` builds. */
export const program = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** Builds the program once per run, before the tests that start it. */
export default async function buildOnce(): Promise<void> {
  await promisify(execFile)(process.execPath, ['build.mjs'], {cwd: root});
}
