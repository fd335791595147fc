import {assess, assessRecorded} from '../../core/assessment/assess.ts';
import {compareFindings} from '../../core/assessment/rank.ts';
import type {Diagnosis, DiagnosisData} from '../../core/recipe/diagnose.ts';
import type {Assessment, Sample} from '../../model/assessment.ts';
import type {Act, Finding, Recipe} from '../../model/recipe.ts';
import type {Snapshot} from '../../model/snapshot.ts';

/** Part of the reading slice: what the last minute up to the snapshot shown means. */
export type Findings = {
  /** null before the first one. */
  snapshot: Snapshot | null;
  /** Of the last minute, for the assessment; newest last. */
  samples: readonly Sample[];
  recipes: Recipe[];
  /** Of the snapshot shown; null before the first one. */
  assessment: Assessment | null;
  findings: Finding[];
  /** Recipes whose diagnosis failed. */
  undiagnosed: Diagnosis['failed'];
  /** Data that diagnoses require beyond the snapshot, and what could not be read. */
  diagnosisData: DiagnosisData;
  /** Letters of the findings, by finding id. */
  letters: Record<string, string>;
};

/** Letters for the findings of the Overview: those without another meaning there. */
export const findingLetters = ['a', 'b', 'c', 'd', 'e', 'f', 'i', 'l', 'm', 'n'] as const;

/** The same in every snapshot for as long as its subject exists. */
export function findingId(finding: Finding): string {
  return `${finding.recipe}/${finding.subject}`;
}

/** The finding of an open page as it is found now; as it was when the page was opened, if it is not found any more. */
export function currentFinding(
  {findings}: Pick<Findings, 'findings'>,
  {id, finding: opened}: {id: string; finding: Finding},
): Finding {
  return findings.find(each => findingId(each) === id) ?? opened;
}

/** The findings and what was seen besides: a recipe can be opened for both. */
export function everyFinding({
  findings,
  assessment,
}: Pick<Findings, 'findings' | 'assessment'>): readonly Finding[] {
  const also = assessment?.also ?? [];
  return also.length === 0 ? findings : [...findings, ...also];
}

/** The finding with this letter. */
export function findingOf(
  {findings, letters}: Pick<Findings, 'findings' | 'letters'>,
  letter: string,
): Finding | undefined {
  return findings.find(finding => letters[findingId(finding)] === letter);
}

/** The act with this letter on a finding's page; null for advice, which has none. */
export function actOf({acts = []}: Finding, letter: string): (Act & {recipe: string}) | null {
  const act = acts[(findingLetters as readonly string[]).indexOf(letter)];
  return act === undefined || act.recipe === null ? null : {...act, recipe: act.recipe};
}

/** Assesses the snapshot shown. A recorded snapshot is assessed with the facts recorded with it. */
export function diagnose<State extends Findings>(state: State, isRecorded: boolean): State {
  const {snapshot, samples, recipes, diagnosisData} = state;
  if (snapshot === null) return state;
  const assessment = isRecorded
    ? assessRecorded({recipes, snapshot, samples})
    : assess({recipes, snapshot, samples, data: diagnosisData});
  const {findings, failed: undiagnosed} = assessment;
  const letters = assignLetters(state.letters, findings);
  return {...state, assessment, findings: ranked(findings, letters), undiagnosed, letters};
}

/** Letters by finding id: a finding keeps its letter, new ones get free letters, the worst first. */
function assignLetters(before: Findings['letters'], findings: Finding[]): Findings['letters'] {
  const ids = findings.map(findingId);
  const letters = Object.fromEntries(ids.flatMap(id => (before[id] ? [[id, before[id]]] : [])));
  const taken = new Set(Object.values(letters));
  const free = findingLetters.filter(letter => !taken.has(letter));
  for (const id of ids) {
    const letter = letters[id] ?? free.shift();
    if (letter !== undefined) letters[id] = letter;
  }
  return letters;
}

/** Findings that explain as much harm as others are in the order of their letters, so that they do not jump. */
function ranked(findings: readonly Finding[], letters: Findings['letters']): Finding[] {
  const letterOf = (finding: Finding) => letters[findingId(finding)] ?? '~';
  return findings.toSorted(
    (a, b) => compareFindings(a, b) || Number(letterOf(a) > letterOf(b)) - Number(letterOf(a) < letterOf(b)),
  );
}
