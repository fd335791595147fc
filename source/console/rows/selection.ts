import {statementKey} from '../../core/activity/rates.ts';
import {poolKey} from '../../core/assessment/sample.ts';
import type {ServerRow} from '../../core/server/topics/index.ts';
import {sessionId} from '../../core/sessions/session.ts';
import {findRoute} from '../../core/text/route.ts';
import type {ApplicationPool} from '../../model/application-pool.ts';
import type {Backend, BudgetGroup, Statement} from '../../model/snapshot.ts';
import {openTable} from '../state/browsing.ts';
import {currentFinding} from '../state/findings.ts';
import {type ConsoleState, openView} from '../state/state.ts';
import {findingFilter, groupId, groupRows} from './groups.ts';
import {type ScanRow, scanRows} from './scan.ts';
import {serverViewRows} from './server.ts';

/** The session, statement or pool whose page is open; else what the cursor rests on: the row that was selected, or the first one shown; null in an empty list. */
export function selectedId(state: ConsoleState): string | null {
  const {overlay} = state;
  if (overlay !== null && 'id' in overlay && overlay.kind !== 'finding') return overlay.id;
  return openTable(state).cursor ?? firstId(state);
}

/** Cached by state, which is immutable: keys, footer and view each ask for its first row. */
const firstIds = new WeakMap<ConsoleState, string | null>();

function firstId(state: ConsoleState): string | null {
  const known = firstIds.get(state);
  if (known !== undefined) return known;
  const first = openView(state).ids(state)[0] ?? null;
  firstIds.set(state, first);
  return first;
}

/** The selected session as it is now; undefined when it has ended. */
export function selectedSession(state: ConsoleState): Backend | undefined {
  const isShown = state.overlay?.kind === 'session' || openView(state).isOfSessions;
  if (!isShown) return undefined;
  const id = selectedId(state);
  return state.snapshot?.backends.find(backend => sessionId(backend) === id);
}

/** The ids of the sessions that `C` and `K` act on: the one whose page is open, else the tagged, else the selected one; none of groups. */
export function targetSessions(state: ConsoleState): string[] {
  if (state.overlay?.kind === 'session') return [state.overlay.id];
  const {tagged, groupBy} = openTable(state);
  if (groupBy !== null) return [];
  if (state.overlay?.kind === 'row') return [state.overlay.id];
  if (tagged.length > 0) return tagged;
  const id = selectedId(state);
  return id === null ? [] : [id];
}

/** The group of sessions selected in the Overview. */
export function selectedGroup(state: ConsoleState): BudgetGroup | undefined {
  if (state.view !== 'overview' || state.overlay !== null) return undefined;
  const id = selectedId(state);
  return groupRows(state).find(group => groupId(group) === id);
}

/** The filter of the sessions that the finding on the screen names; null where there are none. */
export function filterOfFinding(state: ConsoleState): string | null {
  const {overlay, snapshot} = state;
  if (overlay?.kind !== 'finding' || snapshot === null) return null;
  return findingFilter(currentFinding(state, overlay), snapshot);
}

export function selectedStatement(state: ConsoleState): Statement | undefined {
  if (state.view !== 'statements') return undefined;
  const id = selectedId(state);
  return state.snapshot?.statements.find(statement => statementKey(statement) === id);
}

export function selectedPool(state: ConsoleState): ApplicationPool | undefined {
  if (state.view !== 'pools') return undefined;
  const id = selectedId(state);
  return state.assessment?.applications.find(pool => poolKey(pool) === id);
}

export function selectedServerRow(state: ConsoleState): ServerRow | undefined {
  if (state.view !== 'server') return undefined;
  const id = selectedId(state);
  return serverViewRows(state).find(row => row.id === id);
}

/** The row of Scan. */
export function selectedEndpoint(state: ConsoleState): ScanRow | undefined {
  if (state.view !== 'scan') return undefined;
  const id = selectedId(state);
  return scanRows(state).find(row => row.id === id);
}

/** The file that replays a route, whichever form of it the file names; null without one. */
export function endpointFileOf({scan}: ConsoleState, route: string): string | null {
  const files = scan?.result?.endpoint_files ?? {};
  const found = findRoute(route, Object.keys(files));
  return found === null ? null : (files[found] ?? null);
}

/** Why the selected endpoint of the source cannot be replayed; null where it can. */
export function whyNoReplay(state: ConsoleState): string | null {
  const row = selectedEndpoint(state);
  if (!row?.endpoint) return 'no endpoint selected';
  return endpointFileOf(state, row.route) === null
    ? `no endpoint file for this route: poolctl replay --capture '${row.route}' writes one`
    : null;
}

/** The run selected in the Journal. */
export function selectedRun(state: ConsoleState): string | undefined {
  const id = selectedId(state);
  return state.journal?.entries.find(({seq}) => String(seq) === id)?.run;
}

/** The statement that `y` copies. */
export function copyText(state: ConsoleState): string | null {
  return selectedSession(state)?.query ?? selectedStatement(state)?.query ?? null;
}
