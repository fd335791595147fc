import {formatCount, formatMs} from '../../core/format.ts';
import type {ReplayDocument, ReplayResult} from '../../core/replay.ts';
import {hasEnded, type ReplayPage, recommended} from '../replay-state.ts';
import {blankLine, type Line, line, type Span, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import {drawChart} from './chart.ts';
import {heading, paragraph, signed} from './text-lines.ts';

const chartRows = 8;

/** A replay while it runs, and what came of it: what is under way, the chart, the results, what follows from them. */
export function replayLines(page: ReplayPage, width: number, theme: Theme): Line[] {
  const {rates, document, error} = page;
  const results = document?.results ?? page.results;
  const chart = {title: 'requests/s', values: rates, role: 'accent' as const};
  return [
    ...headLines(page, width, theme),
    blankLine,
    ...drawChart(chart, width - 2, chartRows, theme).map(({spans}) => ({spans: [span('  '), ...spans]})),
    ...(results.length === 0 ? [] : [blankLine, ...resultLines(results)]),
    ...(error === null
      ? []
      : [blankLine, ...signed(theme.symbols.critical, 'danger', error, width, 'danger')]),
    ...(document === null ? [] : endLines(document, width, theme)),
  ];
}

/** The keys that lead on and back. */
export function replayKeys(page: ReplayPage): Span[] {
  const keys: [string, string][] = hasEnded(page)
    ? [
        ['Enter', recommended(page) === null ? 'close' : 'tune-connection-limit with it'],
        ['Esc', 'back'],
      ]
    : [['Esc', 'end it with what was measured']];
  return keys.flatMap(([key, label]) => [span(`  ${key}`, 'key'), span(` ${label}`)]);
}

function headLines(page: ReplayPage, width: number, {symbols}: Theme): Line[] {
  const {cell, progress, isStopping, document} = page;
  if (document !== null)
    return paragraph(`${document.endpoint}: ${document.prisma.semantics}`, width, 'strong');
  if (page.error !== null) return paragraph('nothing was measured', width, 'strong');
  const at =
    cell === null
      ? page.stage
      : `${cell.index + 1}/${cell.of} ${cell.variant}, connection_limit ${cell.connection_limit}, ${cell.concurrency} users`;
  const counted =
    progress === null ? '' : `: ${formatCount(progress.requests)} requests${errorsOf(progress.failed)}`;
  return [
    ...signed(symbols.live, 'accent', `${at}${counted}`, width, 'strong'),
    ...(isStopping
      ? signed(symbols.warning, 'warning', 'ending with what was measured', width, 'warning')
      : []),
  ];
}

function errorsOf(count: number): string {
  return count === 0 ? '' : `, ${formatCount(count)} errors`;
}

const columns: [head: string, width: number, read: (result: ReplayResult) => string][] = [
  ['limit', 6, ({connection_limit}) => String(connection_limit)],
  ['users', 6, ({concurrency}) => String(concurrency)],
  ['req/s', 8, ({requests_per_second}) => formatCount(requests_per_second)],
  ['queries', 9, ({queries_per_request}) => formatCount(queries_per_request)],
  ['conns', 7, ({peak_connections}) => String(peak_connections ?? '-')],
  ['p95', 9, ({latency_ms}) => formatMs(latency_ms.p95)],
  ['waiting', 9, ({wait_ms}) => formatMs(wait_ms.p95)],
  ['errors', 8, ({errors}) => String(errors.pool_timeout + errors.too_many_connections + errors.other)],
];

function resultLines(results: readonly ReplayResult[]): Line[] {
  const name = Math.max(8, ...results.map(({variant}) => variant.length + 1));
  return [
    line(
      span(
        `  ${'variant'.padEnd(name)}${columns.map(([head, width]) => head.padStart(width)).join('')}`,
        'muted',
      ),
    ),
    ...results.map(result =>
      line(
        `  ${result.variant.padEnd(name)}${columns.map(([, width, read]) => read(result).padStart(width)).join('')}`,
      ),
    ),
  ];
}

function endLines(
  {recommendation, notes, results, is_complete}: ReplayDocument,
  width: number,
  theme: Theme,
): Line[] {
  const failures = results.flatMap(({variant, failures: own}) =>
    own.map(
      ({line: at, message, count}) => `${variant}${at === null ? '' : `, line ${at}`}: ${message} (${count})`,
    ),
  );
  return [
    ...(is_complete ? [] : [blankLine, ...paragraph('not all was measured', width, 'warning')]),
    ...(recommendation === null
      ? []
      : [blankLine, heading('recommended'), ...paragraph(recommendation.reason, width, 'good')]),
    ...[...new Set([...failures, ...notes])].flatMap(text =>
      signed(theme.symbols.bullet, 'muted', text, width, 'plain'),
    ),
  ];
}
