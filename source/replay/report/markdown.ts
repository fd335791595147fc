import {formatBytes, formatCount, formatMs} from '../../core/text/format.ts';
import {codeBlock, inlineCode, tableCode} from '../../core/text/markdown.ts';
import type {ReplayDocument, ReplayResult} from '../../model/replay-report.ts';
import {errorText, failureText, formatPerRequest, sweepCharts} from './text.ts';

/** The report for an issue or a pull request: variants side by side, a table per connection_limit and concurrency. */
export function reportMarkdown(document: ReplayDocument): string {
  const {results, recommendation, notes} = document;
  const charts = sweepCharts(document, 100);
  const failures = results.flatMap(({failures}) => failures);
  return [
    `## ${inlineCode(document.endpoint)}`,
    '',
    `Replayed on ${inlineCode(document.target)}, seed ${document.seed}; ${document.prisma.semantics}.`,
    ...groupBySettings(results).flatMap(group => ['', ...comparison(group)]),
    ...(charts.length > 0 ? ['', ...codeBlock(charts.slice(0, -1).join('\n'))] : []),
    ...(recommendation === null ? [] : ['', `**Recommended:** ${inlineCode(recommendation.reason)}`]),
    ...(notes.length + failures.length > 0 ? [''] : []),
    ...failures.map(failure => `- ${inlineCode(failureText(failure, document.file))}`),
    ...notes.map(note => `- ${inlineCode(note)}`),
  ].join('\n');
}

/** Groups results that differ only in the variant. */
function groupBySettings(results: readonly ReplayResult[]): ReplayResult[][] {
  const groups = new Map<string, ReplayResult[]>();
  for (const result of results) {
    const key = titleOf(result);
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return [...groups.values()];
}

function titleOf({
  connection_limit,
  concurrency,
  instances,
  rate_per_second,
  is_simulated,
}: ReplayResult): string {
  const users = rate_per_second === null ? `${concurrency} users` : `${rate_per_second} requests/s`;
  const spread = instances === 1 ? '' : `, ${instances} instances`;
  return `${users}, connection_limit ${connection_limit}${spread}${is_simulated ? ' (simulated)' : ''}`;
}

type Metric = {
  title: string;
  read(result: ReplayResult): number | null;
  write(value: number): string;
};

const metrics: Metric[] = [
  {title: 'Queries per request', read: each => each.queries_per_request, write: formatPerRequest},
  {title: 'Rows per request', read: each => each.rows_per_request, write: formatCount},
  {title: 'Bytes per request', read: each => each.bytes_per_request, write: formatBytes},
  {title: 'Connections at peak', read: each => each.peak_connections, write: String},
  {title: 'Requests per second', read: each => each.requests_per_second, write: formatCount},
  {title: 'Response time p50', read: each => each.latency_ms.p50, write: formatMs},
  {title: 'Response time p95', read: each => each.latency_ms.p95, write: formatMs},
  {title: 'Response time p99', read: each => each.latency_ms.p99, write: formatMs},
  {title: 'Waiting for a connection p95', read: each => each.wait_ms.p95, write: formatMs},
  {title: 'Executing p95', read: each => each.execute_ms.p95, write: formatMs},
];

function comparison(results: readonly ReplayResult[]): string[] {
  const [first] = results;
  if (first === undefined) return [];
  const isCompared = results.length > 1;
  const row = (cells: string[]) => `| ${cells.join(' | ')} |`;
  const head = [
    'Metric',
    ...results.map(({variant}) => tableCode(variant)),
    ...(isCompared ? ['Change'] : []),
  ];
  return [
    `### ${titleOf(first)}`,
    '',
    row(head),
    row(head.map((_, index) => (index === 0 ? '---' : '---:'))),
    ...metrics.map(metric =>
      row([
        metric.title,
        ...results.map(result => formatMetric(metric, result)),
        ...(isCompared ? [changeOf(metric, results)] : []),
      ]),
    ),
    row(['Errors', ...results.map(errorText), ...(isCompared ? [''] : [])]),
  ];
}

function formatMetric({read, write}: Metric, result: ReplayResult): string {
  const value = read(result);
  return value === null ? '-' : write(value);
}

/** Change from the first variant to the last: `-97%`, `+310%`. */
function changeOf({read}: Metric, results: readonly ReplayResult[]): string {
  const [before, after] = [results[0], results.at(-1)].map(result => (result ? read(result) : null));
  if (before === null || before === undefined || after === null || after === undefined || before === 0)
    return '';
  const percent = Math.round(((after - before) / before) * 100);
  return percent === 0 ? '0%' : `${percent > 0 ? '+' : ''}${percent}%`;
}
