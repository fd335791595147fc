import {nameServer} from '../../core/server/server-identity.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Finding} from '../../model/finding.ts';
import type {Plan} from '../../model/plan.ts';
import type {Recipe} from '../../model/recipe.ts';
import {type Page, pageOf} from '../components/page.ts';
import {indented, paragraph, shorten, signed, withUnit} from '../components/text-lines.ts';
import {findingId} from '../findings.ts';
import {textWidth} from '../screen/cell-width.ts';
import {blankLine, type Line, line, lineWidth, type Span, span, wrapText} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import type {ConsoleState, DataRequest, RecipeWizard, WizardStage} from '../state.ts';
import type {Area} from '../views/view.ts';
import {parameterBlocks} from './parameters-page.ts';
import {planLines, planSummary} from './preview-page.ts';
import {runBlocks} from './run-page.ts';
import {
  blockerOf,
  canBeCancelled,
  canBeExecuted,
  canBeUnfolded,
  choicesOf,
  confirmationWord,
  currentStep,
  isCleaningUp,
  recipeOf,
} from './state.ts';

const stages: [WizardStage, string][] = [
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

/** One page of a wizard: where one is, the page, and what is to be known of it at its foot. */
export function drawWizard(state: ConsoleState, wizard: RecipeWizard, area: Area, theme: Theme): Page {
  // Where there is no room for all, the end of the foot stays: what is typed is always seen.
  const foot = footLines(state, wizard, area.width, theme).slice(-area.height);
  const room = Math.max(0, area.height - headRows - foot.length);
  const page = pageOf(wizardLines(state, wizard, area.width, theme), wizard.scroll, room);
  const padding = Array.from({length: room - page.lines.length}, () => blankLine);
  const head = [drawPath(state, wizard), blankLine].slice(0, area.height - foot.length);
  return {lines: [...head, ...page.lines, ...padding, ...foot], below: page.below};
}

/** Where one is in the wizard, and a blank line. */
const headRows = 2;

/** The rows of a wizard that are not its page. */
export function wizardRows(state: ConsoleState, wizard: RecipeWizard, width: number, theme: Theme): number {
  return headRows + footLines(state, wizard, width, theme).length;
}

/** What is wrong, what is waited for, that it is being stopped, and last the word being typed. */
function footLines(state: ConsoleState, wizard: RecipeWizard, width: number, {symbols}: Theme): Line[] {
  const {error, dataRequest, stopping, stage, asksToStop} = wizard;
  return [
    ...(error === null ? [] : signed(symbols.critical, 'danger', error, width, 'danger')),
    ...(dataRequest === null
      ? []
      : signed(symbols.live, 'accent', readingText(dataRequest), width, 'accent')),
    ...(asksToStop && stage === 'running'
      ? signed(symbols.warning, 'warning', askingText(wizard), width, 'warning')
      : []),
    ...(stopping !== null && stage === 'running'
      ? signed(symbols.warning, 'warning', stoppingText(wizard), width, 'warning')
      : []),
    ...(stage === 'confirm' ? typedLines(state, wizard, width) : []),
  ];
}

/** `reading the catalog`. */
function readingText({needs, isForPlan}: DataRequest): string {
  const names = Object.keys(needs).map(name => factNames[name] ?? name.replaceAll('_', ' '));
  return `reading ${names.join(', ')}${isForPlan ? ' to plan with; Esc leaves it' : ''}`;
}

const factNames: Record<string, string> = {
  catalog: 'the catalog',
  index_advice: 'the statements and what the planner makes of them',
  answers: "what the recipe's own queries answer",
};

function askingText(wizard: RecipeWizard): string {
  return `Press Esc again to ${stopWords(wizard)}. Until then the run goes on.`;
}

function stopWords(wizard: RecipeWizard): string {
  return canBeCancelled(wizard) ? 'cancel this step' : 'stop after this step';
}

function stoppingText(wizard: RecipeWizard): string {
  if (isCleaningUp(wizard)) return 'sweeping what it left';
  if (wizard.stopping !== 'cancel') return 'stopping after this step';
  const {step} = currentStep(wizard) ?? {};
  return step?.kind === 'sql' && step.progress === 'create_index'
    ? 'cancelling the build; what it leaves behind is swept away'
    : 'cancelling this step';
}

function drawPath(state: ConsoleState, wizard: RecipeWizard): Line {
  const current = wizard.stage === 'done' ? 'running' : wizard.stage;
  const own = recipeOf(state, wizard)?.isBenchmark ? stagesOfMeasured : stages;
  const walked = wizard.undoes === null ? own : stages.slice(2);
  const title = wizard.undoes === null ? wizard.recipe : `undo of run ${wizard.undoes}, ${wizard.recipe}`;
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
export function wizardKeys(state: ConsoleState, wizard: RecipeWizard): Span[] {
  const {stage} = wizard;
  const recipe = recipeOf(state, wizard);
  const hasPlan = recipe?.plan !== undefined;
  const forward: Record<WizardStage, string> = {
    evidence: hasPlan ? 'go on' : 'close',
    parameters: 'preview',
    preview: recipe?.isBenchmark ? 'measure it' : canBeExecuted(wizard.plan) ? 'go on' : 'close',
    confirm: 'carry it out',
    running: '',
    done: 'close',
  };
  const back: Record<WizardStage, string> = {
    evidence: 'close',
    parameters: 'back',
    preview: wizard.undoes === null ? 'back' : 'close',
    confirm: 'back',
    running: stopWords(wizard),
    done: 'close',
  };
  const waits = blockerOf(wizard);
  return [
    ...(forward[stage] === '' ? [] : keySpans('Enter', forward[stage])),
    ...(stage === 'running' && wizard.stopping !== null
      ? []
      : keySpans(wizard.asksToStop ? 'Esc again' : 'Esc', back[stage])),
    ...(canBeUnfolded(wizard) ? keySpans('o', wizard.isUnfolded ? 'fold guards' : 'guards whole') : []),
    ...(choicesOf(state, wizard).length > 0 ? keySpans('← →', 'choose') : []),
    ...(waits === null ? [] : keySpans('w', `session ${waits.pid}`)),
  ];
}

function keySpans(key: string, label: string): Span[] {
  return [span(`  ${key}`, 'key'), span(` ${label}`)];
}

/** The page itself, as long as it is. */
export function wizardLines(state: ConsoleState, wizard: RecipeWizard, width: number, theme: Theme): Line[] {
  switch (wizard.stage) {
    case 'evidence':
      return evidenceLines(state, wizard, width, theme);
    case 'parameters':
      return parameterBlocks(state, wizard, width).flat();
    case 'preview':
      return wizard.plan ? planLines(wizard.plan, width, theme, wizard.isUnfolded) : [];
    case 'confirm':
      return confirmationLines(state, wizard, width, theme);
    case 'running':
    case 'done':
      if (wizard.run) return runBlocks(wizard.run, width, theme, isCleaningUp(wizard)).flat();
      return [line(span(wizard.stage === 'done' ? '  nothing was done' : '  starting', 'muted'))];
  }
}

function evidenceLines(state: ConsoleState, wizard: RecipeWizard, width: number, theme: Theme): Line[] {
  const recipe = recipeOf(state, wizard);
  const isAsked = (finding: Finding) => findingId(finding) === wizard.finding;
  const findings = state.findings
    .filter(finding => finding.recipe === wizard.recipe)
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
  const {undiagnosed, diagnosisData, diagnosis_data_at_ms} = state;
  const watches = Object.keys({...recipe.diagnoseRequires, ...recipe.diagnoseRequires?.answers});
  const gaps = [
    ...undiagnosed.filter(each => each.recipe === recipe.id),
    ...diagnosisData.unread.filter(({fact}) => watches.includes(fact)),
  ];
  if (gaps.length > 0)
    return gaps.flatMap(({reason}) =>
      signed(symbols.stale, 'warning', `could not look: ${reason}`, width, 'warning'),
    );
  if (watches.length > 0 && diagnosis_data_at_ms === null)
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
function confirmationLines(state: ConsoleState, wizard: RecipeWizard, width: number, theme: Theme): Line[] {
  const {plan} = wizard;
  if (plan === null) return [];
  const act = (plan.explanation[0] ?? plan.recipe).replace(/[:.]$/, '');
  const server = wizard.server === null ? '' : `, ${nameServer(wizard.server)}`;
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
function typedLines(state: ConsoleState, wizard: RecipeWizard, width: number): Line[] {
  const {typed} = wizard;
  const word = confirmationWord(state, wizard);
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
