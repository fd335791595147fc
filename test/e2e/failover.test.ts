import {expect, it, onTestFinished} from 'vitest';
import {runProgram} from '../cli/run-program.ts';
import '../helpers/build.ts';
import {openProgram} from '../helpers/console.ts';
import {startProxy} from '../helpers/proxy.ts';
import {startTestServer, startTestStandby} from '../helpers/server.ts';
import {until} from '../postgres/watching.ts';

it('the console and a check go on with the standby that was promoted at their address', async () => {
  const primary = await startTestServer({major: 18});
  onTestFinished(() => primary.stop());
  await primary.query('CREATE EXTENSION pg_stat_statements');
  const standby = await startTestStandby(primary);
  onTestFinished(() => standby.stop());
  const proxy = await startProxy(primary);
  const url = proxy.addressOf(primary).url();
  const terminal = openProgram(['--interval', '500ms', url], {columns: 160, rows: 30});
  onTestFinished(() => terminal.close());
  await terminal.waitFor('slots by application, role and client');
  // Wide limits for what a new server without traffic cannot pass or fail.
  const quiet = [
    '--max-mean',
    '1h',
    '--min-cache-hit',
    '0%',
    '--min-index-hit',
    '0%',
    '--min-availability',
    '1%',
  ];
  const checked = runProgram(['check', url, '--for', '30s', '--every', '0.5s', '--json', ...quiet]);
  const watching = "SELECT FROM pg_stat_activity WHERE application_name LIKE 'poolctl%'";
  await until(async () => (await primary.query(watching)).length === 2);

  await primary.stop();
  await terminal.waitFor(/◌ stale/);
  await standby.query('SELECT pg_promote()');
  proxy.redirectTo(standby);
  await terminal.waitFor(/● 0\.5s/);
  terminal.press('7');
  await terminal.waitFor('leads to another server, a standby or a copy of the one before');
  const {code, stdout, stderr} = await checked;
  expect(stdout, `exit ${code}: ${stderr}`).not.toBe('');
  const {watch, metrics} = JSON.parse(stdout);
  expect(watch.losses, stderr).toHaveLength(1);
  expect(metrics.availability_ratio).toBeLessThan(1);
  // What was lost in between is within the limit, and no finding of the server that is there now.
  expect(code, stdout.slice(0, 2000)).toBe(0);
});
