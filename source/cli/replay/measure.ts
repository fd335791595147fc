import {fork} from 'node:child_process';
import os from 'node:os';
import {createInterface} from 'node:readline';
import {usageError} from '../../core/errors.ts';
import {counted} from '../../core/text/format.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {ReplayDocument, ReplaySemantics} from '../../model/replay-report.ts';
import {hostAndPort} from '../../postgres/connect/request.ts';
import {
  type BenchmarkMatrix,
  type BenchmarkOptions,
  type BenchmarkResult,
  runBenchmark,
} from '../../replay/measure/benchmark.ts';
import {createProcesses, type Processes, type Worker} from '../../replay/measure/processes.ts';
import {medianOf, recommend} from '../../replay/measure/results.ts';
import type {Loaded, WorkerReport} from '../../replay/measure/worker.ts';
import {simulateInstances} from '../../replay/simulate/fleet.ts';
import type {CliContext} from '../context.ts';
import {workerProgram} from '../worker-program.ts';
import type {ReplayOptions} from './options.ts';
import {prisma8Problem} from './prisma-8.ts';
import {type ReplayServer, schemaOf} from './replay-server.ts';

/** Where a worker process finds an endpoint and its Prisma Client. */
export type EndpointSource = {
  /** The endpoint's name on the command line. */
  name: string;
  cwd: string;
  client?: string | undefined;
  /** The application's module that exports its client, which the measured client replaces. */
  clientModule?: string | undefined;
  isDemo: boolean;
  /** The endpoint may open connections that do not use PostgreSQL's protocol. */
  allowNetwork: boolean;
};

/** The processes that run an endpoint's code. Call `close` at the end. */
export type EndpointProcesses = Processes & {
  /** What the endpoint printed, if not all of it was shown. */
  printed(): string[];
};

export type Measuring = Loaded & {
  processes: EndpointProcesses;
  variants: Loaded['endpoint']['variants'];
  call: ReplayOptions;
  signal: AbortSignal;
  progress: Pick<BenchmarkOptions, 'onCase' | 'onProgress' | 'onResult'>;
};

/** The requested variants, in that order. Throws AbortError (exit 2) for an unknown one. */
export function selectVariants(
  {file, variants}: Loaded['endpoint'],
  {variants: requested}: Pick<ReplayOptions, 'variants'>,
): Measuring['variants'] {
  const names = variants.map(({name}) => name);
  const unknown = requested?.find(name => !names.includes(name));
  if (unknown !== undefined)
    throw usageError(`${file} has no variant "${unknown}"`, `Variants: ${names.join(', ')}.`);
  return (requested ?? names).map(name => ({name}));
}

/** Measures everything the call requests. If the signal aborts, returns the results so far. */
export async function measureEndpoint(
  {connection, pools, allowWrites, guard}: ReplayServer,
  {endpoint, variants, prisma, processes, call, signal, progress}: Measuring,
): Promise<ReplayDocument> {
  const semantics = semanticsOf(call, prisma);
  const limit = AbortSignal.timeout(call.time_limit_ms);
  const {ssl} = pools;
  const {measure, setUp} = processes.measureWith({
    connection: pools,
    ignoresIdentity: typeof ssl === 'object' && ssl.checkServerIdentity !== undefined,
    allowWrites,
    schema: schemaOf(connection),
    pool_timeout_ms: semantics.pool_timeout_ms,
    hang_timeout_ms: Math.max(30_000, semantics.pool_timeout_ms + 5000),
  });
  const options = {...progress, guard, measure, setUp, signal: AbortSignal.any([signal, limit])};
  const matrix = matrixOf(call, variants);
  const measured = await measureRounds(matrix, {call, pool_timeout_ms: semantics.pool_timeout_ms}, options);
  const refusals = processes.refusals();
  const notes = [...measured.notes, ...refusals, ...processes.notes(), ...processes.printed()];
  if (!allowWrites && measured.results.some(({errors}) => (errors.by_sqlstate['25006'] ?? 0) > 0))
    notes.push('writes were refused (25006): --allow-writes lets the endpoint write, on a test server');
  const nodeProblem = prisma?.major === 8 ? prisma8Problem() : null;
  if (nodeProblem !== null) notes.push(nodeProblem);
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
  {call, pool_timeout_ms}: {call: ReplayOptions; pool_timeout_ms: number},
  options: BenchmarkOptions,
): Promise<BenchmarkResult> {
  const {rounds, simulated_instances} = call;
  const all: BenchmarkResult[] = [];
  while (all.length < rounds && !options.signal.aborted && !options.guard.signal.aborted)
    all.push(await runBenchmark(matrix, options));
  const results = medianOf(all.map(each => each.results));
  const notes = all.flatMap(each => each.notes);
  const is_complete = all.every(each => each.is_complete);
  if (simulated_instances === null || options.signal.aborted || options.guard.signal.aborted)
    return {results, notes, is_complete};
  const simulated = await simulateInstances(matrix, results, {
    ...options,
    pool_timeout_ms,
    instances: simulated_instances,
  });
  return {
    results: [...results, ...simulated.results],
    notes: [...notes, ...simulated.notes],
    is_complete,
  };
}

function matrixOf(call: ReplayOptions, variants: Measuring['variants']): BenchmarkMatrix {
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
  prisma: Loaded['prisma'],
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
  // Prisma 8's own pool waits 20 s (poolOptions of @prisma/orm-postgres 8.0.0-rc.13).
  const timeout_ms = pool_timeout_ms ?? ((major ?? 0) >= 8 ? 20_000 : 0);
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

/** Each process loads its own Prisma Client, about 100 MB. */
const maxProcesses = 8;
/** Lines of the endpoint's output that are shown; an endpoint that logs each request prints thousands. */
const maxPrinted = 20;

export function startEndpoint({env, output}: CliContext, source: EndpointSource): EndpointProcesses {
  let lines = 0;
  const print = (line: string) => {
    lines++;
    if (lines <= maxPrinted) output.stderr(sanitise(`endpoint: ${line}`));
  };
  const processes = createProcesses<EndpointSource>({
    count: Math.min(maxProcesses, os.availableParallelism()),
    source,
    start: () => startWorker(env, print),
  });
  const printed = () =>
    lines > maxPrinted
      ? [`the endpoint printed ${counted(lines, 'line')}, of which ${maxPrinted} are shown`]
      : [];
  return {...processes, printed};
}

function startWorker(env: CliContext['env'], print: (line: string) => void): Worker<EndpointSource> {
  const {path, execArgv} = workerProgram('./replay/replay-worker.ts');
  const child = fork(path, [], {
    // Its own process group, so that Ctrl-C in the terminal goes to the main process only.
    detached: true,
    env: {...env},
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv,
  });
  // Results alone go to stdout.
  for (const stream of [child.stdout, child.stderr])
    if (stream !== null) createInterface({input: stream}).on('line', print);
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
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    }),
    stop: () => {
      if (child.connected) child.disconnect();
    },
    kill: () => void child.kill('SIGKILL'),
  };
}
