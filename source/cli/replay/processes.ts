import {fork} from 'node:child_process';
import {existsSync} from 'node:fs';
import {createRequire} from 'node:module';
import os from 'node:os';
import {fileURLToPath, pathToFileURL} from 'node:url';
import type pg from 'pg';
import {BugError} from '../../core/errors.ts';
import {createProcesses, type Processes, type Worker} from '../../replay/measure/processes.ts';
import type {WorkerReport} from '../../replay/measure/worker.ts';
import {allowOutbound} from '../../replay/sandbox/outbound.ts';
import type {CliContext} from '../context.ts';

/** What a worker process needs to load the same endpoint and client, and to open the same pool. */
export type ReplayAssignment = {
  /** The endpoint's name on the command line. */
  name: string;
  cwd: string;
  client: string | undefined;
  isDemo: boolean;
  connection: pg.PoolConfig;
  /** Replaces the function in `connection.ssl` that skips verifying the host name, since functions cannot be sent. */
  ignoresIdentity: boolean;
  pool_timeout_ms: number;
  allowWrites: boolean;
  /** The endpoint may open connections that do not use PostgreSQL's protocol. */
  allowNetwork: boolean;
  hang_timeout_ms: number;
};

/** Each process loads its own Prisma Client, about 100 MB. */
const maxProcesses = 8;

/**
 * `hasSetup`: the endpoint's setup runs in this process, so everything is measured here. `workersOnly`: without a setup,
 * nothing is measured here.
 */
export function startProcesses(
  {env}: CliContext,
  assignment: Omit<ReplayAssignment, 'ignoresIdentity'>,
  {hasSetup, workersOnly}: {hasSetup: boolean; workersOnly: boolean},
): Processes {
  const {ssl} = assignment.connection;
  const ignoresIdentity = typeof ssl === 'object' && ssl.checkServerIdentity !== undefined;
  return createProcesses<ReplayAssignment>({
    count: hasSetup ? 1 : Math.min(maxProcesses, os.availableParallelism()),
    workersOnly: workersOnly && !hasSetup,
    assignment: {...assignment, ignoresIdentity},
    start: () => startWorker(env),
  });
}

function startWorker(env: CliContext['env']): Worker<ReplayAssignment> {
  const entry = workerEntry();
  const start = () =>
    fork(fileURLToPath(entry), [], {
      // Its own process group, so that Ctrl-C in the terminal goes to the main process only.
      detached: true,
      env: {...env},
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: entry.pathname.endsWith('.ts') ? ['--import', typescriptLoader()] : [],
    });
  const child = allowOutbound(start);
  let listener: (report: WorkerReport) => void = () => {};
  child.on('message', report => listener(report as WorkerReport));
  return {
    // Ignores a failed send: the process has ended, which `ended` reports.
    send: task => void child.send(task, () => {}),
    onReport: next => {
      listener = next;
    },
    ended: new Promise(resolve => {
      child.once('error', error => resolve(error.message));
      child.once('exit', (code, signal) => resolve(`it ended with ${signal ?? `exit code ${code}`}`));
    }),
    stop: () => {
      if (child.connected) child.disconnect();
    },
  };
}

/** Next to this file in the source; in dist next to the chunks or one folder up. */
function workerEntry(): URL {
  const names = import.meta.url.endsWith('.ts')
    ? ['./replay-worker.ts']
    : ['../replay-worker.js', './replay-worker.js'];
  const found = names.map(name => new URL(name, import.meta.url)).find(url => existsSync(url));
  if (found !== undefined) return found;
  throw new BugError('the worker program is missing');
}

function typescriptLoader(): string {
  return pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
}
