import asciichart from 'asciichart';
import {formatCount} from '../../core/text/format.ts';
import {fitText, type Line, padLines, type Role, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';

const axisWidth = 6;

/** A titled line chart of exactly `height` lines, newest value at the right. */
export function drawChart(
  chart: {title: string; values: number[]; role: Role; max?: number},
  width: number,
  height: number,
  theme: Theme,
): Line[] {
  const values = chart.values.filter(Number.isFinite).slice(-Math.max(2, width - axisWidth - 2));
  const latest = values.at(-1);
  const title: Line = {
    spans: [
      span(chart.title, 'muted'),
      span(latest === undefined ? '' : ` ${formatCount(latest)}`, 'strong'),
    ],
  };
  const plotted = values.length === 0 ? [] : plot(values, height - 1, chart.max ?? 0, theme);
  const lines = [title, ...plotted.map((text): Line => ({spans: [span(fitText(text, width), chart.role)]}))];
  return padLines(lines, height);
}

function plot(values: number[], height: number, max: number, theme: Theme): string[] {
  if (height < 2) return [];
  const top = Math.max(...values, max, 1);
  // asciichart draws one line more than its height, and throws on an empty series or NaN: both kept out above.
  const text = asciichart.plot(values.length === 1 ? [...values, ...values] : values, {
    height: height - 1,
    min: 0,
    max: top,
    // The lowest label is what floating point leaves of 0, which may be less than that.
    format: value => formatCount(Math.max(0, value)).padStart(axisWidth - 2),
    ...(theme.charset === 'unicode' ? {} : {symbols: ['+', '|', '-', '-', '-', '`', '.', ',', "'", '|']}),
  });
  return text.split('\n');
}
