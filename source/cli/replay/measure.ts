import {fork} from 'node:child_process';
import {existsSync} from 'node:fs';
import {createRequire} from 'node:module';
import os from 'node:os';
import {fileURLToPath, pathToFileURL} from 'node:url';
import type pg from 'pg';
import {BugError} from '../../core/errors.ts';
import type {ReplayDocument, ReplaySemantics} from '../../model/replay-report.ts';
import {hostAndPort} from '../../postgres/connect/request.ts';
import type {Endpoint, Variant} from '../../replay/endpoint/endpoint.ts';
import {
  type BenchmarkMatrix,
  type BenchmarkOptions,
  type BenchmarkResult,
  runBenchmark,
} from '../../replay/measure/benchmark.ts';
import {collectUnhandledRejections} from '../../replay/measure/measure.ts';
import {createProcesses, type Processes, type Worker} from '../../replay/measure/processes.ts';
import {medianOf, recommend} from '../../replay/measure/results.ts';
import type {WorkerReport} from '../../replay/measure/worker.ts';
import type {Prisma} from '../../replay/prisma/measured-client.ts';
import {allowOutbound, blockOutbound, takeRefusals} from '../../replay/sandbox/outbound.ts';
import {simulateInstances} from '../../replay/simulate/fleet.ts';
import type {CliContext} from '../context.ts';
import type {ReplayOptions} from './options.ts';
import type {ReplayServer} from './replay-server.ts';

export type Measuring = {
  endpoint: Endpoint;
  variants: Variant[];
  prisma: Prisma | null;
  /** From which each worker process loads the endpoint and the client. */
  source: Pick<ReplayAssignment, 'name' | 'cwd' | 'client' | 'isDemo'>;
  call: ReplayOptions;
  signal: AbortSignal;
  progress: Pick<BenchmarkOptions, 'onCase' | 'onProgress' | 'onResult'>;
  /** Measures in worker processes only, because this process draws a screen. */
  workersOnly?: boolean;
};

/** Measures everything the call requests. If the signal aborts, returns the results so far. */
export async function measureEndpoint(
  context: CliContext,
  {connection, pools, allowWrites, guard}: ReplayServer,
  {endpoint, variants, prisma, source, call, signal, progress, workersOnly = false}: Measuring,
): Promise<ReplayDocument> {
  const semantics = semanticsOf(call, prisma);
  const limit = AbortSignal.timeout(call.time_limit_ms);
  const matrix = matrixOf(call, variants);
  const basics = {
    connection: pools,
    allowWrites,
    pool_timeout_ms: semantics.pool_timeout_ms,
    hang_timeout_ms: Math.max(30_000, semantics.pool_timeout_ms + 5000),
  };
  const hasSetup = endpoint.setup !== undefined;
  const processes = startProcesses(
    context,
    {...source, ...basics, allowNetwork: call.allowNetwork},
    {hasSetup, workersOnly},
  );
  const options: BenchmarkOptions = {
    ...basics,
    ...progress,
    endpoint,
    guard,
    measure: processes.measure,
    ...(prisma && {openPrisma: (pool: pg.Pool) => prisma.open(pool, endpoint.file, {allowWrites})}),
    ...(prisma?.Pool && {Pool: prisma.Pool}),
    signal: AbortSignal.any([signal, limit]),
  };
  const rejections = collectUnhandledRejections(endpoint.file);
  // A SQL file has no code that could open a connection.
  const release = prisma === null ? () => {} : blockOutbound({withNetwork: call.allowNetwork});
  const measured = await measureRounds(matrix, call, options).finally(() => {
    release();
    processes.close();
  });
  const refusals = [...new Set([...takeRefusals(), ...processes.refusals()])];
  const notes = [...measured.notes, ...refusals, ...processes.notes(), ...rejections.end()];
  if (limit.aborted) notes.push('--time-limit reached: the rest was not measured');
  const {host, port, database} = connection.request;
  return {
    schema_version: 1,
    endpoint: endpoint.route,
    file: endpoint.file,
    target: `${hostAndPort({host, port})}/${database}`,
    prisma: semantics.prisma,
    seed: call.seed,
    results: measured.results,
    // The results do not include refused connections.
    recommendation:
      refusals.length > 0 ? null : recommend(measured.results.filter(each => !each.is_simulated)),
    notes: [...new Set(notes)],
    is_complete: refusals.length === 0 && !limit.aborted && !signal.aborted && measured.is_complete,
  };
}

/** Each case's median round, followed by the simulated results. */
async function measureRounds(
  matrix: BenchmarkMatrix,
  {rounds, simulated_instances}: ReplayOptions,
  options: BenchmarkOptions,
): Promise<BenchmarkResult> {
  const all: BenchmarkResult[] = [];
  while (all.length < rounds && !options.signal.aborted) all.push(await runBenchmark(matrix, options));
  const results = medianOf(all.map(each => each.results));
  const notes = all.flatMap(each => each.notes);
  const is_complete = all.every(each => each.is_complete);
  if (simulated_instances === null || options.signal.aborted) return {results, notes, is_complete};
  const simulated = await simulateInstances(matrix, results, {...options, instances: simulated_instances});
  return {
    results: [...results, ...simulated.results],
    notes: [...notes, ...simulated.notes],
    is_complete,
  };
}

function matrixOf(call: ReplayOptions, variants: Variant[]): BenchmarkMatrix {
  const {connection_limits, concurrencies, requests, duration_ms, rate, instances, warm_up_ms, seed} = call;
  return {
    variants,
    connection_limits,
    concurrencies,
    requests,
    duration_ms,
    rate,
    instances,
    warm_up_ms,
    seed,
  };
}

/** The pool's semantics and timeout, which depend on Prisma's major version. */
function semanticsOf(
  call: ReplayOptions,
  prisma: Prisma | null,
): {prisma: ReplaySemantics; pool_timeout_ms: number} {
  const {pool_timeout_ms} = call;
  if (prisma?.semantics === 'rust engine') return engineSemantics(prisma.major, pool_timeout_ms ?? 10_000);
  const major = call.prisma_major ?? prisma?.major ?? null;
  if (call.prisma_major !== null && call.prisma_major <= 6) {
    const timeout_ms = pool_timeout_ms ?? 10_000;
    return {
      pool_timeout_ms: timeout_ms,
      prisma: {
        major,
        semantics: `Prisma ${major}'s pool, emulated by node-postgres: pool_timeout ${timeout_ms / 1000}s`,
        is_emulated: true,
      },
    };
  }
  const timeout_ms = pool_timeout_ms ?? 0;
  const wait =
    timeout_ms === 0 ? 'waits for a connection without limit' : `connectionTimeoutMillis ${timeout_ms}`;
  const pool = major === null ? 'node-postgres pool' : `node-postgres pool of Prisma ${major}`;
  return {pool_timeout_ms: timeout_ms, prisma: {major, semantics: `${pool}: ${wait}`, is_emulated: false}};
}

/** A client with a Rust engine uses its own pool, so nothing is emulated. */
function engineSemantics(major: number | null, pool_timeout_ms: number) {
  const semantics = `Prisma ${major}'s own pool: pool_timeout ${pool_timeout_ms / 1000}s; waiting counts as executing`;
  return {pool_timeout_ms, prisma: {major, semantics, is_emulated: false}};
}

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
function startProcesses(
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
