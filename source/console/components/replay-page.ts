import {formatAge, formatCount, formatMs} from '../../core/text/format.ts';
import type {ReplayDocument, ReplayResult} from '../../model/replay-report.ts';
import {blankLine, type Line, line, type Span, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import {hasEnded, type ReplayPage, recommended} from '../state/run.ts';
import {drawChart} from './chart.ts';
import {heading, paragraph, signed} from './text-lines.ts';

const chartRows = 8;

/** During a replay: the current measurement, the chart and the results so far. At the end the recommendation comes first. */
export function replayLines(page: ReplayPage, width: number, theme: Theme): Line[] {
  const {document, error, results} = page;
  const head = headLines(page, width, theme);
  if (document !== null) return [...head, ...endLines(document, width, theme)];
  if (error !== null)
    return [...head, blankLine, ...signed(theme.symbols.critical, 'danger', error, width, 'danger')];
  return [...head, blankLine, ...rateChart(page, width, theme), ...resultLines(results, width, theme)];
}

function rateChart({rates}: ReplayPage, width: number, theme: Theme): Line[] {
  const chart = {title: 'requests/s', values: rates, role: 'accent' as const};
  return drawChart(chart, width - 2, chartRows, theme).map(({spans}) => ({spans: [span('  '), ...spans]}));
}

/** The keys of this page. */
export function replayKeys(page: ReplayPage): Span[] {
  const keys: [string, string][] = hasEnded(page)
    ? [
        ['Enter', recommended(page) === null ? 'close' : 'open tune-connection-limit with this value'],
        ['Esc', 'back'],
      ]
    : [['Esc', 'stop and show the results so far']];
  return keys.flatMap(([key, label]) => [span(`  ${key}`, 'key'), span(` ${label}`)]);
}

function headLines(page: ReplayPage, width: number, {symbols}: Theme): Line[] {
  const {benchmark, progress, isStopping, document} = page;
  if (document !== null)
    return paragraph(`${document.endpoint}: ${document.prisma.semantics}`, width, 'strong');
  if (page.error !== null) return paragraph('nothing was measured', width, 'strong');
  const at =
    benchmark === null
      ? page.stage
      : `${benchmark.index + 1}/${benchmark.of} ${benchmark.variant}, connection_limit ${benchmark.connection_limit}, ${benchmark.concurrency} users`;
  return [
    ...signed(
      symbols.live,
      'accent',
      benchmark === null ? at : `${at}: ${progressText(progress)}`,
      width,
      'strong',
    ),
    ...(isStopping
      ? signed(symbols.warning, 'warning', 'stopping, the results so far are kept', width, 'warning')
      : []),
  ];
}

/** Slow requests leave the count at 0 for long: the elapsed time shows that the replay is going on. */
function progressText(progress: ReplayPage['progress']): string {
  if (progress === null || progress.elapsed_ms === 0) return 'warming up';
  const {requests, failed, elapsed_ms} = progress;
  return `${formatCount(requests)} requests${errorsOf(failed)} in ${formatAge(Math.max(1000, elapsed_ms))}`;
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

/** Where there is room, a bar beside each result shows where throughput stops growing. */
const leastBar = 10;

function resultLines(
  results: readonly ReplayResult[],
  width: number,
  theme: Theme,
  recommendation: ReplayDocument['recommendation'] = null,
): Line[] {
  if (results.length === 0) return [];
  const name = Math.max(8, ...results.map(({variant}) => variant.length + 1));
  const head = `  ${'variant'.padEnd(name)}${columns.map(([title, own]) => title.padStart(own)).join('')}`;
  const room = width - head.length - 4;
  const fastest = Math.max(...results.map(({requests_per_second}) => requests_per_second));
  const bar = ({requests_per_second}: ReplayResult) =>
    room < leastBar || fastest === 0
      ? ''
      : theme.symbols.full.repeat(Math.round((room * requests_per_second) / fastest));
  return [
    blankLine,
    line(span(head, 'muted')),
    ...results.map(result =>
      line(
        span(
          `  ${result.variant.padEnd(name)}${columns.map(([, own, read]) => read(result).padStart(own)).join('')}`,
          isOf(recommendation, result) ? 'good' : 'plain',
        ),
        span(`  ${bar(result)}`, 'accent'),
      ),
    ),
  ];
}

function isOf(recommendation: ReplayDocument['recommendation'], result: ReplayResult): boolean {
  return (
    recommendation?.variant === result.variant &&
    recommendation.connection_limit === result.connection_limit &&
    recommendation.concurrency === result.concurrency
  );
}

function endLines(document: ReplayDocument, width: number, theme: Theme): Line[] {
  const {recommendation, notes, results, is_complete} = document;
  const failures = results.flatMap(({variant, failures: own}) =>
    own.map(
      ({line: at, message, count}) => `${variant}${at === null ? '' : `, line ${at}`}: ${message} (${count})`,
    ),
  );
  const remarks = [...new Set([...failures, ...notes])];
  return [
    ...(is_complete ? [] : paragraph('stopped before everything was measured', width, 'warning')),
    blankLine,
    ...(recommendation === null
      ? paragraph(whyNoneRecommended(results), width)
      : [heading('recommended'), ...paragraph(recommendation.reason, width, 'good')]),
    ...resultLines(results, width, theme, recommendation),
    ...(remarks.length === 0 ? [] : [blankLine]),
    ...remarks.flatMap(text => signed(theme.symbols.bullet, 'muted', text, width, 'plain')),
  ];
}

/** The same rule as the sweep's. */
function whyNoneRecommended(results: readonly ReplayResult[]): string {
  const last = results.at(-1);
  if (last === undefined) return 'no limit is recommended: nothing was measured';
  const measured = new Set(
    results.filter(({variant}) => variant === last.variant).map(each => each.connection_limit),
  ).size;
  return measured < 3
    ? `no limit is recommended: that takes three of them measured, of ${last.variant} there ${measured === 1 ? 'is one' : 'are two'}`
    : 'no limit is recommended: no request succeeded at any of them';
}
