import {Box} from 'ink';
import {nameServer} from '../../core/server/server-identity.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Finding, Plan, Recipe} from '../../model/recipe.ts';
import {inputSpans} from '../components/input-line.ts';
import {Anchor, Page} from '../components/page.tsx';
import {useConsole} from '../components/store-context.ts';
import {Lines} from '../components/text.tsx';
import {indented, paragraph, shorten, signed, withUnit} from '../components/text-lines.ts';
import {useTheme} from '../components/theme-context.ts';
import {textWidth} from '../screen/cell-width.ts';
import {blankLine, type Line, line, lineWidth, type Span, span, wrapText} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import {findingId} from '../state/findings.ts';
import {atEnd} from '../state/line-editor.ts';
import {
  blockerOf,
  canBeCancelled,
  canBeExecuted,
  canBeUnfolded,
  confirmationWord,
  currentStep,
  type DataRequest,
  editedLine,
  isChoosing,
  isCleaningUp,
  type RecipeWizard,
  recipeOf,
  type WizardStage,
} from '../state/run.ts';
import type {ConsoleState} from '../state/state.ts';
import {parameterBlocks} from './parameters-page.ts';
import {planLines, planSummary} from './preview-page.ts';
import {runBlocks} from './run-page.ts';

const stages: [WizardStage, string][] = [
  ['evidence', 'findings'],
  ['parameters', 'parameters'],
  ['preview', 'preview'],
  ['confirm', 'confirm'],
  ['running', 'run'],
];

/** A benchmark has no findings and nothing to confirm. */
const stagesOfMeasured: typeof stages = [
  ['evidence', 'about'],
  ['parameters', 'parameters'],
  ['preview', 'preview'],
  ['running', 'measurement'],
];

/**
 * A recipe being walked through: the path of stages, the page of the current one, and messages and input at its foot. On a
 * small terminal the end of the foot is kept: what is typed is always shown.
 */
export function Wizard({wizard, width}: {wizard: RecipeWizard; width: number}) {
  const state = useConsole(whole => whole);
  const theme = useTheme();
  const {stage} = wizard;
  return (
    <Box flexDirection="column" flexGrow={1} flexBasis={0} minHeight={0} justifyContent="flex-end">
      <Box flexDirection="column" height={1} flexShrink={1} overflow="hidden">
        <Lines lines={[drawPath(state, wizard)]} width={width} />
      </Box>
      <Box height={1} flexShrink={1000} />
      <Page key={stage === 'done' ? 'running' : stage} follow={followed(wizard)}>
        {wizardBlocks(state, wizard, width, theme).map((lines, index) =>
          index === anchored(wizard) ? (
            <Anchor key={index}>
              <Lines lines={lines} width={width} />
            </Anchor>
          ) : (
            <Lines key={index} lines={lines} width={width} />
          ),
        )}
      </Page>
      <Box flexDirection="column" flexShrink={0}>
        <Lines lines={footLines(state, wizard, width, theme)} width={width} />
      </Box>
    </Box>
  );
}

/** A change of the field being edited or of its value, and another step, are brought in sight. */
function followed({stage, field, params, run}: RecipeWizard): unknown {
  if (stage === 'parameters') return `${field} ${JSON.stringify(params)}`;
  return run && `${run.current} ${run.phase === 'ended'}`;
}

function anchored({stage, field, run}: RecipeWizard): number | null {
  if (stage === 'parameters') return field;
  // The blocks of a run are the head, one per step, and the end.
  if (run === null) return null;
  return run.phase === 'ended' ? run.steps.length + 1 : run.current === null ? 0 : run.current + 1;
}

/** The error, what is being read, that the run is being stopped, and the confirmation. */
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
  return `reading ${names.join(', ')}${isForPlan ? ' for the plan; Esc cancels' : ''}`;
}

const factNames: Record<string, string> = {
  catalog: 'the catalog',
  index_advice: 'statements and their plans',
  answers: "the results of the recipe's queries",
};

function askingText(wizard: RecipeWizard): string {
  return `Press Esc again to ${stopWords(wizard)}. The run continues until then.`;
}

function stopWords(wizard: RecipeWizard): string {
  return canBeCancelled(wizard) ? 'cancel this step' : 'stop after this step';
}

function stoppingText(wizard: RecipeWizard): string {
  if (isCleaningUp(wizard)) return 'cleaning up';
  if (wizard.stopping !== 'cancel') return 'stopping after this step';
  const {step} = currentStep(wizard) ?? {};
  return step?.kind === 'sql' && step.progress === 'create_index'
    ? 'cancelling the build and dropping the unfinished index'
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

/** The keys of the wizard's current page. */
export function wizardKeys(state: ConsoleState, wizard: RecipeWizard): Span[] {
  const {stage} = wizard;
  const recipe = recipeOf(state, wizard);
  const hasPlan = recipe?.plan !== undefined;
  const forward: Record<WizardStage, string> = {
    evidence: hasPlan ? 'next' : 'close',
    parameters: 'preview',
    preview: recipe?.isBenchmark ? 'measure' : canBeExecuted(wizard.plan) ? 'next' : 'close',
    confirm: 'run it',
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
    ...(canBeUnfolded(wizard) ? keySpans('o', wizard.isUnfolded ? 'fold guards' : 'show guards') : []),
    ...(isChoosing(state, wizard) ? keySpans('← →', 'choose') : []),
    ...(waits === null ? [] : keySpans('w', `session ${waits.pid}`)),
  ];
}

function keySpans(key: string, label: string): Span[] {
  return [span(`  ${key}`, 'key'), span(` ${label}`)];
}

/** The page in blocks. */
function wizardBlocks(state: ConsoleState, wizard: RecipeWizard, width: number, theme: Theme): Line[][] {
  switch (wizard.stage) {
    case 'evidence':
      return [evidenceLines(state, wizard, width, theme)];
    case 'parameters':
      return parameterBlocks(state, wizard, width);
    case 'preview':
      return wizard.plan ? [planLines(wizard.plan, width, theme, wizard.isUnfolded)] : [];
    case 'confirm':
      return [confirmationLines(state, wizard, width, theme)];
    case 'running':
    case 'done':
      if (wizard.run) return runBlocks(wizard.run, width, theme, isCleaningUp(wizard));
      return [[line(span(wizard.stage === 'done' ? '  nothing was done' : '  starting', 'muted'))]];
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
    ...(recipe?.plan
      ? []
      : [blankLine, line(span('  this recipe only advises: it changes nothing', 'muted'))]),
  ];
}

/** Why there are no findings: "nothing found" only where everything could be checked. */
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
      signed(symbols.stale, 'warning', `could not check: ${reason}`, width, 'warning'),
    );
  if (watches.length > 0 && diagnosis_data_at_ms === null)
    return [line(span('  not checked yet: its data is read with the next snapshots', 'muted'))];
  return [line(span('  nothing found', 'good'))];
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

/** What the plan is about to do, and where. */
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

/** The confirmation to type and what was typed so far, on one line where that fits. */
function typedLines(state: ConsoleState, wizard: RecipeWizard, width: number): Line[] {
  const typed = editedLine(state, wizard) ?? atEnd('');
  const word = confirmationWord(state, wizard);
  const asked = line(span('  type '), span(word, 'strong'), span(' to run it:  '));
  const room = width - lineWidth(asked) - 2;
  if (textWidth(sanitise(word)) <= room && textWidth(sanitise(typed.text)) <= room)
    return [{spans: [...asked.spans, ...inputSpans(typed, room + 2, 'accent')]}];
  return [
    ...indented(`type ${word} to run it:`, width, 2),
    {spans: [span('  > '), ...inputSpans(typed, width - 5, 'accent')]},
  ];
}

/** More steps than this are not listed. */
const mostTitles = 8;

function stepTitles({steps}: Plan, width: number, {symbols}: Theme): Line[] {
  if (steps.length > mostTitles) return [];
  return steps.map(({title}) => line(`  ${symbols.bullet} ${shorten(title, width - 6, symbols.ellipsis)}`));
}
