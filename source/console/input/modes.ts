import {compareServers, serverDifference} from '../../core/server/server-identity.ts';
import {parseSessionId} from '../../core/sessions/session.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import {
  filterOfFinding,
  selectedGroup,
  selectedId,
  selectedRun,
  selectedSession,
  targetSessions,
  whyNoReplay,
} from '../rows/selection.ts';
import {openTable} from '../state/browsing.ts';
import {actOf, currentFinding, findingOf} from '../state/findings.ts';
import {whyNotLeave} from '../state/left-run.ts';
import {hasEnded} from '../state/replay.ts';
import {blockerOf, choicesOfPlan, hasGuardsToShow, isChoosing} from '../state/run.ts';
import {type ConsoleState, needsView, type UpdateResult} from '../state/state.ts';

/**
 * What the keys act on: a view, a page on top of it, or a field. `choice` is a field of a form whose value is one of a
 * list. `sessionPreview` is a session opened from a wizard: no key there leaves the wizard.
 */
export type Mode = 'browse' | 'help' | 'detail' | 'prompt' | 'wizard' | 'form' | 'choice' | 'sessionPreview';

/** The fields of a wizard. */
export const formModes: Mode[] = ['form', 'choice'];
/** Modes in which characters are text. */
export const typingModes: Mode[] = ['prompt', ...formModes];
/** Modes with a page that may be longer than the screen, and without a field. */
const pageModes: Mode[] = ['help', 'detail', 'wizard', 'sessionPreview'];
/** Modes with rows or a page that can be scrolled, and without a field. */
export const scrollModes: Mode[] = ['browse', ...pageModes];
export const everyMode: Mode[] = [...scrollModes, ...typingModes];

export function modeOf(state: ConsoleState): Mode {
  const {overlay, replay, wizard} = state;
  if (overlay?.kind === 'prompt' || overlay?.kind === 'help') return overlay.kind;
  if (overlay !== null) return wizard === null ? 'detail' : 'sessionPreview';
  if (replay !== null) return 'wizard';
  if (wizard === null) return 'browse';
  if (wizard.stage !== 'parameters' && wizard.stage !== 'confirm') return 'wizard';
  return isChoosing(state, wizard) ? 'choice' : 'form';
}

export type Binding = {
  keys: string[];
  modes: Mode[];
  /** In the footer, which leaves out keys without one. */
  label?: string | ((state: ConsoleState) => string);
  /** In the help and README. */
  help: string;
  /** Why the key does nothing now; null where it works. Shown beside the key instead of hiding it. */
  disabledBecause?(state: ConsoleState, key: string): string | null;
  /** Listed in the footer and the help of these views and their details only. */
  views?: ConsoleState['view'][];
  /** It asks the server for something, or leads to a change there: not while the past is shown. */
  needsServer?(state: ConsoleState): boolean;
  /** Also on a terminal too small to draw on. */
  worksUnseen?(state: ConsoleState): boolean;
  /** Its effect. */
  update(state: ConsoleState, key: string): UpdateResult;
};

/** Keys that the footer does not list. */
export function inModes(
  modes: Mode | Mode[],
  rows: [
    keys: string[],
    help: string,
    update: Binding['update'],
    disabledBecause?: Binding['disabledBecause'],
  ][],
): Binding[] {
  return rows.map(([keys, help, update, disabledBecause]) => ({
    ...{keys, modes: [modes].flat(), help, update},
    ...(disabledBecause && {disabledBecause}),
  }));
}

// `disabledBecause` of the keys in the keymap: why a key does nothing now; null where it works.

export function needsPast({past}: ConsoleState): string | null {
  return past?.now ? null : past === null ? 'this is the live view' : 'a recording has no live view';
}

export function needsNow({past}: ConsoleState): string | null {
  return past !== null && past.now === null ? 'this is a recording already' : null;
}

export function isGrouped(state: ConsoleState): boolean {
  return openTable(state).groupBy !== null;
}

/** The label of a key that does nothing with groups. */
export function ofRows(label: string): (state: ConsoleState) => string {
  return state => (isGrouped(state) ? '' : label);
}

/** Groups are not acted on, nor sorted. */
export function needsRows(state: ConsoleState): string | null {
  return !isGrouped(state) ? null : 'these are groups: Enter shows their rows, B all rows';
}

export function needsRow(state: ConsoleState): string | null {
  return selectedId(state) === null ? 'there is no row' : null;
}

/** Of the Overview all is shown, elsewhere a row. */
export function needsWhole(state: ConsoleState): string | null {
  if (state.view !== 'overview') return needsRow(state);
  return state.snapshot === null ? 'nothing has been read yet' : null;
}

/** The Overview has a detail of its own. */
export function needsDetail(state: ConsoleState): string | null {
  return state.view === 'overview' && state.snapshot !== null ? null : needsRow(state);
}

export function needsSessions(state: ConsoleState, key: string): string | null {
  if (key === 'K' && selectedGroup(state) !== undefined) return null;
  const elsewhere = needsView(state, view => view.isOfSessions);
  if (state.overlay?.kind !== 'session' && elsewhere !== null)
    return `${elsewhere}${key === 'K' ? ', and on a group here' : ''}`;
  const targets = targetSessions(state);
  const groups = needsRows(state);
  if (groups !== null && state.overlay?.kind !== 'session') return groups;
  if (targets.length === 0) return 'no session selected or tagged';
  if (targets.every(id => parseSessionId(id).backend_start === ''))
    return 'this role sees too little of the session to identify it';
  if (state.overlay?.kind === 'session' && !selectedSession(state)) return 'this session has ended';
  return state.link.kind === 'live' ? null : 'not connected';
}

export function needsStatement(state: ConsoleState): string | null {
  return state.view === 'statements' ? (needsRows(state) ?? needsRow(state)) : 'works in Statements (3)';
}

/** In other views the key opens the list of recipes. */
export function needsRecipe(state: ConsoleState): string | null {
  if (state.view === 'scan') return whyNoReplay(state);
  return state.view === 'recipes' ? needsRow(state) : null;
}

export function needsFinding(state: ConsoleState, letter: string): string | null {
  const {overlay, view} = state;
  if (overlay?.kind === 'finding')
    return actOf(currentFinding(state, overlay), letter) ? null : 'no such fix';
  if (view !== 'overview' || overlay !== null) return 'works in Overview (1)';
  return findingOf(state, letter) ? null : 'no such finding';
}

export function needsSessionsOfFinding(state: ConsoleState): string | null {
  if (state.overlay?.kind !== 'finding') return "works on a finding's page";
  return filterOfFinding(state) === null ? 'no session that is still there is named' : null;
}

/** A run can be undone only on the server where it was executed. */
export function needsUndoable(state: ConsoleState): string | null {
  if (state.view !== 'journal') return 'works in Journal (6)';
  const selected = selectedRun(state);
  if (selected === undefined) return needsRow(state);
  if (state.snapshot === null || state.link.kind !== 'live') return 'not connected';
  const run = state.journal?.entries.find(
    (entry): entry is JournalEntry & {event: 'run'} => entry.event === 'run' && entry.run === selected,
  );
  if (run === undefined) return `the start of run ${selected} is not in the journal`;
  if (state.journal?.isBroken) return 'the journal does not verify, so no run can be undone';
  const {id: here, server} = state.snapshot.target;
  if (run.target !== here) return `run ${selected} was on ${run.target}, this is ${here}`;
  if (run.server === undefined || server === undefined) return null;
  if (compareServers(run.server, server) !== 'other') return null;
  return `run ${selected}: ${serverDifference(run.server, server)}`;
}

export function needsBlocker(state: ConsoleState): string | null {
  const {wizard} = state;
  const pid = wizard && blockerOf(wizard)?.pid;
  if (pid === null || pid === undefined) return 'no step waits for a session';
  const isRead = state.snapshot?.backends.some(backend => backend.pid === pid);
  return isRead ? null : `session ${pid} is not in the last snapshot`;
}

export function needsChoices({wizard}: ConsoleState): string | null {
  return wizard && choicesOfPlan(wizard).length > 0 ? null : 'nothing to choose from here';
}

export function needsLongGuard(state: ConsoleState): string | null {
  const {wizard} = state;
  return wizard && hasGuardsToShow(wizard) ? null : 'no condition is collapsed here';
}

/** Only Esc stops a run: `q` may have been meant to close a page. */
export function needsEscape({overlay, replay, wizard}: ConsoleState, key: string): string | null {
  if (key !== 'q' || overlay !== null) return null;
  if (replay !== null) return hasEnded(replay) ? null : 'Esc ends the replay';
  return wizard?.stage === 'running' ? 'Esc stops the run, v leaves it running' : null;
}

/** A run can be left; a page before or after it is closed. */
export function needsPageToLeave(state: ConsoleState): string | null {
  const {replay, wizard} = state;
  if (replay !== null || wizard?.stage !== 'running') return 'Esc leaves this page';
  return state.leftRun === null ? null : whyNotLeave;
}

/** A run or a replay is on top, which Esc would stop. */
export function isRunning({overlay, replay, wizard}: ConsoleState): boolean {
  return overlay === null && (replay !== null || wizard?.stage === 'running');
}

/** To leave, or to go back to. */
export function needsRun(state: ConsoleState): string | null {
  if (state.replay !== null) return needsPageToLeave(state);
  return state.leftRun === null && state.wizard?.stage !== 'running' ? 'no run in the background' : null;
}
