import {sessionId} from '../../core/sessions/session.ts';
import type {SortColumn, ViewId} from '../state/browsing.ts';
import {findingId} from '../state/findings.ts';
import type {ConsoleState} from '../state/state.ts';
import {changeColumns, changeId, changeRows} from './changes.ts';
import {orderedFindings, recipeId, recipeRows} from './findings.ts';
import {groupId, groupRows} from './groups.ts';
import {entryId, journalColumns, journalRows} from './journal.ts';
import {lockRows} from './locks.ts';
import {sessionColumns, sessionRows} from './sessions.ts';
import {statementColumns, statementRows} from './statements.ts';

type List = {
  /** Ids of what the cursor can rest on, in the order shown. */
  ids(state: ConsoleState): string[];
  /** Columns that a filter can name; [] where there is no filter. */
  columns: readonly {id: string; title: string}[];
  /** Columns that `s` walks through; [] where the order is fixed. */
  sortColumns: readonly SortColumn[];
};

/** The list of each view: what its keys need to know of it. */
export const lists: Record<ViewId, List> = {
  overview: {
    ids: state => [...orderedFindings(state).map(findingId), ...groupRows(state).map(groupId)],
    columns: [],
    sortColumns: [],
  },
  sessions: {
    ids: state => sessionRows(state).map(sessionId),
    columns: sessionColumns,
    sortColumns: sessionColumns,
  },
  statements: {
    ids: state => statementRows(state).map(({key}) => key),
    columns: statementColumns,
    sortColumns: statementColumns,
  },
  locks: {ids: state => lockRows(state).map(({id}) => id), columns: [], sortColumns: []},
  recipes: {ids: state => recipeRows(state).map(recipeId), columns: [], sortColumns: []},
  journal: {ids: state => journalRows(state).map(entryId), columns: journalColumns, sortColumns: []},
  changes: {ids: state => changeRows(state).map(changeId), columns: changeColumns, sortColumns: []},
};
