import {execFile} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The built program, as `npm run build` makes it. */
export const program = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** Once per run, before any test: what is tested from outside is built from these very sources. */
export default async function buildOnce(): Promise<void> {
  await promisify(execFile)(process.execPath, ['build.mjs'], {cwd: root});
}
