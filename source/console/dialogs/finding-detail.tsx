import {timeOfDay} from '../../core/text/clock.ts';
import {formatAge, formatRatio} from '../../core/text/format.ts';
import type {Act, Change, Finding, Harm} from '../../model/recipe.ts';
import {useConsole, useTheme} from '../components/context.ts';
import {Page} from '../components/page.tsx';
import {BlankRow, Heading, PropertyRows, Prose, Signed} from '../components/prose.tsx';
import {Text} from '../components/text.tsx';
import {currentFinding, findingLetters} from '../state/findings.ts';
import {withUnit} from '../wizard/evidence-page.tsx';

/** A finding: what is affected, by what, why, since when, how sure, and the possible fixes side by side. */
export function FindingDetail(opened: {id: string; finding: Finding}) {
  const {symbols} = useTheme();
  const finding = useConsole(state => currentFinding(state, opened));
  const isGone = useConsole(state => !state.findings.includes(finding));
  const at = useConsole(state => state.snapshot?.at ?? null);
  const {severity, summary, reasons = [], changes = [], acts = [], evidence, harm} = finding;
  const isCritical = severity === 'critical';
  return (
    <Page>
      <Signed
        sign={isCritical ? symbols.critical : symbols.warning}
        signRole={isCritical ? 'danger' : 'warning'}
        text={summary}
        role="strong"
      />
      {isGone && <Prose text="not in the last snapshot any more" role="good" indent={4} />}
      <BlankRow />
      {harm && <HarmRows harm={harm} at={at} />}
      {finding.confidence && (
        <PropertyRows name="how sure" value={confidences[finding.confidence]} nameWidth={nameWidth} />
      )}
      {reasons.length > 0 && (
        <>
          <BlankRow />
          <Heading>why</Heading>
          <Prose text={reasons} indent={4} />
        </>
      )}
      {changes.length > 0 && (
        <>
          <BlankRow />
          <Heading>what changed</Heading>
          <ChangeRows changes={changes} />
        </>
      )}
      <BlankRow />
      <Heading>{acts.length > 1 ? 'possible fixes, recommended first' : 'what can be done'}</Heading>
      {acts.map((act, index) => (
        <ActRows key={act.title} act={act} letter={findingLetters[index]} />
      ))}
      {acts.length === 0 && <Prose text="nothing that poolctl knows" indent={4} />}
      <BlankRow />
      <Heading>figures</Heading>
      {Object.entries(evidence).map(([key, value]) => {
        const {name, text} = withUnit(key, value);
        return <PropertyRows key={key} name={name} value={text} indent={4} nameWidth={28} />;
      })}
    </Page>
  );
}

/** Changes with their times, oldest first. */
export function ChangeRows({changes}: {changes: readonly Change[]}) {
  return changes.map(({at, what}, index) => (
    <PropertyRows key={index} name={timeOfDay(at)} value={what} indent={4} nameWidth={12} />
  ));
}

const nameWidth = 14;

const confidences = {
  certain: 'certain: read from the server',
  likely: 'likely: nothing else that can be seen from here explains it',
  possible: 'possible: something else might explain it, too',
};

function HarmRows({harm, at}: {harm: Harm; at: string | null}) {
  const {share, since} = harm;
  const age_ms = since === null || at === null ? null : Date.parse(at) - Date.parse(since);
  const began =
    since === null
      ? 'before the first snapshot'
      : `${timeOfDay(since)}${age_ms === null ? '' : `, ${formatAge(Math.max(0, age_ms))} ago`}`;
  return (
    <>
      <PropertyRows name="since" value={began} nameWidth={nameWidth} />
      <PropertyRows
        name="affected"
        value={`${affectedText(harm)}, in ${formatRatio(share, 0)} of the snapshots of the last minute`}
        nameWidth={nameWidth}
      />
    </>
  );
}

/** Connections that are refused, and requests that wait in the application, cannot be counted from here. */
function affectedText({kind, sessions}: Harm): string {
  if (kind === 'slots') return 'new connections';
  if (kind === 'pool' && sessions === 0) return 'requests that wait in the application';
  return `${formatSessions(sessions)} on average`;
}

function formatSessions(sessions: number): string {
  const rounded = Math.round(sessions * 10) / 10;
  return `${rounded} ${rounded === 1 ? 'session' : 'sessions'}`;
}

/** Advice has no letter: nothing can be opened for it. */
function ActRows({act: {recipe, title, frees, costs}, letter}: {act: Act; letter: string | undefined}) {
  const hasKey = recipe !== null && letter !== undefined;
  return (
    <>
      <Text>
        <Text role="key">{hasKey ? `  [${letter}] ` : '      '}</Text>
        <Text role="strong">{title}</Text>
        <Text role="muted">{recipe === null ? '' : `  ${recipe}`}</Text>
      </Text>
      {frees !== null && <PropertyRows name="effect" value={frees} indent={6} nameWidth={8} />}
      {costs !== '' && <PropertyRows name="note" value={costs} indent={6} nameWidth={8} />}
    </>
  );
}
