import {countOutcomes} from '../../core/engine/run-state.ts';
import {formatMs, formatRatio} from '../../core/text/format.ts';
import type {RunState, RunStep, StepProgress} from '../../model/run.ts';
import {indented, paragraph, shorten} from '../components/text-lines.ts';
import {blankLine, fitText, type Line, line, type Role, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import {isUnderWay} from '../state/run.ts';

const signWidth = 4;
/** The longest: `applied, not verified`. */
const outcomeWidth = 22;

/** A run in blocks: the slots, one block per step, and the end once it has ended. */
export function runBlocks(run: RunState, width: number, theme: Theme, isSweeping: boolean): Line[][] {
  return [
    [line(span('  slots  ', 'muted'), span(slotsText(run), 'strong')), blankLine],
    ...run.steps.map((step, index) => [
      stepLine(step, run, width, theme, isSweeping),
      ...resultLines(step, width),
      ...(step.progress && step.status === 'acting' ? progressLines(step.progress, width, theme) : []),
      ...(run.current === index && run.phase === 'pausing' ? [pausing] : []),
    ]),
    ...(run.phase === 'ended' ? [[blankLine, ...describeEnd(run, width)]] : []),
  ];
}

const leftoverText =
  'the invalid index is still there: remove it with repair-invalid-indexes, or undo the run (Journal, u)';

const pausing = line(
  span('      pausing to see whether the same client takes the freed slots again', 'muted'),
);

function stepLine(step: RunStep, run: RunState, width: number, theme: Theme, isSweeping: boolean): Line {
  const titleWidth = Math.max(10, width - signWidth - outcomeWidth);
  const {sign, role, text} = isLost(step, run)
    ? {sign: theme.symbols.warning, role: 'warning' as const, text: 'unknown, verify it'}
    : describeRunStep(step, theme, isSweeping);
  return line(
    span(`  ${sign} `, role),
    span(fitText(shorten(step.title, titleWidth, theme.symbols.ellipsis), titleWidth)),
    span(` ${text}`, role),
  );
}

/** The run has ended and the result of this step is unknown. */
function isLost(step: RunStep, run: RunState): boolean {
  return run.phase === 'ended' && isUnderWay(step);
}

function resultLines({result}: RunStep, width: number): Line[] {
  if (!result?.message || result.outcome === 'verified') return [];
  return indented(result.message, width, 6, 'muted');
}

const widestBar = 40;

/** `[#####....] 42%  building index: scanning table`, and the session it waits for. */
function progressLines({phase, done_ratio, waiting_for}: StepProgress, width: number, theme: Theme): Line[] {
  const cells = Math.min(widestBar, Math.max(10, width - 50));
  const filled = Math.round((done_ratio ?? 0) * cells);
  const {full, empty} = theme.symbols;
  const bar = [span(full.repeat(filled), 'accent'), span(empty.repeat(cells - filled), 'muted')];
  const ratio = done_ratio === null ? '' : formatRatio(done_ratio, 0).padStart(5);
  const waits = waiting_for === null ? '' : `waits for ${waiting_for.pid} ${waiting_for.description}`;
  return [
    line('      ', ...(done_ratio === null ? [] : bar), span(`${ratio}  `), span(phase, 'accent')),
    ...(waits === '' ? [] : indented(waits, width, 6, 'warning')),
  ];
}

function slotsText({before, after}: RunState): string {
  const read = (reading: RunState['before']) =>
    reading === null ? 'unknown' : `${reading.used} used, ${reading.headroom} free`;
  return after === null ? read(before) : `${read(before)} before; ${read(after)} after`;
}

function describeRunStep(
  step: RunStep,
  theme: Theme,
  isSweeping: boolean,
): {sign: string; role: Role; text: string} {
  const {done, failed, live, bullet, warning} = theme.symbols;
  if (step.status === 'acting') return {sign: live, role: 'accent', text: 'running'};
  if (step.status === 'verifying')
    return {sign: live, role: 'accent', text: isSweeping ? 'cleaning up' : 'verifying'};
  switch (step.result?.outcome) {
    case 'verified':
      return {sign: done, role: 'good', text: `verified, ${formatMs(step.result.duration_ms)}`};
    case 'applied':
      return {sign: warning, role: 'warning', text: 'applied, not verified'};
    case 'unknown':
      return {sign: warning, role: 'warning', text: 'unknown'};
    case 'skipped':
      return {sign: bullet, role: 'warning', text: 'skipped'};
    case 'failed':
      return {sign: failed, role: 'danger', text: `failed ${step.result.sqlstate ?? ''}`};
    default:
      return {sign: ' ', role: 'muted', text: 'waiting'};
  }
}

function describeEnd(run: RunState, width: number): Line[] {
  const {verified, applied, failed, skipped, unknown, pending} = countOutcomes(run.steps);
  const lost = run.steps.filter(step => isLost(step, run)).length;
  const counts = Object.entries({
    verified,
    applied,
    failed,
    skipped,
    unknown: unknown + lost,
    'not started': pending - lost,
  })
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
  return [
    line(
      span(`  ${run.status ?? ''}`, run.status === 'done' ? 'good' : 'warning'),
      span(`: ${counts || 'nothing to do'}; run ${run.run} in the journal`),
    ),
    ...[run.reason, run.hint].flatMap(text => (text ? paragraph(text, width) : [])),
    ...(run.steps.some(({result}) => result?.has_leftover) ? paragraph(leftoverText, width, 'warning') : []),
  ];
}
