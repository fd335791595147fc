import {nameServer} from '../../core/server/server-identity.ts';
import type {Plan} from '../../model/recipe.ts';
import type {ServerIdentity} from '../../model/target.ts';
import {Page} from '../components/page.tsx';
import {BlankRow, Prose, usePageWidth} from '../components/prose.tsx';
import {shorten} from '../components/shorten.ts';
import {useConsole} from '../components/store-context.ts';
import {Text} from '../components/text.tsx';
import {useTheme} from '../components/theme-context.ts';
import {PlanSummary} from './preview-page.tsx';

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
