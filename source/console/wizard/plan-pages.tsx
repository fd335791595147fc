import {memo} from 'react';
import {groupSkipped, type SkippedGroup} from '../../core/engine/plan.ts';
import {titleBeside} from '../../core/engine/step-preview.ts';
import {nameServer} from '../../core/server/server-identity.ts';
import {counted} from '../../core/text/format.ts';
import type {Plan} from '../../model/recipe.ts';
import type {Step} from '../../model/step.ts';
import type {ServerIdentity} from '../../model/target.ts';
import {useConsole, useTheme} from '../components/context.ts';
import {Anchor, Page} from '../components/page.tsx';
import {BlankRow, Heading, Prose, Signed, StepText, usePageWidth} from '../components/prose.tsx';
import {Text} from '../components/text.tsx';
import {shorten} from '../screen/line.ts';
import {choicesOfPlan, type RecipeWizard} from '../state/run.ts';

type PreviewPageProps = {
  plan: Plan;
  wizard: RecipeWizard;
};

/** A summary, then every statement as it will run and everything skipped. */
export const PreviewPage = memo(function PreviewPage({plan, wizard}: PreviewPageProps) {
  const {steps, explanation, figure} = plan;
  const width = usePageWidth();
  const {symbols} = useTheme();
  const choices = choicesOfPlan(wizard);
  // What was left out is among the steps, where it can be taken again.
  const skipped = choices.length > 0 ? (wizard.whole?.skipped ?? []) : plan.skipped;
  return (
    <Page follow={wizard.marked}>
      <PlanSummary plan={plan} />
      <BlankRow />
      <Prose text={explanation} />
      {figure && <BlankRow />}
      {figure?.map((row, index) => (
        <Text key={index}>{`  ${shorten(row, width - 4, symbols.ellipsis)}`}</Text>
      ))}
      <BlankRow />
      {choices.length > 0 && (
        <Prose text="Space: exclude or include the selected one; Tab: next; a: all or none" role="muted" />
      )}
      {(choices.length > 0 ? (wizard.whole?.steps ?? []) : steps).map((step, index, all) => {
        const at = steps.indexOf(step);
        const isFirst = all.findIndex(({subject}) => subject === step.subject) === index;
        const choice = isFirst ? choices.indexOf(step.subject) : -1;
        const isMarked = choice >= 0 && choice === (wizard.marked ?? 0);
        const rows = (
          <NumberedStep
            key={index}
            number={at < 0 ? null : at + 1}
            choice={choices.length === 0 ? null : {isFirst: choice >= 0, isMarked}}
            step={step}
            before={steps[at - 1]}
            title={titleBeside(step, explanation)}
            isFolded={!wizard.areGuardsShown}
          />
        );
        return isMarked && wizard.marked !== null ? <Anchor key={index}>{rows}</Anchor> : rows;
      })}
      {skipped.length > 0 && (
        <>
          <BlankRow />
          <Heading>skipped</Heading>
        </>
      )}
      {groupSkipped(skipped).map(group => (
        <Skipped key={group.reason} group={group} />
      ))}
    </Page>
  );
});

/** The number of steps and of skipped subjects, and what cannot be undone. */
function PlanSummary({plan: {steps, skipped}}: {plan: Plan}) {
  if (steps.length === 0)
    return (
      <Text>
        <Text role="good">{'  nothing to do'}</Text>
        {`; skipped: ${skipped.length}`}
      </Text>
    );
  const {text, isWarning} = undoSummary(steps);
  return (
    <>
      <Text role="strong">{`  ${counted(steps.length, 'step')}; skipped: ${skipped.length}`}</Text>
      <Prose text={text} role={isWarning ? 'warning' : 'plain'} />
    </>
  );
}

function undoSummary(steps: Step[]): {text: string; isWarning: boolean} {
  const having = (undo: 'irreversible' | 'unneeded') =>
    steps.flatMap((step, index) => (step.kind === 'sql' && step.undo === undo ? [index + 1] : []));
  const irreversible = having('irreversible');
  const isOne = steps.length === 1;
  if (irreversible.length > 0) {
    const isAll = irreversible.length === steps.length;
    const text = isAll
      ? `${isOne ? 'it cannot' : 'none of them can'} be undone`
      : `${irreversible.length} of ${steps.length} cannot be undone: ${irreversible.join(', ')}`;
    return {text, isWarning: true};
  }
  return {text: describeReversible(steps, having('unneeded')), isWarning: false};
}

/** `unneeded`: the numbers of the steps that need no undo. */
function describeReversible(steps: Step[], unneeded: number[]): string {
  const isOne = steps.length === 1;
  if (steps.every(({kind}) => kind === 'advice')) return 'advice: nothing is changed';
  if (unneeded.length === 0) return isOne ? 'it can be undone' : 'each of them can be undone';
  const isAll = steps.every((step, index) => step.kind === 'advice' || unneeded.includes(index + 1));
  if (!isAll) return `each of them can be undone, or needs no undo: ${unneeded.join(', ')}`;
  return isOne ? 'it needs no undo' : 'none of them needs an undo';
}

type NumberedStepProps = {
  /** null: left out. */
  number: number | null;
  /** Where steps can be left out: whether this is the first of its subject, and the marked one. */
  choice: {isFirst: boolean; isMarked: boolean} | null;
  step: Step;
  before: Step | undefined;
  title: string;
  isFolded: boolean;
};

function NumberedStep({number, choice, step, before, title, isFolded}: NumberedStepProps) {
  const isTaken = number !== null;
  const box = choice === null ? '' : choice.isFirst ? ` [${isTaken ? 'x' : ' '}]` : '    ';
  const sign = `${choice?.isMarked ? '>' : ' '}${(isTaken ? String(number) : '-').padStart(2)}${box}`;
  return (
    <>
      <Signed
        sign={sign}
        signRole={choice?.isMarked ? 'key' : 'muted'}
        text={isTaken ? title : `${title}: left out`}
        role={isTaken ? 'strong' : 'muted'}
      />
      {isTaken && <StepText step={step} before={before} isFolded={isFolded} />}
    </>
  );
}

function Skipped({group: {reason, members}}: {group: SkippedGroup}) {
  const {symbols} = useTheme();
  const [first = '', ...others] = members.map(({subject, description}) => `${subject} ${description}`);
  const isOne = others.length === 0;
  return (
    <>
      <Signed sign={symbols.bullet} signRole="muted" text={isOne ? `${first}: ${reason}` : `${reason}:`} />
      {!isOne && <Prose text={[first, ...others]} indent={6} />}
    </>
  );
}

/** What the plan is about to do, and where. */
export function ConfirmationPage({plan, server}: {plan: Plan; server: ServerIdentity | null}) {
  const {targetName, isProduction} = useConsole(state => ({
    targetName: state.targetName,
    isProduction: state.isProduction,
  }));
  const act = (plan.explanation[0] ?? plan.recipe).replace(/[:.]$/, '');
  const name = server === null ? '' : `, ${nameServer(server)}`;
  return (
    <Page>
      <Prose text={act} role="strong" />
      <Prose text={`on ${targetName}${name}${isProduction ? ', marked PRODUCTION' : ''}`} role="strong" />
      <BlankRow />
      <PlanSummary plan={plan} />
      <StepTitles plan={plan} />
    </Page>
  );
}

/** More steps than this are not listed. */
const mostTitles = 8;

function StepTitles({plan: {steps}}: {plan: Plan}) {
  const {symbols} = useTheme();
  const width = usePageWidth();
  if (steps.length > mostTitles) return null;
  return steps.map(({title}, index) => (
    <Text key={index}>{`  ${symbols.bullet} ${shorten(title, width - 6, symbols.ellipsis)}`}</Text>
  ));
}
