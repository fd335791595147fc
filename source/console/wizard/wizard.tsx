import {Box} from 'ink';
import {Fragment} from 'react';
import {useConsole, useTheme} from '../components/context.ts';
import {Field} from '../components/field.tsx';
import {Page} from '../components/page.tsx';
import {Prose, Signed, usePageWidth} from '../components/prose.tsx';
import {Text} from '../components/text.tsx';
import {textWidth} from '../screen/cell-width.ts';
import {atEnd} from '../state/line-editor.ts';
import {
  blockerOf,
  canBeCancelled,
  canBeExecuted,
  choicesOfPlan,
  confirmationWord,
  currentStep,
  type DataRequest,
  editedLine,
  hasGuardsToShow,
  isChoosing,
  isCleaningUp,
  type RecipeWizard,
  recipeOf,
  type WizardStage,
} from '../state/run.ts';
import type {ConsoleState} from '../state/state.ts';
import {EvidencePage} from './evidence-page.tsx';
import {ParametersPage} from './parameters-page.tsx';
import {ConfirmationPage, PreviewPage} from './plan-pages.tsx';
import {RunPage} from './run-page.tsx';

/**
 * A recipe being walked through: the stages, the page of the current one, and messages and input at its foot. On a small
 * terminal the stage, a line of the page and the end of the foot are kept: what is confirmed and what is typed are
 * always shown.
 */
export function Wizard({wizard}: {wizard: RecipeWizard}) {
  return (
    <Box flexDirection="column" flexGrow={1} flexBasis={0} minHeight={0} overflow="hidden">
      <Stages wizard={wizard} />
      <Box height={1} flexShrink={1000} />
      <StagePage wizard={wizard} />
      <Box flexDirection="column" justifyContent="flex-end" flexShrink={1} minHeight={0} overflow="hidden">
        <Box flexDirection="column" flexShrink={0}>
          <Messages wizard={wizard} />
          {wizard.stage === 'confirm' && <TypedWord wizard={wizard} />}
        </Box>
      </Box>
    </Box>
  );
}

type Stage = [WizardStage, name: string];

const stages: Stage[] = [
  ['evidence', 'findings'],
  ['parameters', 'parameters'],
  ['preview', 'preview'],
  ['confirm', 'confirm'],
  ['running', 'run'],
];

/** A benchmark has no findings and nothing to confirm. */
const stagesOfBenchmark: Stage[] = [
  ['evidence', 'about'],
  ['parameters', 'parameters'],
  ['preview', 'preview'],
  ['running', 'measurement'],
];

/** The recipe and its stages; where they do not fit the current stage alone: `4/5 confirm`. */
function Stages({wizard}: {wizard: RecipeWizard}) {
  const {recipe, undoes, stage} = wizard;
  const isBenchmark = useConsole(state => recipeOf(state, wizard)?.isBenchmark ?? false);
  const own = undoes === null ? (isBenchmark ? stagesOfBenchmark : stages) : stages.slice(2);
  const at = own.findIndex(([id]) => id === (stage === 'done' ? 'running' : stage));
  const current = own[at]?.[1] ?? '';
  const whole = own.map(([, name]) => name).join(' > ');
  const title = undoes === null ? recipe : `undo of run ${undoes}, ${recipe}`;
  const isNarrow = usePageWidth() < textWidth(`  ${title}  ${whole}`);
  return (
    <Box height={1} flexShrink={0} gap={2}>
      <Text role="strong">{`  ${title}`}</Text>
      <Box flexShrink={0} aria-label={`stage ${at + 1} of ${own.length}: ${current}`}>
        <Text>
          {isNarrow && <Text role="muted">{`${at + 1}/${own.length} `}</Text>}
          {isNarrow && <Text role="heading">{current}</Text>}
          {!isNarrow &&
            own.map(([id, name], index) => (
              <Fragment key={id}>
                <Text role="muted">{index === 0 ? '' : ' > '}</Text>
                <Text role={index === at ? 'heading' : 'muted'}>{name}</Text>
              </Fragment>
            ))}
        </Text>
      </Box>
    </Box>
  );
}

function StagePage({wizard}: {wizard: RecipeWizard}) {
  const {stage, plan, run} = wizard;
  switch (stage) {
    case 'evidence':
      return <EvidencePage wizard={wizard} />;
    case 'parameters':
      return <ParametersPage wizard={wizard} />;
    case 'preview':
      return plan && <PreviewPage plan={plan} wizard={wizard} />;
    case 'confirm':
      return plan && <ConfirmationPage plan={plan} server={wizard.server} />;
    case 'running':
    case 'done':
      if (run !== null) return <RunPage run={run} isCleaningUp={isCleaningUp(wizard)} />;
      return (
        <Page>
          <Text role="muted">{stage === 'done' ? '  nothing was done' : '  starting'}</Text>
        </Page>
      );
  }
}

/** The error, what is being read, and that the run is being stopped. */
function Messages({wizard}: {wizard: RecipeWizard}) {
  const {symbols} = useTheme();
  const {error, dataRequest, stopping, stage, asksToStop} = wizard;
  const stop = stopping === null ? null : stoppingText(wizard);
  const warning = asksToStop
    ? `Press Esc again to ${stopWords(wizard)}. The run continues until then; v leaves it running.`
    : stop;
  return (
    <>
      {error !== null && <Signed sign={symbols.critical} signRole="danger" text={error} role="danger" />}
      {dataRequest !== null && (
        <Signed sign={symbols.live} signRole="accent" text={readingText(dataRequest)} role="accent" />
      )}
      {warning !== null && stage === 'running' && (
        <Signed sign={symbols.warning} signRole="warning" text={warning} role="warning" />
      )}
    </>
  );
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

function stoppingText(wizard: RecipeWizard): string {
  if (isCleaningUp(wizard)) return 'cleaning up';
  if (wizard.stopping !== 'cancel') return 'stopping after this step';
  const {step} = currentStep(wizard) ?? {};
  return step?.kind === 'sql' && step.progress === 'create_index'
    ? 'cancelling the build and dropping the unfinished index'
    : 'cancelling this step';
}

/** Without the frame of a production target: on fewer rows the word to type has no row of its own. */
const leastRows = 10;

/** The confirmation to type and what was typed so far, on one line where that fits. */
function TypedWord({wizard}: {wizard: RecipeWizard}) {
  const width = usePageWidth();
  const {word, isLow, text, cursor} = useConsole(state => ({
    word: confirmationWord(state, wizard),
    isLow: state.rows - (state.isProduction ? 2 : 0) < leastRows,
    ...(editedLine(state, wizard) ?? atEnd('')),
  }));
  const room = width - textWidth(`  type ${word} to run it:  `) - 2;
  if (room >= Math.max(textWidth(word), textWidth(text)))
    return (
      <Text>
        {'  type '}
        <Text role="strong">{word}</Text>
        {' to run it:  '}
        <Field line={{text, cursor}} width={room + 2} />
      </Text>
    );
  // The error says the word, too.
  const isSaid = !isLow && wizard.error === null;
  return (
    <>
      {isSaid && <Prose text={`type ${word} to run it:`} />}
      <Box>
        <Box flexShrink={0}>
          <Text>
            {'  > '}
            <Field line={{text, cursor}} width={width - 5} />
          </Text>
        </Box>
        {!isSaid && (
          <Text>
            {'  type '}
            <Text role="strong">{word}</Text>
          </Text>
        )}
      </Box>
    </>
  );
}

/** The keys of the wizard's current page, with what they do. */
export function wizardKeys(state: ConsoleState, wizard: RecipeWizard): [key: string, label: string][] {
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
    running: wizard.stopping === null ? stopWords(wizard) : '',
    done: 'close',
  };
  const blocker = blockerOf(wizard);
  const keys: [string, string][] = [
    ['Enter', forward[stage]],
    [wizard.asksToStop ? 'Esc again' : 'Esc', back[stage]],
    ['o', hasGuardsToShow(wizard) ? (wizard.areGuardsShown ? 'fold guards' : 'show guards') : ''],
    ['Space', choicesOfPlan(wizard).length > 0 ? 'choose' : ''],
    ['← →', isChoosing(state, wizard) ? 'choose' : ''],
    ['v', stage !== 'running' ? '' : state.leftRun === null ? 'leave running' : 'other run'],
    ['w', blocker === null ? '' : `session ${blocker.pid}`],
  ];
  return keys.filter(([, label]) => label !== '');
}

function stopWords(wizard: RecipeWizard): string {
  if (wizard.run?.phase === 'observing') return 'stop measuring the result';
  return canBeCancelled(wizard) ? 'cancel this step' : 'stop after this step';
}
