import {diagnoseAll} from '../core/recipe/diagnose.ts';
import {diagnoseRecorded} from '../core/recipe/fact-findings.ts';
import type {Snapshot} from '../model/snapshot.ts';
import {assignLetters, inLetterOrder} from './findings.ts';
import type {ConsoleState} from './state.ts';
import {statementId} from './views/statements.ts';

/** Statement trends kept per statement, newest last. */
const trendLength = 120;
const trendedStatements = 200;

/** What the recipes find in the reading on show, the worst first. Of the past, facts are those of then. */
export function diagnosed(state: ConsoleState): ConsoleState {
  const {snapshot, recipes, watched, past} = state;
  if (snapshot === null) return state;
  const {findings, failed} =
    past === null ? diagnoseAll(recipes, snapshot, watched.facts) : diagnoseRecorded(recipes, snapshot);
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
