import type {Finding} from '../model/finding.ts';
import type {ConsoleState} from './state.ts';

/** One key per finding, of the letters that mean nothing else on the Overview. */
export const findingLetters = ['a', 'b', 'c', 'd', 'e', 'f', 'i', 'l', 'm', 'n'] as const;

/** The same from reading to reading, for as long as what it is about lives. */
export function findingId(finding: Finding): string {
  return `${finding.recipe}/${finding.subject}`;
}

/** Letters by finding: who has one keeps it, whoever comes gets one that is free, the worst first. */
export function assignLetters(before: ConsoleState['letters'], findings: Finding[]): ConsoleState['letters'] {
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

/** The worst first, and among those that are as bad, letters in their order: nothing jumps while they live. */
export function inLetterOrder(findings: Finding[], letters: ConsoleState['letters']): Finding[] {
  const rank = (finding: Finding) => letters[findingId(finding)] ?? '~';
  return findings.toSorted(
    (a, b) =>
      Number(b.severity === 'critical') - Number(a.severity === 'critical') ||
      Number(rank(a) > rank(b)) - Number(rank(a) < rank(b)),
  );
}

/** The finding a letter stands for now. */
export function findingOf(
  {findings, letters}: Pick<ConsoleState, 'findings' | 'letters'>,
  letter: string,
): Finding | undefined {
  return findings.find(finding => letters[findingId(finding)] === letter);
}
