import type {Finding} from '../../core/recipe.ts';
import {findingId} from '../findings.ts';
import {confirmationWord, recipeOf} from '../guide.ts';
import {blankLine, type Line, line, type Span, span, wrapText} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import type {ConsoleState, Guide, GuideStage} from '../state.ts';
import type {Area} from '../views/view.ts';
import {planLines, planSummary} from './guide-plan.ts';
import {runLines} from './guide-run.ts';
import {type Page, pageOf} from './page.ts';
import {indented, paragraph, signed, withUnit} from './text-lines.ts';

const stages: [GuideStage, string][] = [
  ['evidence', 'findings'],
  ['parameters', 'parameters'],
  ['preview', 'preview'],
  ['confirm', 'confirm'],
  ['running', 'run'],
];

/** One page of a guide: where one is, the page, and what is wrong with it. */
export function drawGuide(state: ConsoleState, guide: Guide, area: Area, theme: Theme): Page {
  const problem = problemLines(guide, area.width, theme);
  const room = area.height - guideRows(guide, area.width, theme);
  const page = pageOf(guideLines(state, guide, area.width, theme), guide.scroll, room);
  const padding = Array.from({length: room - page.lines.length}, () => blankLine);
  return {
    lines: [drawPath(guide), blankLine, ...page.lines, ...padding, ...problem],
    below: page.below,
  };
}

/** The rows of a guide that are not its page. */
export function guideRows(guide: Guide, width: number, theme: Theme): number {
  return 2 + problemLines(guide, width, theme).length;
}

function problemLines({error}: Guide, width: number, theme: Theme): Line[] {
  return error === null ? [] : signed(theme.symbols.critical, 'danger', error, width, 'danger');
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

/** The keys that lead on and back. */
export function guideKeys(state: ConsoleState, guide: Guide): Span[] {
  const hasPlan = recipeOf(state, guide)?.plan !== undefined;
  const forward: Record<GuideStage, string> = {
    evidence: hasPlan ? 'go on' : 'close',
    parameters: 'preview',
    preview: guide.plan && guide.plan.steps.length > 0 ? 'go on' : '',
    confirm: 'carry it out',
    running: '',
    done: 'close',
  };
  const back: Record<GuideStage, string> = {
    evidence: 'close',
    parameters: 'back',
    preview: 'back',
    confirm: 'back',
    running: 'stop after this step',
    done: 'close',
  };
  return [
    ...(forward[guide.stage] === '' ? [] : [span('  Enter', 'key'), span(` ${forward[guide.stage]}`)]),
    span('  Esc', 'key'),
    span(` ${back[guide.stage]}`),
  ];
}

/** The page itself, as long as it is. */
export function guideLines(state: ConsoleState, guide: Guide, width: number, theme: Theme): Line[] {
  switch (guide.stage) {
    case 'evidence':
      return evidenceLines(state, guide, width, theme);
    case 'parameters':
      return parameterLines(state, guide, width);
    case 'preview':
      return guide.plan ? planLines(guide.plan, width, theme) : [];
    case 'confirm':
      return confirmationLines(state, guide, width);
    case 'running':
    case 'done':
      if (guide.run) return runLines(guide.run, width, theme);
      return guide.stage === 'done' ? [] : [line(span('  starting', 'muted'))];
  }
}

function evidenceLines(state: ConsoleState, guide: Guide, width: number, theme: Theme): Line[] {
  const recipe = recipeOf(state, guide);
  const isAsked = (finding: Finding) => findingId(finding) === guide.finding;
  const findings = state.findings
    .filter(finding => finding.recipe === guide.recipe)
    .sort((a, b) => Number(isAsked(b)) - Number(isAsked(a)));
  return [
    ...paragraph(recipe?.summary ?? '', width),
    blankLine,
    ...(findings.length === 0 ? [line(span('  nothing found now', 'good'))] : []),
    ...findings.flatMap(finding => findingLines(finding, width, theme)),
    ...(recipe?.plan ? [] : [blankLine, line(span('  this recipe is advice: it changes nothing', 'muted'))]),
  ];
}

function findingLines(finding: Finding, width: number, theme: Theme): Line[] {
  const isCritical = finding.severity === 'critical';
  const sign = isCritical ? theme.symbols.critical : theme.symbols.warning;
  return [
    ...signed(sign, isCritical ? 'danger' : 'warning', finding.summary, width, 'strong'),
    ...Object.entries(finding.evidence).flatMap(([key, value]) => {
      const {name, text} = withUnit(key, value);
      return wrapText(text, width - 36).map((part, index) =>
        line(span(`      ${(index === 0 ? name : '').padEnd(28)}`, 'muted'), part),
      );
    }),
  ];
}

function parameterLines(state: ConsoleState, guide: Guide, width: number): Line[] {
  const parameters = recipeOf(state, guide)?.parameters ?? [];
  return parameters.flatMap((parameter, index) => {
    const isEdited = index === guide.field;
    const value = guide.params[parameter.name] ?? '';
    const suggestions =
      isEdited && state.snapshot && parameter.suggest
        ? parameter.suggest(state.snapshot, {}).slice(0, 6)
        : [];
    return [
      line(
        span(isEdited ? '> ' : '  ', 'key'),
        span(parameter.name.padEnd(16), isEdited ? 'strong' : 'plain'),
        span(value || (isEdited ? '' : '(not set)'), value ? 'accent' : 'muted'),
        span(isEdited ? '▏' : '', 'accent'),
      ),
      ...(isEdited ? indented(parameter.description, width, 18, 'muted') : []),
      ...(suggestions.length > 0 ? indented(`seen now: ${suggestions.join('  ')}`, width, 18, 'muted') : []),
    ];
  });
}

/** What is about to be done and to whom, in the plan's own words, and the word that does it. */
function confirmationLines(state: ConsoleState, guide: Guide, width: number): Line[] {
  const {plan} = guide;
  if (plan === null) return [];
  const act = (plan.explanation[0] ?? plan.recipe).replace(/[:.]$/, '');
  const where = `on ${state.targetName}${state.isProduction ? ', marked PRODUCTION' : ''}`;
  return [
    ...paragraph(act, width, 'strong'),
    ...paragraph(where, width, 'strong'),
    blankLine,
    ...planSummary(plan, width),
    blankLine,
    line(
      span('  type '),
      span(confirmationWord(state), 'strong'),
      span(' to carry it out:  '),
      span(guide.typed, 'accent'),
      span('▏', 'accent'),
    ),
  ];
}
