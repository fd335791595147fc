import type {Backend} from '../../model/snapshot.ts';
import {type AbortError, usageError} from '../errors.ts';
import {thresholds} from '../health/thresholds.ts';
import {readList} from '../recipe/parameters.ts';

/** Maximum run time of each statement class. */
export const classLimitsMs = {
  simple: thresholds.simple_statement_ms.warning,
  standard: thresholds.standard_statement_ms.warning,
  complex: thresholds.complex_statement_ms.warning,
  report: thresholds.report_statement_ms.warning,
} as const;

export type StatementClass = keyof typeof classLimitsMs;

/** From the shortest to the longest. */
export const statementClasses = Object.keys(classLimitsMs) as StatementClass[];

/** Selects statements by role, application_name or words of the statement. `*` matches anything. */
export type Selector = {by: 'role' | 'application' | 'pattern'; glob: string};

export type ClassRules = {
  selectors: Record<StatementClass, Selector[]>;
  /** The class of all other statements; null skips them. */
  otherwise: StatementClass | null;
};

/** Parses `role:web, pattern:count(*`. Throws AbortError (exit 2) if it is invalid. */
export function readSelectors(name: string, text: string): Selector[] {
  return readList(text).map(word => {
    const [, by, glob] = /^(role|application|pattern):\s*(.+)$/is.exec(word) ?? [];
    if (by === undefined || glob === undefined) throw noSelector(name, word);
    return {by: by.toLowerCase() as Selector['by'], glob};
  });
}

function noSelector(name: string, word: string): AbortError {
  return usageError(
    `${name}: "${word}" is not a selector`,
    'write role:NAME, application:NAME or pattern:WORDS, comma-separated',
  );
}

/** The class with the longest limit that matches; null if none does. */
export function classOf(backend: Backend, {selectors, otherwise}: ClassRules): StatementClass | null {
  const fits = (name: StatementClass) => selectors[name].some(selector => matches(backend, selector));
  return statementClasses.findLast(fits) ?? otherwise;
}

/** Selectors of a role or application that no session has. */
export function absentSelectors({selectors}: ClassRules, backends: readonly Backend[]): Selector[] {
  return Object.values(selectors)
    .flat()
    .filter(selector => selector.by !== 'pattern' && !backends.some(each => matches(each, selector)));
}

function matches({usename, application_name, query}: Backend, {by, glob}: Selector): boolean {
  if (by === 'role') return globOf(`^${regexOf(glob)}$`).test(usename ?? '');
  if (by === 'application') return globOf(`^${regexOf(glob)}$`).test(application_name);
  return globOf(regexOf(glob.replace(/\s+/g, ' '))).test((query ?? '').replace(/\s+/g, ' '));
}

function globOf(pattern: string): RegExp {
  return new RegExp(pattern, 'is');
}

function regexOf(glob: string): string {
  return glob.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
}
