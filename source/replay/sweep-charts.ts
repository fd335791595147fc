import asciichart from 'asciichart';
import {formatCount, formatMs} from '../core/text/format.ts';
import type {ReplayDocument, ReplayResult} from '../model/replay-report.ts';

const chartHeight = 8;

/** Most columns from one limit to the next, which widen a curve over few limits. */
const maxPerLimit = 6;

/** Charts requests/s and p95 over connection_limit at the highest concurrency, per variant with at least 3 limits. */
export function sweepCharts({results, recommendation}: ReplayDocument, columns: number): string[] {
  const most = Math.max(0, ...results.map(({concurrency}) => concurrency));
  const variants = [...new Set(results.map(({variant}) => variant))];
  return variants.flatMap(variant => {
    const line = results
      .filter(each => each.variant === variant && each.concurrency === most && !each.is_simulated)
      .sort((a, b) => a.connection_limit - b.connection_limit);
    if (line.length < 3) return [];
    const knee = recommendation?.variant === variant ? recommendation.connection_limit : null;
    return [
      `${variant}: requests/s over connection_limit, ${most} users`,
      ...chart(line, each => each.requests_per_second, formatCount, {columns, knee}),
      '',
      `${variant}: p95 over connection_limit, ${most} users`,
      ...chart(line, each => each.latency_ms.p95, formatMs, {columns, knee}),
      '',
    ];
  });
}

/** Width of the y axis's labels. */
const axisWidth = 8;

function chart(
  results: readonly ReplayResult[],
  read: (result: ReplayResult) => number,
  write: (value: number) => string,
  {columns, knee}: {columns: number; knee: number | null},
): string[] {
  const room = Math.max(results.length, Math.min(columns, 100) - axisWidth - 4);
  const perLimit = Math.max(1, Math.min(maxPerLimit, Math.floor(room / results.length)));
  const values = results.flatMap(result => Array<number>(perLimit).fill(read(result)));
  const plotted = asciichart.plot(values, {
    height: chartHeight,
    min: 0,
    max: Math.max(1e-3, ...values),
    format: value => write(value).padStart(axisWidth),
  });
  return [...plotted.split('\n'), axis(results, perLimit, knee)];
}

/** The x axis: the limits that fit, the recommended one in brackets. */
function axis(results: readonly ReplayResult[], perLimit: number, knee: number | null): string {
  let text = ' '.repeat(axisWidth + 2);
  const start = text.length;
  for (const [index, {connection_limit}] of results.entries()) {
    const label = connection_limit === knee ? `[${connection_limit}]` : String(connection_limit);
    const at = start + index * perLimit + Math.max(0, Math.floor((perLimit - label.length) / 2));
    const isKnee = connection_limit === knee;
    if (at < text.length + (index === 0 ? 0 : 1) && index > 0 && !isKnee) continue;
    text = isKnee ? `${text.slice(0, Math.max(start, at - 1)).padEnd(at)}${label}` : text.padEnd(at) + label;
  }
  return text;
}
