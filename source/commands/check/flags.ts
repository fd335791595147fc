import type {Flags, Usage} from '../../cli/call/usage.ts';
import {jsonFlag, poolerFlag, ratesFlag, recipesFlag, serverFlags} from '../../cli/call/usage.ts';
import {describeDefault, thresholds, watchDefaults} from '../../core/health/thresholds.ts';
import {writeDuration} from '../../core/text/time.ts';

/** The limits of `check`, each named as `limit_name` of its metric. */
const limitFlags = {
  maxUsed: {
    type: 'string',
    value: 'SHARE',
    group: 'Limits',
    help: 'Max share of connection slots in use',
    default: describeDefault('used_ratio'),
  },
  maxAverageUsed: {
    type: 'string',
    value: 'SHARE',
    group: 'Limits',
    help: 'With --for: max average share of connection slots in use',
    default: describeDefault('average_used_ratio'),
  },
  maxIdleInTransaction: {
    type: 'string',
    value: 'TIME',
    group: 'Limits',
    help: 'Max time a session is idle in transaction',
    default: describeDefault('longest_idle_in_transaction_ms'),
  },
  maxTransaction: {
    type: 'string',
    value: 'TIME',
    group: 'Limits',
    help: 'Max age of a transaction',
    default: describeDefault('longest_transaction_ms'),
  },
  maxBlocked: {
    type: 'string',
    value: 'N',
    group: 'Limits',
    help: 'Max sessions waiting for a lock',
    default: describeDefault('blocked_sessions'),
  },
  maxMean: {
    type: 'string',
    value: 'TIME',
    group: 'Limits',
    help: 'Max mean execution time of a statement',
    default: describeDefault('slowest_mean_exec_time_ms'),
  },
  minCacheHit: {
    type: 'string',
    value: 'SHARE',
    group: 'Limits',
    help: 'Min cache hit ratio of the database',
    default: describeDefault('cache_hit_ratio'),
  },
  minIndexHit: {
    type: 'string',
    value: 'SHARE',
    group: 'Limits',
    help: "Min cache hit ratio of the database's indexes",
    default: describeDefault('index_hit_ratio'),
  },
  maxInvalidIndexes: {
    type: 'string',
    value: 'N',
    group: 'Limits',
    help: 'Max invalid indexes',
    default: describeDefault('invalid_indexes'),
  },
  maxStaleTables: {
    type: 'string',
    value: 'N',
    group: 'Limits',
    help: 'Max tables with stale statistics',
    default: describeDefault('stale_tables'),
  },
  maxEvictions: {
    type: 'string',
    value: 'N',
    group: 'Limits',
    help: 'Max evictions from pg_stat_statements per minute',
    default: describeDefault('statement_evictions_per_minute'),
  },
  maxN1: {
    type: 'string',
    value: 'N',
    group: 'Limits',
    help: 'Max statements that look like N+1 queries',
    default: describeDefault('n_plus_one_suspects'),
  },
  maxFatalSessions: {
    type: 'string',
    value: 'N',
    group: 'Limits',
    help: 'Max sessions ended by errors or timeouts per minute',
    default: describeDefault('fatal_sessions_per_minute'),
  },
  maxRefused: {
    type: 'string',
    value: 'N',
    group: 'Limits',
    help: 'With --for: max connections refused to poolctl (SQLSTATE 53300) per minute',
    default: describeDefault('refused_connections_per_minute'),
  },
  maxPoolerWaiting: {
    type: 'string',
    value: 'N',
    group: 'Limits',
    help: 'With --pooler: max clients waiting in PgBouncer',
    default: describeDefault('pooler_waiting_clients'),
  },
  minAvailability: {
    type: 'string',
    formerName: 'minSeen',
    value: 'SHARE',
    group: 'Limits',
    help: 'With --for: min share of the time in which the server could be read',
    default: describeDefault('availability_ratio'),
  },
} as const satisfies Flags;

export const usage = {
  name: 'check',
  summary: 'Check the health of the server: exit 0 or 1',
  arguments: [{shown: '[url]'}],
  flags: {
    ...limitFlags,
    for: {type: 'string', value: 'TIME', help: 'Watch for this long, then report', default: 'one snapshot'},
    every: {
      type: 'string',
      value: 'TIME',
      help: 'With --for or --metrics: time between snapshots, 0.5s to 60s',
      default: writeDuration(watchDefaults.every_ms),
    },
    sustain: {
      type: 'string',
      value: 'TIME',
      help: 'With --for: stop as soon as a limit stays critical this long',
      default: writeDuration(watchDefaults.sustain_ms),
    },
    baseline: {type: 'string', value: 'FILE', help: 'Compare with an earlier snapshot or recording'},
    slower: {
      type: 'string',
      value: 'TIMES',
      help: 'With --baseline: report statements that are this many times slower',
      default: String(thresholds.slower_times.warning),
    },
    ...ratesFlag,
    ...poolerFlag,
    ...recipesFlag,
    ...jsonFlag,
    markdown: {type: 'boolean', help: 'Print Markdown, for an issue or pull request'},
    nagios: {type: 'boolean', help: "Print a Nagios plugin's line, and use its exit codes"},
    junit: {
      type: 'string',
      value: 'FILE',
      help: 'Also write JUnit XML; - prints it instead of the report',
    },
    metrics: {
      type: 'string',
      value: 'ADDRESS',
      help: 'Serve OpenMetrics until Ctrl-C, at :9187 (on 127.0.0.1) or HOST:PORT',
    },
    ...serverFlags,
  },
  details: [
    'Exit 0 if there is no finding and no limit is crossed, else 1. A limit with two values (80%,90%) has a warning and a critical value; a single value is critical. SHARE is 80% or 0.8.',
    'The hit ratios have no default limit on a server that has read few blocks. Mean times cover the time since the last reset of the statistics; with --rates or --for, since the first snapshot.',
    'With --for, poolctl compares the 95th percentile of each metric with its limits. One critical value of slots or transactions is enough for a warning.',
    'With --nagios: exit 0 ok, 1 warning, 2 critical or no connection, 3 unknown.',
  ],
} as const satisfies Usage;
