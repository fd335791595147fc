import {nameServer} from '../../core/server/server-identity.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Finding} from '../../model/finding.ts';
import type {Plan} from '../../model/plan.ts';
import type {Recipe} from '../../model/recipe.ts';
import {findingId} from '../findings.ts';
import {
  canBeCancelled,
  canBeCarriedOut,
  canBeUnfolded,
  choicesOf,
  confirmationWord,
  currentStep,
  isSweeping,
  recipeOf,
  waitedFor,
} from '../guide-state.ts';
import {textWidth} from '../screen/cell-width.ts';
import {blankLine, type Line, line, lineWidth, type Span, span, wrapText} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import type {ConsoleState, Gathering, Guide, GuideStage} from '../state.ts';
import type {Area} from '../views/view.ts';
import {parameterBlocks} from './guide-parameters.ts';
import {planLines, planSummary} from './guide-plan.ts';
import {runBlocks} from './guide-run.ts';
import {type Page, pageOf} from './page.ts';
import {indented, paragraph, shorten, signed, withUnit} from './text-lines.ts';

const stages: [GuideStage, string][] = [
  ['evidence', 'findings'],
  ['parameters', 'parameters'],
  ['preview', 'preview'],
  ['confirm', 'confirm'],
  ['running', 'run'],
];

/** One that measures finds nothing by itself, and has nothing to confirm. */
const stagesOfMeasured: typeof stages = [
  ['evidence', 'about'],
  ['parameters', 'parameters'],
  ['preview', 'preview'],
  ['running', 'measurement'],
];

/** One page of a guide: where one is, the page, and what is to be known of it at its foot. */
export function drawGuide(state: ConsoleState, guide: Guide, area: Area, theme: Theme): Page {
  // Where there is no room for all, the end of the foot stays: what is typed is always seen.
  const foot = footLines(state, guide, area.width, theme).slice(-area.height);
  const room = Math.max(0, area.height - headRows - foot.length);
  const page = pageOf(guideLines(state, guide, area.width, theme), guide.scroll, room);
  const padding = Array.from({length: room - page.lines.length}, () => blankLine);
  const head = [drawPath(state, guide), blankLine].slice(0, area.height - foot.length);
  return {lines: [...head, ...page.lines, ...padding, ...foot], below: page.below};
}

/** Where one is in the guide, and a blank line. */
const headRows = 2;

/** The rows of a guide that are not its page. */
export function guideRows(state: ConsoleState, guide: Guide, width: number, theme: Theme): number {
  return headRows + footLines(state, guide, width, theme).length;
}

/** What is wrong, what is waited for, that it is being stopped, and last the word being typed. */
function footLines(state: ConsoleState, guide: Guide, width: number, {symbols}: Theme): Line[] {
  const {error, gathering, stopping, stage, asksToStop} = guide;
  return [
    ...(error === null ? [] : signed(symbols.critical, 'danger', error, width, 'danger')),
    ...(gathering === null ? [] : signed(symbols.live, 'accent', readingText(gathering), width, 'accent')),
    ...(asksToStop && stage === 'running'
      ? signed(symbols.warning, 'warning', askingText(guide), width, 'warning')
      : []),
    ...(stopping !== null && stage === 'running'
      ? signed(symbols.warning, 'warning', stoppingText(guide), width, 'warning')
      : []),
    ...(stage === 'confirm' ? typedLines(state, guide, width) : []),
  ];
}

/** `reading the catalog`. */
function readingText({needs, isForPlan}: Gathering): string {
  const names = Object.keys(needs).map(name => factNames[name] ?? name.replaceAll('_', ' '));
  return `reading ${names.join(', ')}${isForPlan ? ' to plan with; Esc leaves it' : ''}`;
}

const factNames: Record<string, string> = {
  catalog: 'the catalog',
  index_advice: 'the statements and what the planner makes of them',
  answers: "what the recipe's own queries answer",
};

function askingText(guide: Guide): string {
  return `Press Esc again to ${stopWords(guide)}. Until then the run goes on.`;
}

function stopWords(guide: Guide): string {
  return canBeCancelled(guide) ? 'cancel this step' : 'stop after this step';
}

function stoppingText(guide: Guide): string {
  if (isSweeping(guide)) return 'sweeping what it left';
  if (guide.stopping !== 'cancel') return 'stopping after this step';
  const {step} = currentStep(guide) ?? {};
  return step?.kind === 'sql' && step.progress === 'create_index'
    ? 'cancelling the build; what it leaves behind is swept away'
    : 'cancelling this step';
}

function drawPath(state: ConsoleState, guide: Guide): Line {
  const current = guide.stage === 'done' ? 'running' : guide.stage;
  const own = recipeOf(state, guide)?.isBenchmark ? stagesOfMeasured : stages;
  const walked = guide.undoes === null ? own : stages.slice(2);
  const title = guide.undoes === null ? guide.recipe : `undo of run ${guide.undoes}, ${guide.recipe}`;
  return {
    spans: [
      span(`  ${title}  `, 'strong'),
      ...walked.flatMap(([stage, name], index) => [
        span(index === 0 ? '' : ' > ', 'muted'),
        span(name, stage === current ? 'heading' : 'muted'),
      ]),
    ],
  };
}

/** The keys that lead on and back, and those that this page has. */
export function guideKeys(state: ConsoleState, guide: Guide): Span[] {
  const {stage} = guide;
  const recipe = recipeOf(state, guide);
  const hasPlan = recipe?.plan !== undefined;
  const forward: Record<GuideStage, string> = {
    evidence: hasPlan ? 'go on' : 'close',
    parameters: 'preview',
    preview: recipe?.isBenchmark ? 'measure it' : canBeCarriedOut(guide.plan) ? 'go on' : 'close',
    confirm: 'carry it out',
    running: '',
    done: 'close',
  };
  const back: Record<GuideStage, string> = {
    evidence: 'close',
    parameters: 'back',
    preview: guide.undoes === null ? 'back' : 'close',
    confirm: 'back',
    running: stopWords(guide),
    done: 'close',
  };
  const waits = waitedFor(guide);
  return [
    ...(forward[stage] === '' ? [] : keySpans('Enter', forward[stage])),
    ...(stage === 'running' && guide.stopping !== null
      ? []
      : keySpans(guide.asksToStop ? 'Esc again' : 'Esc', back[stage])),
    ...(canBeUnfolded(guide) ? keySpans('o', guide.isUnfolded ? 'fold guards' : 'guards whole') : []),
    ...(choicesOf(state, guide).length > 0 ? keySpans('← →', 'choose') : []),
    ...(waits === null ? [] : keySpans('w', `session ${waits.pid}`)),
  ];
}

function keySpans(key: string, label: string): Span[] {
  return [span(`  ${key}`, 'key'), span(` ${label}`)];
}

/** The page itself, as long as it is. */
export function guideLines(state: ConsoleState, guide: Guide, width: number, theme: Theme): Line[] {
  switch (guide.stage) {
    case 'evidence':
      return evidenceLines(state, guide, width, theme);
    case 'parameters':
      return parameterBlocks(state, guide, width).flat();
    case 'preview':
      return guide.plan ? planLines(guide.plan, width, theme, guide.isUnfolded) : [];
    case 'confirm':
      return confirmationLines(state, guide, width, theme);
    case 'running':
    case 'done':
      if (guide.run) return runBlocks(guide.run, width, theme, isSweeping(guide)).flat();
      return [line(span(guide.stage === 'done' ? '  nothing was done' : '  starting', 'muted'))];
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
    ...(findings.length === 0 && recipe ? nothingFound(state, recipe, width, theme) : []),
    ...findings.flatMap(finding => findingLines(finding, width, theme)),
    ...(recipe?.plan ? [] : [blankLine, line(span('  this recipe is advice: it changes nothing', 'muted'))]),
  ];
}

/** Nothing is found by who could not look, or has not yet: that is not to be taken for health. */
function nothingFound(state: ConsoleState, recipe: Recipe, width: number, {symbols}: Theme): Line[] {
  if (recipe.isBenchmark) return [];
  const {undiagnosed, watched, watched_at_ms} = state;
  const watches = Object.keys({...recipe.diagnoseRequires, ...recipe.diagnoseRequires?.answers});
  const gaps = [
    ...undiagnosed.filter(each => each.recipe === recipe.id),
    ...watched.unread.filter(({fact}) => watches.includes(fact)),
  ];
  if (gaps.length > 0)
    return gaps.flatMap(({reason}) =>
      signed(symbols.stale, 'warning', `could not look: ${reason}`, width, 'warning'),
    );
  if (watches.length > 0 && watched_at_ms === null)
    return [line(span('  not looked yet: what it rests on comes with the next readings', 'muted'))];
  return [line(span('  nothing found now', 'good'))];
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

/** What is about to be done and to whom, in the plan's own words. */
function confirmationLines(state: ConsoleState, guide: Guide, width: number, theme: Theme): Line[] {
  const {plan} = guide;
  if (plan === null) return [];
  const act = (plan.explanation[0] ?? plan.recipe).replace(/[:.]$/, '');
  const server = guide.server === null ? '' : `, ${nameServer(guide.server)}`;
  const where = `on ${state.targetName}${server}${state.isProduction ? ', marked PRODUCTION' : ''}`;
  return [
    ...paragraph(act, width, 'strong'),
    ...paragraph(where, width, 'strong'),
    blankLine,
    ...planSummary(plan, width),
    ...stepTitles(plan, width, theme),
  ];
}

/** The word that carries it out and what is typed of it: beside each other where that fits, the end of it always. */
function typedLines(state: ConsoleState, guide: Guide, width: number): Line[] {
  const {typed} = guide;
  const word = confirmationWord(state, guide);
  const asked = line(span('  type '), span(word, 'strong'), span(' to carry it out:  '));
  const room = width - lineWidth(asked) - 2;
  if (textWidth(sanitise(word)) <= room && textWidth(sanitise(typed)) <= room)
    return [{spans: [...asked.spans, span(typed, 'accent'), span('▏', 'accent')]}];
  return [
    ...indented(`type ${word} to carry it out:`, width, 2),
    line(span('  > '), span(tailOf(typed, width - 6), 'accent'), span('▏', 'accent')),
  ];
}

/** The end of a text, as far as it fits. */
function tailOf(text: string, width: number): string {
  const characters = [...sanitise(text)];
  while (textWidth(characters.join('')) > width) characters.shift();
  return characters.join('');
}

/** More than these are a number. */
const mostTitles = 8;

function stepTitles({steps}: Plan, width: number, {symbols}: Theme): Line[] {
  if (steps.length > mostTitles) return [];
  return steps.map(({title}) => line(`  ${symbols.bullet} ${shorten(title, width - 6, symbols.ellipsis)}`));
}
