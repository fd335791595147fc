import {spawnSync} from 'node:child_process';
import process from 'node:process';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import {churn} from './churn/churn.ts';
import {crashLoop} from './crash-loop.ts';

/**
 * `npm run crash -- 200 --runs 200 --seed 1 --minutes 25`: kills a process that writes journal and recording 200 times,
 * then makes 200 runs, for at most 25 minutes, against sessions that start and end (2,000 runs take about twenty minutes
 * on two idle cores). Exit 1 if anything was lost, or was done without an intent.
 */
const {positionals, values} = parseArgs({
  allowPositionals: true,
  options: {
    runs: {type: 'string', default: '200'},
    seed: {type: 'string', default: '1'},
    minutes: {type: 'string', default: '25'},
  },
});
const built = fileURLToPath(new URL('../../dist', import.meta.url));
const isInside = process.env.POOLCTL_CHURN_NAMESPACE !== undefined;

if (!isInside) {
  const count = Number(positionals[0] ?? 200);
  const {loops, killed, acknowledged, losses} = await crashLoop(count);
  console.log(`${loops} loops, ${killed} killed; ${acknowledged} acknowledged, ${losses.length} lost`);
  for (const loss of losses) console.log(loss);
  process.exitCode = losses.length > 0 ? 1 : 0;
}
if (Number(values.runs) > 0 && (isInside || !runInNamespace())) await runChurn();

/** A pid namespace of its own lets pids be used again at will. False where the system gives none. */
function runInNamespace(): boolean {
  const namespace = ['--pid', '--fork', '--kill-child', '--mount-proc'];
  if (spawnSync('unshare', [...namespace, 'true']).status !== 0) return false;
  // A shell is its first process: it takes in what is orphaned.
  const inner = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const {status} = spawnSync('unshare', [...namespace, 'sh', '-c', '"$@"; exit $?', 'sh', ...inner], {
    stdio: 'inherit',
    env: {...process.env, POOLCTL_CHURN_NAMESPACE: '1'},
  });
  process.exitCode = process.exitCode || (status ?? 1);
  return true;
}

async function runChurn(): Promise<void> {
  const started = performance.now();
  const onProgress = (done: number) => {
    if (done % 100 === 0)
      console.error(`${done} runs, ${Math.round((performance.now() - started) / 1000)} s`);
  };
  const report = await churn(built, {
    runs: Number(values.runs),
    seed: Number(values.seed),
    minutes: Number(values.minutes),
    onProgress,
  });
  const {violations, codes, outcomes, ...figures} = report;
  const took = `${Math.round((performance.now() - started) / 1000)} s`;
  const list = (counts: Record<string, number>) =>
    Object.entries(counts)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => `${name}: ${count}`)
      .join(', ');
  console.log(`runs against sessions that come and go, seed ${values.seed}, ${took}`);
  for (const [name, count] of Object.entries(figures)) console.log(`  ${name.padEnd(10)} ${count}`);
  console.log(
    `  exit codes ${list(codes)}\n  outcomes   ${list(outcomes)}\n  violations ${violations.length}`,
  );
  for (const violation of violations.slice(0, 20)) console.log(`    ${violation}`);
  if (violations.length > 0) process.exitCode = 1;
}
