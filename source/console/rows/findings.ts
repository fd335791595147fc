import type {Finding} from '../../model/recipe.ts';
import {findingId} from '../state/findings.ts';
import type {ConsoleState} from '../state/state.ts';
import {freezeOrder} from './arrange.ts';

export function orderedFindings({findings, tables}: Pick<ConsoleState, 'findings' | 'tables'>): Finding[] {
  return freezeOrder(findings, tables.overview.frozenOrder, findingId);
}
