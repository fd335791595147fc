import {counted, formatMs} from '../../core/text/format.ts';
import {codeBlock, inlineCode} from '../../core/text/markdown.ts';
import {type ReportRollout, type ReportRun, type ReportStep, sqlOf} from './journaled-runs.ts';

/** `2026-11-21 14:03:20`. */
export function timeOf(at: number | string): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}

/** `verified after 12ms`. */
export function outcomeOf({outcome}: ReportStep): string {
  if (outcome === null) return 'unknown, verify: no recorded outcome';
  const {message, sqlstate, duration_ms, row_count} = outcome;
  const rows = row_count > 0 ? `, ${counted(row_count, 'row')}` : '';
  return `${outcome.outcome}${message === null ? '' : `: ${message}`}${sqlstate === null ? '' : ` (${sqlstate})`} after ${formatMs(duration_ms)}${rows}`;
}

/** Names and numbers, `used 54, headroom 3`. */
export function figuresOf(figures: Record<string, number>): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

/** The runs and rollouts of a journal. */
export function runsMarkdown(runs: readonly ReportRun[], rollouts: readonly ReportRollout[]): string {
  return [
    '# Journal',
    '',
    ...(runs.length + rollouts.length === 0 ? ['Nothing.'] : []),
    ...runs.flatMap(runLines),
    ...rollouts.flatMap(rolloutLines),
  ].join('\n');
}

export function runLines({run, steps, end, undone_by}: ReportRun): string[] {
  const params = Object.entries(run.params).filter(([, value]) => value !== '');
  return [
    `### ${inlineCode(`${run.recipe}${run.undoes === undefined ? '' : `, undoing run ${run.undoes}`}`)} at ${timeOf(run.at)}`,
    '',
    `- run ${inlineCode(run.run)} by ${inlineCode(run.actor)} on ${inlineCode(run.target)}, plan ${inlineCode(run.plan)}`,
    ...(params.length === 0
      ? []
      : [`- with ${inlineCode(params.map(([name, value]) => `${name}=${value}`).join(' '))}`]),
    `- before: ${inlineCode(figuresOf(run.before) || 'unknown')}; after: ${inlineCode(end === null ? 'unknown' : figuresOf(end.after) || 'unknown')}`,
    `- ended: ${end === null ? 'unknown' : `${end.status}${end.reason === null ? '' : `, ${inlineCode(end.reason)}`} at ${timeOf(end.at)}`}`,
    ...(undone_by.length === 0 ? [] : [`- undone by run ${inlineCode(undone_by.join(', '))}`]),
    '',
    ...steps.flatMap(stepLines),
  ];
}

export function rolloutLines({start, stages, end}: ReportRollout): string[] {
  return [
    `### rollout of ${inlineCode(start.name)} at ${timeOf(start.at)}`,
    '',
    `- rollout ${inlineCode(start.run)} by ${inlineCode(start.actor)} on ${inlineCode(start.target)}, plan ${inlineCode(start.plan)}`,
    `- ended: ${end === null ? 'unknown' : `${end.status}${end.reason === null ? '' : `, ${inlineCode(end.reason)}`} at ${timeOf(end.at)}`}`,
    ...stages.map(
      ({at, name, phase, detail}) =>
        `- ${timeOf(at)} ${inlineCode(name)}: ${phase}${detail === null ? '' : `: ${inlineCode(detail)}`}`,
    ),
    '',
  ];
}

function stepLines(step: ReportStep): string[] {
  const {apply, undo, note} = sqlOf(step.intent);
  const measures = step.outcome?.measures ?? [];
  return [
    `**${step.intent.step + 1}.** ${inlineCode(step.intent.content.title)} at ${timeOf(step.intent.at)}: ${inlineCode(outcomeOf(step))}`,
    '',
    ...codeBlock(apply, 'sql'),
    ...measures.map(
      ({name, before, after}) =>
        `- ${inlineCode(name)}: ${inlineCode(before ?? 'unknown')} before, ${inlineCode(after ?? 'unknown')} after`,
    ),
    ...(undo === null ? [] : ['', 'Undo:', '', ...codeBlock(undo, 'sql')]),
    ...(note === null ? [] : ['', note.startsWith('undone') ? inlineCode(note) : note]),
    '',
  ];
}
