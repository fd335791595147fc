import {sessionId} from '../../core/sessions/session.ts';
import {formatAge, formatBytes, formatCount, formatMs, formatRatio} from '../../core/text/format.ts';
import type {Backend, Statement} from '../../model/snapshot.ts';
import {blankLine, type Line, line, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import {statementId} from '../state/reading.ts';
import type {ConsoleState} from '../state/state.ts';
import {drawChart} from './chart.ts';
import {facts, heading, paragraph} from './text-lines.ts';

/** Everything known about one session. The page stays open when the session ends, and says so. */
export function sessionDetailLines(
  state: ConsoleState,
  overlay: {id: string; detail: string[] | null},
  width: number,
): Line[] {
  const backend = state.snapshot?.backends.find(candidate => sessionId(candidate) === overlay.id);
  if (!backend) return [heading('session'), {spans: [span('  this session has ended', 'warning')]}];
  const blocks = (state.snapshot?.backends ?? [])
    .filter(other => other.blocked_by.includes(backend.pid))
    .map(({pid}) => pid);
  return [
    heading(`session ${backend.pid}`),
    ...facts(sessionFacts(backend, blocks), width),
    blankLine,
    heading(backend.state === 'active' ? 'statement' : 'last statement'),
    ...textOf(overlay.detail ?? [backend.query ?? '(hidden from this role: GRANT pg_monitor)'], width),
  ];
}

function sessionFacts(backend: Backend, blocks: number[]): [string, string][] {
  return [
    [
      'state',
      `${backend.state ?? 'hidden'} for ${formatAge(backend.state === 'active' ? backend.query_age_ms : backend.state_age_ms)}`,
    ],
    [
      'transaction',
      backend.xact_age_ms === null
        ? 'none'
        : `open for ${formatAge(backend.xact_age_ms)}${backend.xmin_age === null ? '' : `, holds back vacuum by ${formatCount(backend.xmin_age)} transactions`}`,
    ],
    [
      'connected',
      `${formatAge(backend.backend_age_ms)} ago, as ${backend.usename ?? '?'}${backend.is_superuser ? ' (superuser)' : ''} to ${backend.datname ?? '?'}`,
    ],
    ['application', backend.application_name || '(no name)'],
    [
      'client',
      backend.client_addr === null
        ? 'local or hidden'
        : `${backend.client_addr}:${backend.client_port ?? '?'}`,
    ],
    [
      'waits for',
      backend.wait_event === null ? 'nothing' : `${backend.wait_event_type}: ${backend.wait_event}`,
    ],
    ['blocked by', backend.blocked_by.length === 0 ? 'none' : [...new Set(backend.blocked_by)].join(', ')],
    ['blocks', blocks.length === 0 ? 'none' : blocks.join(', ')],
    ...Object.entries(backend.tags).map(([key, value]): [string, string] => [key, value]),
  ];
}

/** One statement: its cost, the trend since the console started, and its plan once requested. */
export function statementDetailLines(
  state: ConsoleState,
  overlay: {id: string; text: string[] | null; explain: string[] | null},
  width: number,
  theme: Theme,
): Line[] {
  const statement = state.snapshot?.statements.find(candidate => statementId(candidate) === overlay.id);
  if (!statement) {
    return [
      heading('statement'),
      {spans: [span('  this statement is no longer among the costliest', 'warning')]},
    ];
  }
  const trend = state.trends[overlay.id] ?? [];
  return [
    heading(`statement ${statement.queryid}`),
    // The plan comes first: the user asked for it.
    ...(overlay.explain === null ? [] : [heading('plan'), ...textOf(overlay.explain, width), blankLine]),
    ...facts(statementFacts(statement), width),
    blankLine,
    ...drawChart(
      {title: '  execution ms per second since start', values: trend, role: 'accent'},
      Math.min(width, 90),
      7,
      theme,
    ),
    blankLine,
    heading('text'),
    ...textOf(overlay.text ?? [statement.query ?? '(its text has not been read yet)'], width),
    ...(overlay.explain === null
      ? [
          blankLine,
          line(span('  x', 'key'), span(' shows the plan without executing the statement', 'muted')),
        ]
      : []),
  ];
}

function statementFacts(s: Statement): [string, string][] {
  const {rates} = s;
  const hits = s.shared_blks_hit + s.shared_blks_read;
  return [
    ['now', ratesText(rates)],
    [
      'since reset',
      `${formatCount(s.calls)} ${s.calls === 1 ? 'call' : 'calls'}, ${formatMs(s.total_exec_time_ms)} in total, mean ${formatMs(s.mean_exec_time_ms)} ± ${formatMs(s.stddev_exec_time_ms)}, ${formatMs(s.min_exec_time_ms)} to ${formatMs(s.max_exec_time_ms)}`,
    ],
    ['rows', `${formatCount(s.rows)}, ${formatCount(s.calls === 0 ? null : s.rows / s.calls)} per call`],
    [
      'blocks',
      `${formatCount(s.shared_blks_hit)} hit, ${formatCount(s.shared_blks_read)} read (${formatRatio(hits === 0 ? null : s.shared_blks_hit / hits)} hit), ${formatCount(s.temp_blks_written)} temp written`,
    ],
    ['WAL', formatBytes(s.wal_bytes)],
    ['as', `${s.usename ?? s.userid} in ${s.datname ?? s.dbid}`],
  ];
}

function ratesText(rates: Statement['rates']): string {
  if (!rates) return 'known from the second snapshot on';
  if (rates.calls_per_second === 0) return '0 calls/s, idle';
  return `${formatCount(rates.calls_per_second)} calls/s, ${formatRatio(rates.exec_share_ratio)} of all execution time, mean ${formatMs(rates.mean_exec_time_ms)} ± ${formatMs(rates.stddev_exec_time_ms)}`;
}

type Wrapped = {width: number; lines: Line[]};

/** Wrapped lines by text: wrapping a megabyte at every frame would be slow. */
const wrapped = new WeakMap<string[], Wrapped>();

function textOf(parts: string[], width: number): Line[] {
  const known = wrapped.get(parts);
  if (known?.width === width) return known.lines;
  const lines = parts.flatMap(part => paragraph(part, width));
  wrapped.set(parts, {width, lines});
  return lines;
}
