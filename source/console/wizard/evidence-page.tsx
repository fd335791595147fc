import {formatAge, formatBytes, formatRatio} from '../../core/text/format.ts';
import type {Finding, Recipe} from '../../model/recipe.ts';
import {useConsole, useTheme} from '../components/context.ts';
import {Page} from '../components/page.tsx';
import {BlankRow, PropertyRows, Prose, Signed} from '../components/prose.tsx';
import {Text} from '../components/text.tsx';
import {uniqueKeys} from '../rows/arrange.ts';
import {everyFinding, findingId} from '../state/findings.ts';
import {type RecipeWizard, recipeOf} from '../state/run.ts';
import type {ConsoleState} from '../state/state.ts';

/** What the recipe does, and its findings: first the one that it was opened from. */
export function EvidencePage({wizard}: {wizard: RecipeWizard}) {
  const recipe = useConsole(state => recipeOf(state, wizard));
  const findings = useConsole(state =>
    everyFinding(state).filter(finding => finding.recipe === wizard.recipe),
  );
  const isOrigin = (finding: Finding) => findingId(finding) === wizard.finding;
  const sorted = findings.toSorted((a, b) => Number(isOrigin(b)) - Number(isOrigin(a)));
  const keys = uniqueKeys(sorted.map(findingId));
  return (
    <Page>
      <Prose text={recipe?.summary ?? ''} />
      <BlankRow />
      {findings.length === 0 && recipe && !recipe.isBenchmark && <NothingFound recipe={recipe} />}
      {sorted.map((finding, index) => (
        <Evidence key={keys[index]} finding={finding} />
      ))}
      {!recipe?.plan && (
        <>
          <BlankRow />
          <Text role="muted">{'  this recipe only advises: it changes nothing'}</Text>
        </>
      )}
    </Page>
  );
}

/** Why there are no findings: "nothing found" only where everything could be checked. */
function NothingFound({recipe}: {recipe: Recipe}) {
  const {symbols} = useTheme();
  const gaps = useConsole(state => gapsOf(state, recipe));
  const isUnread = useConsole(
    state => requirementsOf(recipe).length > 0 && state.diagnosis_data_at_ms === null,
  );
  if (gaps.length > 0)
    return gaps.map(reason => (
      <Signed
        key={reason}
        sign={symbols.stale}
        signRole="warning"
        text={`could not check: ${reason}`}
        role="warning"
      />
    ));
  if (isUnread)
    return <Text role="muted">{'  not checked yet: its data is read with the next snapshots'}</Text>;
  return <Text role="good">{'  nothing found'}</Text>;
}

function requirementsOf({diagnoseRequires}: Recipe): string[] {
  return Object.keys({...diagnoseRequires, ...diagnoseRequires?.answers});
}

/** Why the recipe could not be diagnosed, or a part of it; each reason once. */
function gapsOf({undiagnosed, diagnosisData}: ConsoleState, recipe: Recipe): string[] {
  const required = requirementsOf(recipe);
  const gaps = [
    ...undiagnosed.filter(each => each.recipe === recipe.id),
    ...diagnosisData.unread.filter(({fact}) => required.includes(fact)),
  ];
  return [...new Set(gaps.map(({reason}) => reason))];
}

function Evidence({finding: {severity, summary, evidence}}: {finding: Finding}) {
  const {symbols} = useTheme();
  const isCritical = severity === 'critical';
  return (
    <>
      <Signed
        sign={isCritical ? symbols.critical : symbols.warning}
        signRole={isCritical ? 'danger' : 'warning'}
        text={summary}
        role="strong"
      />
      {Object.entries(evidence).map(([key, value]) => {
        const {name, text} = withUnit(key, value);
        return <PropertyRows key={key} name={name} value={text} indent={6} nameWidth={28} />;
      })}
    </>
  );
}

/** Formats a value by the unit in its name (`_ms`, `_bytes`, `_ratio`) and drops the unit from the name. */
export function withUnit(
  name: string,
  value: string | number | boolean | null,
): {name: string; text: string} {
  const [, bare = name, unit] = /^(.*)_(ms|bytes|ratio)$/.exec(name) ?? [];
  if (typeof value !== 'number' || unit === undefined) return {name, text: String(value ?? '-')};
  const format = {ms: formatAge, bytes: formatBytes, ratio: formatRatio}[unit as 'ms' | 'bytes' | 'ratio'];
  return {name: bare, text: format(value)};
}
