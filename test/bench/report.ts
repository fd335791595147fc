import {type Measurement, median} from './measurement.ts';

export type Facts = {label: string; text: string}[];

export type Report = {
  facts: Facts;
  /** Name and version; null if it is not installed. */
  programs: {name: string; version: string | null}[];
  measurements: Measurement[];
};

/** poolctl, to which the others are compared. */
const own = 'poolctl';
const floor = 'node';

/** Medians with their spread, the number of samples, poolctl's ratio to each peer, and failures by name. */
export function toMarkdown({facts, programs, measurements}: Report): string {
  const present = programs.filter(({version}) => version !== null).map(({name}) => name);
  const peers = present.filter(name => name !== own);
  const columns = [...present, floor];
  const ratios = present.includes(own) ? peers : [];
  return [
    ...facts.map(({label, text}) => `- ${label}: ${text}`),
    ...programs.map(({name, version}) => `- ${name}: ${version ?? 'absent, not measured'}`),
    '',
    'Median (min - max, number of samples).',
    '',
    tableRow(['', 'unit', ...columns, ...ratios.map(peer => `${own} / ${peer}`)]),
    tableRow(['', '', ...columns, ...ratios].map((_, index) => (index < 2 ? '---' : '---:'))),
    ...rowsOf(measurements).map(cells => row(cells, columns, ratios)),
    ...failureLines(measurements),
  ].join('\n');
}

type Row = Map<string, Measurement>;

function rowsOf(measurements: Measurement[]): Row[] {
  const rows = new Map<string, Row>();
  for (const measurement of measurements) {
    const id = `${measurement.figure}, ${measurement.condition}`;
    const cells = rows.get(id) ?? new Map();
    rows.set(id, cells.set(measurement.program, measurement));
  }
  return [...rows.values()];
}

function row(cells: Row, columns: string[], ratios: string[]): string {
  const [first] = cells.values();
  if (!first) throw new Error('a row without a cell');
  const ratio = (peer: string) => {
    const [ours, theirs] = [own, peer].map(name => median(cells.get(name)?.samples ?? []));
    return ours == null || theirs == null || theirs === 0 ? '-' : (ours / theirs).toFixed(2);
  };
  return tableRow([
    `${first.figure}, ${first.condition}`,
    first.unit,
    ...columns.map(name => cell(cells.get(name))),
    ...ratios.map(ratio),
  ]);
}

function cell(measurement: Measurement | undefined): string {
  if (!measurement) return '';
  const {samples, failures} = measurement;
  const middle = median(samples);
  const failed = failures.length > 0 ? [`${failures.length} failed`] : [];
  if (middle === null) return failed.join('');
  const spread = `${number(Math.min(...samples))} - ${number(Math.max(...samples))}, ${samples.length}`;
  const value = samples.length === 1 ? number(middle) : `${number(middle)} (${spread})`;
  return [value, ...failed].join(', ');
}

function failureLines(measurements: Measurement[]): string[] {
  const lines = measurements.flatMap(({program, figure, condition, failures}) =>
    [...new Set(failures)].map(failure => {
      const times = failures.filter(other => other === failure).length;
      return `- ${program}, ${figure}, ${condition}: ${failure} (${times} times)`;
    }),
  );
  return lines.length > 0 ? ['', 'Failures:', '', ...lines] : [];
}

function tableRow(cells: string[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** Three significant digits: a benchmark on a shared machine is no more precise. */
function number(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en', {maximumFractionDigits: 3});
}
