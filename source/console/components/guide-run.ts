import {formatMs, formatRatio} from '../../core/format.ts';
import type {StepProgress} from '../../core/ports.ts';
import {countOutcomes, type RunState, type RunStep} from '../../core/run-state.ts';
import {blankLine, fitText, type Line, line, type Role, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import {indented, paragraph, shorten} from './text-lines.ts';

const signWidth = 4;
/** The longest: `applied, not verified`. */
const outcomeWidth = 22;

/** A run as it stands: what became of each step, and of the slots. */
export function runLines(run: RunState, width: number, theme: Theme): Line[] {
  const titleWidth = Math.max(10, width - signWidth - outcomeWidth);
  const lines = [line(span('  slots  ', 'muted'), span(slotsText(run), 'strong')), blankLine];
  for (const [index, step] of run.steps.entries()) {
    const {sign, role, text} = describeRunStep(step, theme);
    lines.push(
      line(
        span(`  ${sign} `, role),
        span(fitText(shorten(step.title, titleWidth, theme.symbols.ellipsis), titleWidth)),
        span(` ${text}`, role),
      ),
    );
    const message = step.result?.message;
    if (message && step.result?.outcome !== 'verified') {
      lines.push(...indented(message, width, 6, 'muted'));
    }
    if (step.progress) lines.push(...indented(progressText(step.progress), width, 6, 'accent'));
    if (run.current === index && run.phase === 'pausing') {
      lines.push(line(span('      pausing: has the same client filled them again?', 'muted')));
    }
  }
  if (run.phase === 'ended') lines.push(blankLine, ...describeEnd(run, width));
  return lines;
}

/** `building index: scanning table, 42%, waits for 4711 (shop/shop_app idle in transaction)`. */
function progressText({phase, done_ratio, waiting_for}: StepProgress): string {
  const ratio = done_ratio === null ? [] : [formatRatio(done_ratio, 0)];
  const waits = waiting_for === null ? [] : [`waits for ${waiting_for.pid} (${waiting_for.description})`];
  return [phase, ...ratio, ...waits].join(', ');
}

function slotsText({before, after}: RunState): string {
  const read = (reading: RunState['before']) =>
    reading === null ? 'unknown' : `${reading.used} used, ${reading.headroom} free`;
  return after === null ? read(before) : `${read(before)} before; ${read(after)} after`;
}

function describeRunStep(step: RunStep, theme: Theme): {sign: string; role: Role; text: string} {
  const {done, failed, live, bullet, warning} = theme.symbols;
  if (step.status === 'acting') return {sign: live, role: 'accent', text: 'acting'};
  if (step.status === 'verifying') return {sign: live, role: 'accent', text: 'verifying'};
  switch (step.result?.outcome) {
    case 'verified':
      return {sign: done, role: 'good', text: `verified, ${formatMs(step.result.duration_ms)}`};
    case 'applied':
      return {sign: warning, role: 'warning', text: 'applied, not verified'};
    case 'skipped':
      return {sign: bullet, role: 'warning', text: 'left alone'};
    case 'failed':
      return {sign: failed, role: 'danger', text: `failed ${step.result.sqlstate ?? ''}`};
    default:
      return {sign: ' ', role: 'muted', text: 'waiting'};
  }
}

function describeEnd(run: RunState, width: number): Line[] {
  const {verified, applied, failed, skipped, pending} = countOutcomes(run.steps);
  const counts = Object.entries({verified, applied, failed, 'left alone': skipped, 'not begun': pending})
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
  return [
    line(
      span(`  ${run.status ?? ''}`, run.status === 'done' ? 'good' : 'warning'),
      span(`: ${counts || 'nothing to do'}; run ${run.run} in the journal`),
    ),
    ...[run.reason, run.hint].flatMap(text => (text ? paragraph(text, width) : [])),
  ];
}
