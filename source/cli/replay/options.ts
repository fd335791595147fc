import {usageError} from '../../core/errors.ts';
import {writeDuration} from '../../core/text/time.ts';
import {type Flags, type FlagValues, flagAsTyped} from '../call/usage.ts';
import {readDuration} from '../flag-values.ts';

/** In milliseconds. A sweep measures each pool size `sweepRounds` times, because a disturbed round would look like the knee. */
const defaults = {duration: 5000, sweepDuration: 1000, warmUp: 500, timeLimit: 600_000, poolTimeout: 10_000};
const sweepRounds = 3;

/** What a replay measures, and its limits. */
export const measurementFlags = {
  variant: {
    type: 'string',
    value: 'LIST',
    help: 'Variants to measure, such as before,after',
    default: 'all',
  },
  connectionLimit: {
    type: 'string',
    value: 'LIST',
    help: 'Pool sizes to measure, such as 1,5,10',
    default: '10',
  },
  concurrency: {
    type: 'string',
    value: 'LIST',
    help: 'Concurrent users, such as 10,100',
    default: '10',
  },
  sweep: {
    type: 'string',
    value: 'RANGE',
    help: 'Measure a range of pool sizes and find the best: connection_limit=1..20',
  },
  requests: {type: 'number', value: 'N', help: 'Requests per measurement, instead of a duration'},
  duration: {
    type: 'string',
    value: 'TIME',
    help: 'Duration of each measurement',
    default: `${writeDuration(defaults.duration)}; with --sweep ${sweepRounds} times ${writeDuration(defaults.sweepDuration)}`,
  },
  warmUp: {
    type: 'string',
    value: 'TIME',
    help: 'Warm-up before each measurement; 0 for none',
    default: writeDuration(defaults.warmUp),
  },
  rate: {type: 'number', value: 'N', help: 'Arrival rate in requests per second (open loop)'},
  instances: {
    type: 'number',
    value: 'N',
    help: 'Application instances, each with a pool of its own; they share the users',
    default: '1',
  },
  simulate: {type: 'number', value: 'N', help: 'Extrapolate the results to this many instances'},
  prismaMajor: {
    type: 'number',
    value: 'N',
    help: 'Prisma major version whose pool to measure; 6 and below are emulated',
    default: "the client's",
  },
  poolTimeout: {
    type: 'string',
    value: 'TIME',
    help: 'How long a query waits for a connection',
    default: `${writeDuration(defaults.poolTimeout)} up to Prisma 6, then no limit`,
  },
  timeLimit: {
    type: 'string',
    value: 'TIME',
    help: 'Max duration of all measurements together',
    default: writeDuration(defaults.timeLimit),
  },
  seed: {
    type: 'number',
    value: 'N',
    help: 'Random seed: the same number gives the same requests',
    default: '1',
  },
  allowWrites: {type: 'boolean', help: 'Let the sessions write; refused on production'},
  allowNetwork: {type: 'boolean', help: 'Let the endpoint call other services'},
  client: {
    type: 'string',
    value: 'PATH',
    help: 'Generated Prisma Client, or the application that contains it',
    default: "the endpoint's application",
  },
  clientModule: {
    type: 'string',
    value: 'PATH',
    help: 'Module of the application that exports its Prisma Client; poolctl puts the measured one in its place',
  },
} as const satisfies Flags;

/** What a replay measures, with its defaults. Times in milliseconds. */
export type ReplayOptions = {
  connection_limits: number[];
  concurrencies: number[];
  /** null for all of them. */
  variants: string[] | null;
  requests: number | null;
  duration_ms: number | null;
  rate: number | null;
  warm_up_ms: number;
  instances: number;
  simulated_instances: number | null;
  /** Repetitions of each measurement, of which the median counts. */
  rounds: number;
  seed: number;
  prisma_major: number | null;
  pool_timeout_ms: number | null;
  time_limit_ms: number;
  allowWrites: boolean;
  allowNetwork: boolean;
};

export type MeasurementFlags = FlagValues<typeof measurementFlags>;

const maxRequests = 1_000_000;
const maxUsers = 10_000;
const longest_ms = 3_600_000;

/** Throws AbortError (exit 2) for invalid and out-of-range values. */
export function readReplayOptions(flags: MeasurementFlags): ReplayOptions {
  const {sweep, connectionLimit, requests, duration} = flags;
  if (sweep !== undefined && connectionLimit !== undefined)
    throw usageError('--sweep and --connection-limit cannot be used together', 'Leave out one of them.');
  requireWithin('requests', requests, maxRequests);
  requireWithin('rate', flags.rate, 100_000);
  requireWithin('instances', flags.instances, 1000);
  requireWithin('simulate', flags.simulate, 100_000);
  return {
    connection_limits:
      sweep === undefined ? readNumbers('connectionLimit', connectionLimit ?? '10', 1000) : readRange(sweep),
    concurrencies: readNumbers('concurrency', flags.concurrency ?? '10', maxUsers),
    variants: flags.variant === undefined ? null : flags.variant.split(',').map(name => name.trim()),
    requests: requests ?? null,
    // With --requests alone a measurement ends after the last request.
    duration_ms:
      duration === undefined && requests !== undefined
        ? null
        : readTime('--duration', duration, sweep === undefined ? defaults.duration : defaults.sweepDuration),
    rate: flags.rate ?? null,
    warm_up_ms: readTime('--warm-up', flags.warmUp, defaults.warmUp),
    instances: flags.instances ?? 1,
    simulated_instances: flags.simulate ?? null,
    rounds: sweep === undefined ? 1 : sweepRounds,
    seed: flags.seed ?? 1,
    prisma_major: flags.prismaMajor ?? null,
    pool_timeout_ms:
      flags.poolTimeout === undefined ? null : readTime('--pool-timeout', flags.poolTimeout, 0),
    time_limit_ms: readTime('--time-limit', flags.timeLimit, defaults.timeLimit),
    allowWrites: flags.allowWrites ?? false,
    allowNetwork: flags.allowNetwork ?? false,
  };
}

function readTime(flag: string, text: string | undefined, fallback: number): number {
  return text === undefined ? fallback : readDuration(flag, text, {min: 0, max: longest_ms});
}

/** `1,5,10` */
function readNumbers(name: 'connectionLimit' | 'concurrency', text: string, most: number): number[] {
  const numbers = text
    .split(',')
    .map(word => (/^\s*[1-9]\d{0,5}\s*$/.test(word) ? Number(word) : Number.NaN));
  if (numbers.every(number => number <= most)) return [...new Set(numbers)];
  const flag = flagAsTyped(name);
  throw usageError(`${flag} ${text} is not a list of numbers from 1 to ${most}`, `Use ${flag} 1,5,10.`);
}

/** `connection_limit=1..20`, every pool size from the first to the last. */
function readRange(sweep: string): number[] {
  const [, first, last] = /^(?:connection_limit=)?(\d{1,4})\.\.(\d{1,4})$/.exec(sweep.trim()) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (from >= 1 && to > from && to <= 1000) return spread(from, to);
  throw usageError(
    `--sweep ${sweep} is not a range of pool sizes from 1 to 1000`,
    'Use --sweep connection_limit=1..20.',
  );
}

/** Every size of a range of up to 20; about 20 of a longer one, including both ends. */
function spread(from: number, to: number): number[] {
  const count = Math.min(20, to - from + 1);
  const all = Array.from({length: count}, (_, index) =>
    Math.round(from + ((to - from) * index) / (count - 1)),
  );
  return [...new Set(all)];
}

function requireWithin(name: keyof MeasurementFlags, value: number | undefined, most: number): void {
  if (value === undefined || (value >= 1 && value <= most)) return;
  throw usageError(`${flagAsTyped(name)} ${value} is out of range`, `Use a number from 1 to ${most}.`);
}
