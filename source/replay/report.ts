import {counted, formatBytes, formatCount, formatMs} from '../core/text/format.ts';
import {codeBlock, inlineCode, tableCode} from '../core/text/markdown.ts';
import {sanitise} from '../core/text/sanitise.ts';
import type {ReplayDocument, ReplayFailure, ReplayResult, ReplayStatement} from '../model/replay-report.ts';
import {sweepCharts} from './sweep-charts.ts';

/** The report for a terminal: result table, statements of each variant's request, failures, charts, recommendation, notes. */
export function reportText(document: ReplayDocument, columns: number): string {
  const {results, recommendation, notes} = document;
  return [
    `${document.endpoint}  (${document.file})`,
    `on ${document.target}, seed ${document.seed}; ${document.prisma.semantics}`,
    ...(document.is_complete ? [] : [`partial: ${partial}`]),
    ...(results.length > 0 ? ['', ...resultTable(results)] : []),
    ...variantsOf(results).flatMap(result => ['', ...requestLines(result, document.file, columns)]),
    ...charts(document, columns),
    ...(recommendation === null ? [] : ['', `recommended: ${recommendation.reason}`]),
    ...(notes.length > 0 ? ['', ...notes.map(note => `note: ${note}`)] : []),
  ]
    .map(sanitise)
    .join('\n');
}

/** The report for an issue or a pull request: variants side by side, a table per connection_limit and concurrency. */
export function reportMarkdown(document: ReplayDocument): string {
  const {results, recommendation, notes} = document;
  const charts = sweepCharts(document, 100);
  const failures = results.flatMap(({failures}) => failures);
  return [
    `## ${inlineCode(document.endpoint)}`,
    '',
    `Replayed on ${inlineCode(document.target)}, seed ${document.seed}; ${document.prisma.semantics}.`,
    ...(document.is_complete ? [] : ['', `**Partial:** ${partial}`]),
    ...groupBySettings(results).flatMap(group => ['', ...comparison(group)]),
    ...(charts.length > 0 ? ['', ...codeBlock(charts.slice(0, -1).join('\n'))] : []),
    ...(recommendation === null ? [] : ['', `**Recommended:** ${inlineCode(recommendation.reason)}`]),
    ...(notes.length + failures.length > 0 ? [''] : []),
    ...failures.map(failure => `- ${inlineCode(failureText(failure, document.file))}`),
    ...notes.map(note => `- ${inlineCode(note)}`),
  ].join('\n');
}

const partial = 'not everything was measured; the notes say why';

function charts(document: ReplayDocument, columns: number): string[] {
  const lines = sweepCharts(document, columns);
  return lines.length === 0 ? [] : ['', ...lines.slice(0, -1)];
}

const heads = ['variant', 'limit', 'users', 'req/s', 'queries', 'conns', 'p50', 'p95', 'p99', 'max'];

const splitHeads = ['waiting p50', 'p95', 'executing p50', 'p95', 'errors'];

function resultTable(results: readonly ReplayResult[]): string[] {
  const hasInstances = results.some(({instances}) => instances > 1);
  return alignColumns(
    [
      [...(hasInstances ? ['instances'] : []), ...heads, ...splitHeads],
      ...results.map(result => [...(hasInstances ? [String(result.instances)] : []), ...resultRow(result)]),
    ],
    {left: hasInstances ? 1 : 0},
  );
}

function resultRow(result: ReplayResult): string[] {
  const {latency_ms, wait_ms, execute_ms} = result;
  return [
    `${result.variant}${result.is_simulated ? ' (simulated)' : ''}`,
    String(result.connection_limit),
    String(result.concurrency),
    formatCount(result.requests_per_second),
    formatPerRequest(result.queries_per_request),
    String(result.peak_connections ?? '-'),
    ...[latency_ms.p50, latency_ms.p95, latency_ms.p99, latency_ms.max].map(formatMs),
    ...[wait_ms.p50, wait_ms.p95, execute_ms.p50, execute_ms.p95].map(formatMs),
    errorText(result),
  ];
}

/** `12 pool timeout, 3 too many connections, 1 other`. */
function errorText({errors}: Pick<ReplayResult, 'errors'>): string {
  const kinds = [
    [errors.pool_timeout, 'pool timeout'],
    [errors.too_many_connections, 'too many connections'],
    [errors.other, 'other'],
  ] as const;
  const parts = kinds.filter(([count]) => count > 0).map(([count, word]) => `${formatCount(count)} ${word}`);
  return parts.length === 0 ? '0' : parts.join(', ');
}

function formatPerRequest(count: number): string {
  return count < 1000 ? String(Math.round(count * 10) / 10) : formatCount(count);
}

/** Each variant's result with the most requests, whose statements are shown. */
function variantsOf(results: readonly ReplayResult[]): ReplayResult[] {
  const byVariant = new Map<string, ReplayResult>();
  for (const result of results) {
    if (result.is_simulated) continue;
    const known = byVariant.get(result.variant);
    if (known === undefined || result.requests > known.requests) byVariant.set(result.variant, result);
  }
  return [...byVariant.values()];
}

function requestLines(result: ReplayResult, file: string, columns: number): string[] {
  const {queries_per_request, rows_per_request, bytes_per_request} = result;
  const queries = queries_per_request === 1 ? '1 query' : `${formatPerRequest(queries_per_request)} queries`;
  const rows = rows_per_request === 1 ? '1 row' : `${formatCount(rows_per_request)} rows`;
  const connections = counted(result.peak_in_use, 'connection');
  return [
    `${result.variant}: ${queries}, ${rows}, ${formatBytes(bytes_per_request)} per request; ${connections} in use concurrently`,
    ...costLine(result),
    ...statementLines(result.statements.slice(0, maxStatements), columns),
    ...more(result.statement_count - maxStatements, 'statement'),
    ...result.failures.slice(0, maxFailures).map(failure => `  ${failureText(failure, file)}`),
    ...more(result.failures.length - maxFailures, 'kind of failure', 'kinds of failures'),
  ];
}

const maxStatements = 12;
const maxFailures = 8;

function more(count: number, one: string, several = `${one}s`): string[] {
  return count <= 0 ? [] : [`  ... and ${formatCount(count)} more ${count === 1 ? one : several}`];
}

/** What a query waits and runs, and what poolctl itself costs. */
function costLine({
  mean_query_wait_ms,
  mean_query_execute_ms,
  harness_cores,
  harness_cpu_ms_per_query,
}: ReplayResult): string[] {
  if (mean_query_wait_ms === null || harness_cores === null) return [];
  return [
    `  mean per query: ${formatMs(mean_query_wait_ms)} waiting, ${formatMs(mean_query_execute_ms)} executing; poolctl with the endpoint took ${harness_cores.toFixed(2)} cores, ${formatMs(harness_cpu_ms_per_query)} per query`,
  ];
}

function statementLines(statements: readonly ReplayStatement[], columns: number): string[] {
  const rows = statements.map(each => [
    `  ${formatPerRequest(each.calls_per_request)}x`,
    each.is_n_plus_one ? 'N+1' : '',
    each.line === null ? '' : `line ${each.line}`,
    formatMs(each.mean_execute_ms),
    each.query.replace(/\s+/g, ' ').trim(),
  ]);
  return alignColumns(rows, {left: 4}).map(line => cut(line, Math.max(72, columns)));
}

/** `students.sql:9: relation "nope" does not exist (42P01), 12 times`. */
function failureText({kind, sqlstate, line, message, count}: ReplayFailure, file: string): string {
  const code = sqlstate === null ? '' : ` (${sqlstate})`;
  const times = count === 1 ? '' : `, ${count} times`;
  const what = kind === 'leak' ? 'leak' : 'failed';
  return `${what}: ${file}${line === null ? '' : `:${line}`}: ${message.split('\n')[0]}${code}${times}`;
}

function cut(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, columns - 1)}…`;
}

/** Pads columns to their widest cell. Aligns right, except column `left` and the last one. */
function alignColumns(rows: readonly (readonly string[])[], {left}: {left: number}): string[] {
  const count = Math.max(0, ...rows.map(row => row.length));
  const widths = Array.from({length: count}, (_, column) =>
    Math.max(...rows.map(row => row[column]?.length ?? 0)),
  );
  return rows.map(row =>
    row
      .map((cell, column) => {
        const isLeft = column === left || column === count - 1;
        return isLeft ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
      })
      .join('  ')
      .trimEnd(),
  );
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
