import {fork} from 'node:child_process';
import {existsSync} from 'node:fs';
import {createRequire} from 'node:module';
import os from 'node:os';
import {fileURLToPath, pathToFileURL} from 'node:url';
import type pg from 'pg';
import {BugError} from '../../core/errors.ts';
import {createProcesses, type Processes, type Worker} from '../../replay/measure/processes.ts';
import type {WorkerReport} from '../../replay/measure/worker.ts';
import {asOurs} from '../../replay/sandbox/outbound.ts';
import type {CliContext} from '../context.ts';

/** What a measuring process needs to come to the same endpoint, client and pool as this one. */
export type ReplayAssignment = {
  /** As in the call. */
  name: string;
  cwd: string;
  client: string | undefined;
  isDemo: boolean;
  connection: pg.PoolConfig;
  /** The server's name is not verified, which `connection.ssl` says by a function that cannot be sent. */
  ignoresIdentity: boolean;
  pool_timeout_ms: number;
  allowWrites: boolean;
  /** The endpoint may open connections that do not speak PostgreSQL's protocol. */
  allowNetwork: boolean;
  patience_ms: number;
};

/** Each has a Prisma Client of its own in it, some 100 MB. */
const maxProcesses = 8;

/**
 * `isSetUpHere`: what the endpoint's setup prepared is in this process alone, so that nothing of it is measured in
 * another. `isApart`: else none of it is measured in this one.
 */
export function startProcesses(
  {env}: CliContext,
  assignment: Omit<ReplayAssignment, 'ignoresIdentity'>,
  {isSetUpHere, isApart}: {isSetUpHere: boolean; isApart: boolean},
): Processes {
  const {ssl} = assignment.connection;
  const ignoresIdentity = typeof ssl === 'object' && ssl.checkServerIdentity !== undefined;
  return createProcesses<ReplayAssignment>({
    count: isSetUpHere ? 1 : Math.min(maxProcesses, os.availableParallelism()),
    isApart: isApart && !isSetUpHere,
    assignment: {...assignment, ignoresIdentity},
    start: () => startWorker(env),
  });
}

function startWorker(env: CliContext['env']): Worker<ReplayAssignment> {
  const entry = workerEntry();
  const start = () =>
    fork(fileURLToPath(entry), [], {
      // Its own process group: Ctrl-C in the terminal is the program's in front.
      detached: true,
      env: {...env},
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: entry.pathname.endsWith('.ts') ? ['--import', typescriptLoader()] : [],
    });
  const child = asOurs(start);
  let listener: (report: WorkerReport) => void = () => {};
  child.on('message', report => listener(report as WorkerReport));
  return {
    // That it cannot be reached any more is told by its end.
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

/** Beside this file when run from source; one up from the bundle's chunks, or beside them, when built. */
function workerEntry(): URL {
  const names = import.meta.url.endsWith('.ts')
    ? ['./replay-worker.ts']
    : ['../replay-worker.js', './replay-worker.js'];
  const found = names.map(name => new URL(name, import.meta.url)).find(url => existsSync(url));
  if (found !== undefined) return found;
  throw new BugError("the measuring process's program is not there");
}

function typescriptLoader(): string {
  return pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
}
