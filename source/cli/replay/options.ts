import {usageError} from '../../core/errors.ts';
import type {Flags} from '../call/parse-call.ts';
import {flagAsTyped} from '../call/usage.ts';
import {readDuration} from '../flag-values.ts';

/** What a call of `replay` asks for, with its defaults. Times in milliseconds. */
export type ReplayOptions = {
  connection_limits: number[];
  concurrencies: number[];
  /** null: all of them. */
  variants: string[] | null;
  requests: number | null;
  duration_ms: number | null;
  rate: number | null;
  warm_up_ms: number;
  instances: number;
  simulated_instances: number | null;
  /** The same measurements so many times: a sweep compares neighbours, and a disturbed one would be its knee. */
  rounds: number;
  seed: number;
  prisma_major: number | null;
  pool_timeout_ms: number | null;
  time_limit_ms: number;
  allowWrites: boolean;
  allowNetwork: boolean;
};

const maxRequests = 1_000_000;
const maxUsers = 10_000;
const longest_ms = 3_600_000;

/** Throws AbortError (exit 2) for values that are none or go beyond what a replay is bounded to. */
export function readReplayOptions(flags: Flags): ReplayOptions {
  const {sweep, connectionLimit, requests, duration} = flags;
  if (sweep !== undefined && connectionLimit !== undefined)
    throw usageError('--sweep and --connection-limit are both given', 'Leave out one of them.');
  requireAtMost('requests', requests, maxRequests);
  requireAtMost('rate', flags.rate, 100_000);
  requireAtMost('instances', flags.instances, 1000);
  requireAtMost('simulate', flags.simulate, 100_000);
  return {
    connection_limits:
      sweep === undefined ? numbersOf('connectionLimit', connectionLimit ?? '10', 1000) : rangeOf(sweep),
    concurrencies: numbersOf('concurrency', flags.concurrency ?? '10', maxUsers),
    variants: flags.variant === undefined ? null : flags.variant.split(',').map(name => name.trim()),
    requests: requests ?? null,
    duration_ms: durationMs(duration, requests, sweep === undefined ? 5000 : 1000),
    rate: flags.rate ?? null,
    warm_up_ms: timeOf('--warm-up', flags.warmUp, 500),
    instances: flags.instances ?? 1,
    simulated_instances: flags.simulate ?? null,
    rounds: sweep === undefined ? 1 : 3,
    seed: flags.seed ?? 1,
    prisma_major: flags.prismaMajor ?? null,
    pool_timeout_ms: flags.poolTimeout === undefined ? null : timeOf('--pool-timeout', flags.poolTimeout, 0),
    time_limit_ms: timeOf('--time-limit', flags.timeLimit, 600_000),
    allowWrites: flags.allowWrites ?? false,
    allowNetwork: flags.allowNetwork ?? false,
  };
}

/** With `--requests` alone there is no other end but the last of them. */
function durationMs(
  duration: string | undefined,
  requests: number | undefined,
  otherwise: number,
): number | null {
  if (duration === undefined && requests !== undefined) return null;
  return timeOf('--duration', duration, otherwise);
}

function timeOf(name: string, text: string | undefined, otherwise: number): number {
  return text === undefined ? otherwise : readDuration(name, text, {least: 0, most: longest_ms});
}

/** `1,5,10` */
function numbersOf(flag: 'connectionLimit' | 'concurrency', text: string, most: number): number[] {
  const numbers = text
    .split(',')
    .map(word => (/^\s*[1-9]\d{0,5}\s*$/.test(word) ? Number(word) : Number.NaN));
  if (numbers.every(number => number <= most)) return [...new Set(numbers)];
  const name = flagAsTyped(flag);
  throw usageError(`${name} ${text}: numbers from 1 to ${most} are expected`, `Write it as ${name} 1,5,10.`);
}

/** `connection_limit=1..20`, every limit from the first to the last. */
function rangeOf(sweep: string): number[] {
  const [, first, last] = /^(?:connection_limit=)?(\d{1,4})\.\.(\d{1,4})$/.exec(sweep.trim()) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (from >= 1 && to > from && to <= 1000) return steps(from, to);
  throw usageError(`--sweep ${sweep}: no range of limits`, 'Write it as --sweep connection_limit=1..20.');
}

/** All of them up to 20; of a longer range some 20, the ends among them. */
function steps(from: number, to: number): number[] {
  const count = Math.min(20, to - from + 1);
  const all = Array.from({length: count}, (_, index) =>
    Math.round(from + ((to - from) * index) / (count - 1)),
  );
  return [...new Set(all)];
}

function requireAtMost(
  flag: 'requests' | 'rate' | 'instances' | 'simulate',
  value: number | undefined,
  most: number,
): void {
  if (value === undefined || (value >= 1 && value <= most)) return;
  throw usageError(
    `${flagAsTyped(flag)} ${value}: from 1 to ${most} is what a replay is bounded to`,
    'Choose a number within.',
  );
}
