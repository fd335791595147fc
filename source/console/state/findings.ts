import {
  type Diagnosis,
  type DiagnosisData,
  diagnoseAll,
  diagnoseRecorded,
} from '../../core/recipe/diagnose.ts';
import type {Finding, Recipe} from '../../model/recipe.ts';
import type {Snapshot} from '../../model/snapshot.ts';

/** Part of the reading slice: what the recipes find in the snapshot shown. */
export type Findings = {
  /** null before the first one. */
  snapshot: Snapshot | null;
  recipes: Recipe[];
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

/** The finding with this letter. */
export function findingOf(
  {findings, letters}: Pick<Findings, 'findings' | 'letters'>,
  letter: string,
): Finding | undefined {
  return findings.find(finding => letters[findingId(finding)] === letter);
}

/** Diagnoses the snapshot shown, worst first. A recorded snapshot is diagnosed with the data recorded with it. */
export function diagnose<State extends Findings>(state: State, isRecorded: boolean): State {
  const {snapshot, recipes, diagnosisData} = state;
  if (snapshot === null) return state;
  const {findings, failed} = isRecorded
    ? diagnoseRecorded(recipes, snapshot)
    : diagnoseAll(recipes, snapshot, diagnosisData.facts);
  const letters = assignLetters(state.letters, findings);
  return {...state, findings: inLetterOrder(findings, letters), undiagnosed: failed, letters};
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

/** Critical ones first, then by letter, so that findings do not jump. */
function inLetterOrder(findings: Finding[], letters: Findings['letters']): Finding[] {
  const rank = (finding: Finding) => letters[findingId(finding)] ?? '~';
  return findings.toSorted(
    (a, b) =>
      Number(b.severity === 'critical') - Number(a.severity === 'critical') ||
      Number(rank(a) > rank(b)) - Number(rank(a) < rank(b)),
  );
}
