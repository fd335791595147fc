import {
  type Flags,
  jsonFlag,
  logFlag,
  ratesFlag,
  recipesFlag,
  serverFlags,
  type Usage,
} from '../../cli/call/usage.ts';
import {type MetricName, metricOf} from '../../core/health/metrics.ts';
import {describeDefault, thresholds, watchDefaults} from '../../core/health/thresholds.ts';
import {writeDuration} from '../../core/text/time.ts';

/** The limits of `check`, each named as `limit_name` of its metric. */
const limitFlags = {
  maxUsed: limit('used_ratio', 'SHARE', 'Max share of connection slots in use'),
  maxAverageUsed: limit(
    'average_used_ratio',
    'SHARE',
    'With --for: max average share of connection slots in use',
  ),
  maxIdleInTransaction: limit(
    'longest_idle_in_transaction_ms',
    'TIME',
    'Max time a session is idle in transaction',
  ),
  maxTransaction: limit('longest_transaction_ms', 'TIME', 'Max age of a transaction'),
  maxBlocked: limit('blocked_sessions', 'N', 'Max sessions waiting for a lock'),
  maxPoolWait: limit(
    'pool_wait_ms',
    'TIME',
    "Max time requests wait for a connection of their application's pool",
  ),
  maxMean: limit('slowest_mean_exec_time_ms', 'TIME', 'Max mean execution time of a statement'),
  minCacheHit: limit('cache_hit_ratio', 'SHARE', 'Min cache hit ratio of the database'),
  minIndexHit: limit('index_hit_ratio', 'SHARE', "Min cache hit ratio of the database's indexes"),
  maxInvalidIndexes: limit('invalid_indexes', 'N', 'Max invalid indexes'),
  maxStaleTables: limit('stale_tables', 'N', 'Max tables with stale statistics'),
  maxEvictions: limit(
    'statement_evictions_per_minute',
    'N',
    'Max evictions from pg_stat_statements per minute',
  ),
  maxN1: limit('n_plus_one_suspects', 'N', 'Max statements that look like N+1 queries'),
  maxFatalSessions: limit(
    'fatal_sessions_per_minute',
    'N',
    'Max sessions ended by errors or timeouts per minute',
  ),
  maxRefused: limit(
    'refused_connections_per_minute',
    'N',
    'With --for: max connections of poolctl refused (SQLSTATE 53300) per minute',
  ),
  maxPoolerWaiting: limit(
    'pooler_waiting_clients',
    'N',
    'With a known PgBouncer (--pooler): max clients waiting in it',
  ),
  maxPoolerWait: limit(
    'pooler_max_wait_ms',
    'TIME',
    'With a known PgBouncer (--pooler): max time a client has waited in it',
  ),
  minAvailability: {
    ...limit(
      'availability_ratio',
      'SHARE',
      'With --for: min share of the time in which the server could be read',
    ),
    formerName: 'minSeen',
  },
} as const satisfies Flags;

function limit(metric: MetricName, value: 'SHARE' | 'TIME' | 'N', help: string) {
  const shown = metricOf(metric).judged_by_findings ? 'none; findings report it' : describeDefault(metric);
  return {type: 'string', value, group: 'Limits', help, default: shown} as const;
}

export const usage = {
  name: 'check',
  summary: 'Check the health of the server: exit 0 or 1',
  arguments: [{shown: '[url]'}],
  flags: {
    ...limitFlags,
    for: {type: 'string', value: 'TIME', help: 'Watch for this long, then report', default: 'two seconds'},
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
    application: {
      type: 'string',
      value: 'NAME',
      help: 'Apply limits of slots, transactions and lock waits to this application, or role:NAME',
    },
    against: {
      type: 'string',
      value: 'NAME',
      help: 'With --application and --for or --metrics: compare that application with NAME, such as a canary with the stable version',
    },
    slower: {
      type: 'string',
      value: 'TIMES',
      help: 'With --baseline: report statements that are this many times slower',
      default: String(thresholds.slower_times.warning),
    },
    ...ratesFlag,
    ...recipesFlag,
    ...jsonFlag,
    failOn: {
      type: 'string',
      value: 'LEVEL',
      help: 'Exit 1 from this level on: warning or critical',
      default: 'warning',
    },
    ignore: {
      type: 'string',
      value: 'RECIPE[:SUBJECT]',
      help: 'Findings to leave out, comma-separated',
    },
    markdown: {type: 'boolean', help: 'Print Markdown, for an issue or pull request'},
    nagios: {type: 'boolean', help: 'Print one line in Nagios plugin format, and use Nagios exit codes'},
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
    ...logFlag,
    ...serverFlags,
  },
  details: [
    'Exit 0 if there is no finding and no limit is crossed, else 1. Without --for poolctl reads the server three times in two seconds. --ignore takes a recipe, or a recipe and a subject as --json has it: kill-idle-sessions:application:web/role:app. A limit with two values (80%,90%) has a warning and a critical value; a single value is critical. SHARE is 80% or 0.8. A limit that you give also applies to findings about that metric: those within it are listed under "also" and do not fail the check.',
    'Exit 5 if a limit that you give cannot be measured: the role lacks a privilege, the version is too old, or the server is idle. Mean times leave out utility and maintenance statements, pg_sleep and waits for advisory locks. They cover the time since the last reset of the statistics; with --rates or --for, since the first snapshot.',
    'With --for, poolctl compares the 95th percentile of each metric with its limits. For slots and transactions, a single snapshot that crosses a critical limit is reported as a warning.',
    'With --application, --max-used, --max-average-used, --max-idle-in-transaction, --max-transaction and --max-blocked are limits of its sessions alone; exit 5 if none of them was seen. PostgreSQL does not count statements, errors and rollbacks by application.',
    'With --nagios: exit 0 ok, 1 warning, 2 critical or no connection, 3 unknown.',
  ],
} as const satisfies Usage;
