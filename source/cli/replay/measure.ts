import type pg from 'pg';
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
import {medianOf, recommend} from '../../replay/measure/results.ts';
import type {Prisma} from '../../replay/prisma/measured-client.ts';
import {blockOutbound, takeRefusals} from '../../replay/sandbox/outbound.ts';
import {simulateInstances} from '../../replay/simulate/fleet.ts';
import type {CliContext} from '../context.ts';
import type {ReplayOptions} from './options.ts';
import {type ReplayAssignment, startProcesses} from './processes.ts';
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
    // The results lack what was refused.
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
  const whose = major === null ? 'node-postgres pool' : `node-postgres pool of Prisma ${major}`;
  return {pool_timeout_ms: timeout_ms, prisma: {major, semantics: `${whose}: ${wait}`, is_emulated: false}};
}

/** A client with a Rust engine uses its own pool, so nothing is emulated. */
function engineSemantics(major: number | null, pool_timeout_ms: number) {
  const semantics = `Prisma ${major}'s own pool: pool_timeout ${pool_timeout_ms / 1000}s; waiting counts as executing`;
  return {pool_timeout_ms, prisma: {major, semantics, is_emulated: false}};
}
