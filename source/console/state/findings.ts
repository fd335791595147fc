import {diagnoseAll, diagnoseRecorded} from '../../core/recipe/diagnose.ts';
import type {Finding} from '../../model/recipe.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {statementId} from '../views/statements.ts';
import type {ConsoleState} from './state.ts';

/** Letters for the findings of the Overview: those without another meaning there. */
export const findingLetters = ['a', 'b', 'c', 'd', 'e', 'f', 'i', 'l', 'm', 'n'] as const;

/** The same in every snapshot for as long as its subject exists. */
export function findingId(finding: Finding): string {
  return `${finding.recipe}/${finding.subject}`;
}

/** Letters by finding id: a finding keeps its letter, new ones get free letters, the worst first. */
function assignLetters(before: ConsoleState['letters'], findings: Finding[]): ConsoleState['letters'] {
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
function inLetterOrder(findings: Finding[], letters: ConsoleState['letters']): Finding[] {
  const rank = (finding: Finding) => letters[findingId(finding)] ?? '~';
  return findings.toSorted(
    (a, b) =>
      Number(b.severity === 'critical') - Number(a.severity === 'critical') ||
      Number(rank(a) > rank(b)) - Number(rank(a) < rank(b)),
  );
}

/** The finding with this letter. */
export function findingOf(
  {findings, letters}: Pick<ConsoleState, 'findings' | 'letters'>,
  letter: string,
): Finding | undefined {
  return findings.find(finding => letters[findingId(finding)] === letter);
}

/** Values kept per statement, newest last. */
const trendLength = 120;
const trendedStatements = 200;

/** Diagnoses the snapshot shown, worst first. For the past it uses the data recorded with the snapshot. */
export function diagnose(state: ConsoleState): ConsoleState {
  const {snapshot, recipes, diagnosisData, past} = state;
  if (snapshot === null) return state;
  const {findings, failed} =
    past === null ? diagnoseAll(recipes, snapshot, diagnosisData.facts) : diagnoseRecorded(recipes, snapshot);
  const letters = assignLetters(state.letters, findings);
  return {...state, findings: inLetterOrder(findings, letters), undiagnosed: failed, letters};
}

export function pushTrends(trends: ConsoleState['trends'], snapshot: Snapshot): ConsoleState['trends'] {
  const next: ConsoleState['trends'] = {};
  for (const statement of snapshot.statements.slice(0, trendedStatements)) {
    const {rates} = statement;
    const id = statementId(statement);
    const values = trends[id] ?? [];
    next[id] = rates ? [...values.slice(1 - trendLength), rates.exec_ms_per_second] : values;
  }
  return next;
}
