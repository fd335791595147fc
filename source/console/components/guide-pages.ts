import {formatMs} from '../../core/format.ts';
import type {Plan, Step} from '../../core/recipe.ts';
import {countOutcomes, type RunState, type RunStep} from '../../core/run-state.ts';
import {confirmationWord, recipeOf} from '../guide.ts';
import {blankLine, fitText, type Line, line, type Role, span, wrapText} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import type {ConsoleState, Guide, GuideStage} from '../state.ts';
import type {Area} from '../views/view.ts';
import {drawPage} from './page.ts';

const stages: [GuideStage, string][] = [
  ['evidence', 'findings'],
  ['parameters', 'parameters'],
  ['preview', 'preview'],
  ['confirm', 'confirm'],
  ['running', 'run'],
];

/** One page of a guide: where one is, the page, and the keys that lead on and back. */
export function drawGuide(state: ConsoleState, guide: Guide, area: Area, theme: Theme): Line[] {
  const foot = drawFoot(state, guide, area.width, theme);
  const room = area.height - headRows - foot.length;
  return [
    drawPath(guide),
    blankLine,
    ...drawPage(guideLines(state, guide, area.width, theme), guide.scroll, room),
    ...foot,
  ];
}

const headRows = 2;

function drawFoot(state: ConsoleState, guide: Guide, width: number, theme: Theme): Line[] {
  const problem = guide.error === null ? [] : wrapText(guide.error, width - 6);
  return [
    ...problem.map(text => line(span(`  ${theme.symbols.critical} ${text}`, 'danger'))),
    drawKeys(state, guide),
  ];
}

function drawPath(guide: Guide): Line {
  const current = guide.stage === 'done' ? 'running' : guide.stage;
  return {
    spans: [
      span(`  ${guide.recipe}  `, 'strong'),
      ...stages.flatMap(([stage, title], index) => [
        span(index === 0 ? '' : ' > ', 'muted'),
        span(title, stage === current ? 'heading' : 'muted'),
      ]),
    ],
  };
}

function drawKeys(state: ConsoleState, guide: Guide): Line {
  const hasPlan = recipeOf(state, guide)?.plan !== undefined;
  const forward: Record<GuideStage, string> = {
    evidence: hasPlan ? 'go on' : 'close',
    parameters: 'preview',
    preview: guide.plan && guide.plan.steps.length > 0 ? 'go on' : '',
    confirm: 'carry it out',
    running: '',
    done: 'close',
  };
  const spans = forward[guide.stage] === '' ? [] : [span('  Enter', 'key'), span(` ${forward[guide.stage]}`)];
  return {
    spans: [
      ...spans,
      span('  Esc', 'key'),
      span(
        guide.stage === 'running'
          ? ' stop after this step'
          : guide.stage === 'evidence' || guide.stage === 'done'
            ? ' close'
            : ' back',
      ),
    ],
  };
}

/** The page itself, as long as it is. */
export function guideLines(state: ConsoleState, guide: Guide, width: number, theme: Theme): Line[] {
  switch (guide.stage) {
    case 'evidence':
      return drawEvidence(state, guide, width, theme);
    case 'parameters':
      return drawParameters(state, guide, width);
    case 'preview':
      return guide.plan ? drawPlan(guide.plan, width, theme) : [];
    case 'confirm':
      return drawConfirmation(state, guide, width);
    case 'running':
    case 'done':
      if (guide.run) return drawRun(guide.run, width, theme);
      return guide.stage === 'done' ? [] : [line(span('  starting', 'muted'))];
  }
}

function drawEvidence(state: ConsoleState, guide: Guide, width: number, theme: Theme): Line[] {
  const recipe = recipeOf(state, guide);
  const findings = state.findings.filter(finding => finding.recipe === guide.recipe);
  const lines = [...paragraph(recipe?.summary ?? '', width), blankLine];
  if (findings.length === 0) lines.push(line(span('  nothing found now', 'good')));
  for (const finding of findings) {
    const isCritical = finding.severity === 'critical';
    const sign = isCritical ? theme.symbols.critical : theme.symbols.warning;
    const [first = '', ...rest] = wrapText(finding.summary, width - 6);
    lines.push(
      line(span(`  ${sign} `, isCritical ? 'danger' : 'warning'), span(first, 'strong')),
      ...rest.map(text => line(`    ${text}`)),
    );
    for (const [name, value] of Object.entries(finding.evidence))
      lines.push(line(span(`      ${name.padEnd(28)}`, 'muted'), String(value ?? '-')));
  }
  if (!recipe?.plan)
    lines.push(blankLine, line(span('  this recipe is advice: it changes nothing', 'muted')));
  return lines;
}

function drawParameters(state: ConsoleState, guide: Guide, width: number): Line[] {
  const parameters = recipeOf(state, guide)?.parameters ?? [];
  return parameters.flatMap((parameter, index) => {
    const isEdited = index === guide.field;
    const value = guide.params[parameter.name] ?? '';
    const suggestions =
      isEdited && state.snapshot && parameter.suggest ? parameter.suggest(state.snapshot).slice(0, 6) : [];
    return [
      line(
        span(isEdited ? '> ' : '  ', 'key'),
        span(parameter.name.padEnd(16), isEdited ? 'strong' : 'plain'),
        span(value || (isEdited ? '' : '(not set)'), value ? 'accent' : 'muted'),
        span(isEdited ? '▏' : '', 'accent'),
      ),
      ...(isEdited
        ? wrapText(parameter.description, width - 22).map(text =>
            line(span(`${' '.repeat(18)}${text}`, 'muted')),
          )
        : []),
      ...(suggestions.length > 0
        ? [line(span(`${' '.repeat(18)}seen now: ${suggestions.join('  ')}`, 'muted'))]
        : []),
    ];
  });
}

function drawPlan(plan: Plan, width: number, theme: Theme): Line[] {
  const lines = plan.explanation.flatMap(text => paragraph(text, width));
  lines.push(blankLine);
  if (plan.steps.length === 0) lines.push(line(span('  nothing to do', 'good')));
  for (const [index, step] of plan.steps.entries())
    lines.push(...drawStep(step, index, plan.steps[index - 1], width));
  if (plan.left_alone.length > 0) {
    lines.push(blankLine, line(span('  left alone', 'heading')));
    for (const {subject, description, reason} of plan.left_alone) {
      const [first = '', ...rest] = wrapText(`${subject} ${description}: ${reason}`, width - 6);
      lines.push(
        line(span(`  ${theme.symbols.bullet} `, 'muted'), first),
        ...rest.map(text => line(`    ${text}`)),
      );
    }
  }
  return lines;
}

/** The statement as it will run. Where only the parameters differ from the step before, it is shown once. */
function drawStep(step: Step, index: number, before: Step | undefined, width: number): Line[] {
  const lines = [line(span(`  ${String(index + 1).padStart(3)} `, 'muted'), span(step.title, 'strong'))];
  if (step.kind === 'advice') return [...lines, ...paragraph(step.text, width)];
  if (step.kind === 'file') return [...lines, line(span(`      ${step.path}`, 'muted'))];
  const isRepeated = before?.kind === 'sql' && before.apply.text === step.apply.text;
  if (!isRepeated)
    lines.push(...wrapText(step.apply.text, width - 8).map(text => line(span(`      ${text}`, 'accent'))));
  lines.push(
    // Whole, however narrow the terminal: what is shown is what runs.
    ...wrapText(
      step.apply.values.map((value, at) => `$${at + 1} = ${JSON.stringify(value)}`).join(', '),
      width - 8,
    ).map(text => line(span(`      ${text}`, 'muted'))),
  );
  if (step.undo === 'irreversible')
    lines.push(line(span('      cannot be undone', 'warning'), span(`, lock: ${step.lock}`, 'muted')));
  return lines;
}

function drawConfirmation(state: ConsoleState, guide: Guide, width: number): Line[] {
  const word = confirmationWord(state);
  const count = guide.plan?.steps.length ?? 0;
  const irreversible =
    guide.plan?.steps.filter(step => step.kind === 'sql' && step.undo === 'irreversible').length ?? 0;
  return [
    ...paragraph(
      `${count} step(s) on ${state.targetName}${state.isProduction ? ', marked PRODUCTION' : ''}.`,
      width,
    ),
    ...(irreversible > 0 ? [line(span(`  ${irreversible} of them cannot be undone.`, 'warning'))] : []),
    blankLine,
    line(
      span('  type '),
      span(word, 'strong'),
      span(' to carry it out:  '),
      span(guide.typed, 'accent'),
      span('▏', 'accent'),
    ),
  ];
}

function drawRun(run: RunState, width: number, theme: Theme): Line[] {
  const lines = [line(span('  slots  ', 'muted'), span(slotsText(run), 'strong')), blankLine];
  for (const [index, step] of run.steps.entries()) {
    const {sign, role, text} = describeRunStep(step, theme);
    lines.push(
      line(
        span(`  ${sign} `, role),
        span(fitText(step.title, Math.max(10, width - 44))),
        span(` ${text}`, role),
      ),
    );
    const message = step.result?.message;
    if (message && step.result?.outcome !== 'verified') {
      lines.push(...wrapText(message, width - 10).map(part => line(span(`      ${part}`, 'muted'))));
    }
    if (run.current === index && run.phase === 'pausing') {
      lines.push(line(span('      pausing: has the same client filled them again?', 'muted')));
    }
  }
  if (run.phase === 'ended') lines.push(blankLine, ...describeEnd(run, width));
  return lines;
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

function paragraph(text: string, width: number): Line[] {
  return wrapText(text, width - 4).map(part => line(`  ${part}`));
}
