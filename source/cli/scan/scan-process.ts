import {fork} from 'node:child_process';
import process from 'node:process';
import {BugError, usageError} from '../../core/errors.ts';
import type {ScanReport} from '../../model/scan-report.ts';
import type {LiveStatement} from '../../scan/live-cost.ts';
import {workerProgram} from '../worker-program.ts';

export type ScanTask = {directory: string; statements: readonly LiveStatement[] | null};

type Scanned = {report: ScanReport; endpoint_files: Record<string, string>};
export type ScanAnswer = Scanned | {problem: string; isBug: boolean};

/** Scans in another process, so that the console never waits: seconds of processor time, and memory that the process gives back. */
export function scanInProcess({directory, statements}: ScanTask): Promise<Scanned> {
  const {path, execArgv} = workerProgram('./scan/scan-worker.ts');
  // It needs nothing of the environment, which may hold passwords.
  const child = fork(path, [], {
    detached: true,
    env: {},
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv,
  });
  // Quitting does not wait for it: without its parent it ends, but only between two steps of its work.
  child.unref();
  child.channel?.unref();
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  return new Promise((resolve, reject) => {
    child.once('message', (answer: ScanAnswer) => {
      if ('report' in answer) resolve(answer);
      else reject(answer.isBug ? new BugError(answer.problem, {}) : usageError(answer.problem));
    });
    // Of a failed spawn, kill or send; there may be several.
    child.on('error', reject);
    child.once('exit', (code, signal) => {
      process.off('exit', kill);
      reject(new BugError(`the scan ended with ${signal ?? `exit code ${code}`}`));
    });
    const few = statements?.map(({query, calls, total_exec_time_ms}) => ({query, calls, total_exec_time_ms}));
    const task: ScanTask = {directory, statements: few ?? null};
    child.send(task, error => error && reject(error));
  });
}
