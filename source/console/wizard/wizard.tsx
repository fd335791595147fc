import {Box} from 'ink';
import {Field} from '../components/field.tsx';
import {Page} from '../components/page.tsx';
import {Prose, Signed, usePageWidth} from '../components/prose.tsx';
import {useConsole} from '../components/store-context.ts';
import {Text} from '../components/text.tsx';
import {useTheme} from '../components/theme-context.ts';
import {textWidth} from '../screen/cell-width.ts';
import {atEnd} from '../state/line-editor.ts';
import {
  confirmationWord,
  currentStep,
  type DataRequest,
  editedLine,
  isCleaningUp,
  type RecipeWizard,
} from '../state/run.ts';
import {ConfirmationPage} from './confirmation-page.tsx';
import {EvidencePage} from './evidence-page.tsx';
import {ParametersPage} from './parameters-page.tsx';
import {PreviewPage} from './preview-page.tsx';
import {RunPage} from './run-page.tsx';
import {Stages} from './stages.tsx';
import {stopWords} from './wizard-keys.ts';

/**
 * A recipe being walked through: the stages, the page of the current one, and messages and input at its foot. On a small
 * terminal the stage and the end of the foot are kept: what is typed is always shown.
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

function StagePage({wizard}: {wizard: RecipeWizard}) {
  const {stage, plan, isUnfolded, run} = wizard;
  switch (stage) {
    case 'evidence':
      return <EvidencePage wizard={wizard} />;
    case 'parameters':
      return <ParametersPage wizard={wizard} />;
    case 'preview':
      return plan && <PreviewPage plan={plan} isUnfolded={isUnfolded} />;
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
    ? `Press Esc again to ${stopWords(wizard)}. The run continues until then.`
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

/** The confirmation to type and what was typed so far, on one line where that fits. */
function TypedWord({wizard}: {wizard: RecipeWizard}) {
  const width = usePageWidth();
  const {word, text, cursor} = useConsole(state => ({
    word: confirmationWord(state, wizard),
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
  return (
    <>
      <Prose text={`type ${word} to run it:`} />
      <Text>
        {'  > '}
        <Field line={{text, cursor}} width={width - 5} />
      </Text>
    </>
  );
}
