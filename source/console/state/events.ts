import {statementKey} from '../../core/activity/rates.ts';
import {costliestStatements} from '../../core/activity/statement-window.ts';
import {withFacts} from '../../core/recipe/diagnose.ts';
import {timeOfDay} from '../../core/text/clock.ts';
import {shownWindow, statementRows} from '../rows/statements.ts';
import {tableOf, unfreezeJournal} from './browsing.ts';
import {handleDialogEvent, inform} from './dialog.ts';
import {wizardOfRun} from './left-run.ts';
import {keepNow, type Past, playOn, readingPast, showPast} from './past.ts';
import {
  chartsOf,
  pushCharts,
  readSnapshot,
  requestDiagnosisData,
  withLink,
  wrongServerNotice,
} from './reading.ts';
import {restore} from './remembered.ts';
import {updateReplay} from './replay.ts';
import {type RecipeWizard, unfinishedNotice, updateRun} from './run.ts';
import {handleScanEvent} from './scan.ts';
import type {ConsoleState} from './state.ts';
import {type Effect, type Event, noEffects, type UpdateResult, withRun} from './state.ts';
import {takeBase} from './window.ts';
import {handleRecipeData} from './wizard.ts';

/** The next state after what the server, the terminal or an effect reports. */
export function handleEvent(state: ConsoleState, event: Event): UpdateResult {
  switch (event.kind) {
    case 'read':
      return takeSnapshot(state, event);
    case 'lost':
    case 'connecting':
      return noEffects({...state, link: event});
    case 'resized':
      return noEffects({...state, columns: event.columns, rows: event.rows});
    case 'remembered':
      return noEffects(restore(state, event.remembered));
    case 'diagnosis-data':
      return noEffects({
        ...state,
        diagnosisData: event.diagnosisData,
        facts_of_ms: event.at_ms,
        pooler_of_ms: event.at_ms,
      });
    case 'facts':
    case 'pooler':
      return noEffects({
        ...state,
        diagnosisData: withFacts(state.diagnosisData, event),
        ...(event.kind === 'facts' && {facts_of_ms: event.at_ms}),
        ...(event.facts.pooler && {pooler_of_ms: event.at_ms}),
      });
    case 'server-rows':
      return noEffects({...state, serverRows: event.serverRows});
    case 'scanned':
    case 'scan-failed':
      return noEffects(handleScanEvent(state, event));
    case 'session-described':
    case 'statement-formatted':
    case 'explained':
    case 'notice':
      return noEffects(handleDialogEvent(state, event));
    case 'past-read':
      return takePast(state, event);
    case 'whole-recording':
      return noEffects(state.past ? {...state, past: {...state.past, whole: event.whole}} : state);
    case 'window-read':
      return noEffects(takeBase(state, event));
    case 'play-on':
      return playOn(state);
    case 'journal-read':
      return noEffects(takeJournal(state, event));
    case 'data-loaded':
    case 'data-failed':
      return takeRecipeData(state, event);
    case 'run':
      return takeRun(state, event);
    case 'run-failed':
      return takeFailedRun(state, event);
    case 'replay-update':
    case 'replayed':
    case 'replay-failed':
      return noEffects(state.replay ? {...state, replay: updateReplay(state.replay, event)} : state);
  }
}

/** Shows a snapshot, or keeps it while the past is shown. */
function takeSnapshot(state: ConsoleState, event: Extract<Event, {kind: 'read'}>): UpdateResult {
  const linked = withLink(state, event);
  if (state.past !== null) return noEffects(keepSnapshot(linked, state.past, event));
  const moved = wrongServerNotice(state.link, linked.link);
  const next = readSnapshot(moved === null ? linked : inform(linked, moved, 'danger'), event.snapshot);
  if (state.isPaused) return noEffects(next);
  const requested = requestDiagnosisData(next);
  return {state: requested.state, effects: [showEffect(next), ...requested.effects]};
}

function keepSnapshot(
  state: ConsoleState,
  past: Past,
  {snapshot}: Extract<Event, {kind: 'read'}>,
): ConsoleState {
  return past.now === null
    ? state
    : keepNow(state, past, {
        snapshot,
        ...pushCharts(past.now, snapshot, state.diagnosisData.ofAssessment),
      });
}

/** Shows a snapshot of the past, with those before it for the charts; not where a wizard has been opened since it was requested. */
function takePast(
  state: ConsoleState,
  {times, snapshots, outage, is_before_first}: Extract<Event, {kind: 'past-read'}>,
): UpdateResult {
  if (state.wizard !== null || state.replay !== null) return noEffects(state);
  const snapshot = snapshots.at(-1);
  if (snapshot === undefined) return noEffects(inform(state, 'no snapshot is kept for that time'));
  const read = state.notice?.text === readingPast ? {...state, notice: null} : state;
  const informed = is_before_first ? inform(read, `nothing is kept before ${timeOfDay(snapshot.at)}`) : read;
  const known = {...informed, targetName: snapshot.target.id};
  return showPast(known, {times, outage}, {snapshot, ...chartsOf(snapshots)});
}

function takeJournal(state: ConsoleState, event: Extract<Event, {kind: 'journal-read'}>): ConsoleState {
  const {kind: _, ...journal} = event;
  const text = unfinishedNotice(state.journal, journal);
  const next = {...state, journal};
  return text === null ? next : inform(next, text, 'warning');
}

/** Data that no wizard waits for any more is ignored. */
function takeRecipeData(
  state: ConsoleState,
  event: Extract<Event, {kind: 'data-loaded' | 'data-failed'}>,
): UpdateResult {
  const {wizard} = state;
  return wizard?.dataRequest === event.dataRequest
    ? withRun(state, handleRecipeData(state, wizard, event))
    : noEffects(state);
}

/** After a run the data may have changed: it is read again with the next snapshot. */
function takeRun(state: ConsoleState, {run}: Extract<Event, {kind: 'run'}>): UpdateResult {
  const shown = changeRun(state, run.run, wizard => updateRun({...state, ...state.past?.now}, wizard, run));
  if (run.phase !== 'ended') return noEffects(shown);
  return {
    state: {...unfreezeJournal(shown), diagnosis_data_at_ms: null},
    effects: [{kind: 'read-journal'}],
  };
}

function takeFailedRun(
  state: ConsoleState,
  {run, message: error}: Extract<Event, {kind: 'run-failed'}>,
): UpdateResult {
  const shown = changeRun(state, run, wizard => ({...wizard, stage: 'done', error}));
  return {state: shown, effects: [{kind: 'read-journal'}]};
}

/** Changes the wizard of this run, on the screen or left. */
function changeRun(
  state: ConsoleState,
  run: string | null,
  change: (wizard: RecipeWizard) => RecipeWizard,
): ConsoleState {
  const place = wizardOfRun(state, run);
  const wizard = place && state[place];
  return place && wizard ? {...state, [place]: change(wizard)} : state;
}

/**
 * The statements whose texts are needed: those on the screen and a page around them; all that are listed once some turn
 * out to be variants of one, as more of them may be among the others.
 */
function shownStatements(state: ConsoleState): string[] {
  const isOverview = state.view !== 'statements';
  const rows = isOverview ? costliestStatements(shownWindow(state).rows) : statementRows(state);
  const hasVariants = rows.some(({variants}) => variants > 1);
  if (hasVariants) return state.snapshot?.statements.map(statementKey) ?? [];
  if (isOverview) return [...rows.map(({key}) => key), ...unnamedStatements(state)];
  const at = rows.findIndex(({key}) => key === tableOf(state, 'statements').cursor);
  const page = state.rows;
  return rows.slice(Math.max(0, at - page), Math.max(0, at) + 2 * page).map(({key}) => key);
}

/** At most this many of the newest: each is asked for once. */
const mostUnnamed = 20;

/** Statements that have changed, and whose texts were not among those read. */
function unnamedStatements({samples}: ConsoleState): string[] {
  const unnamed = samples.at(-1)?.log.entries.filter(({is_unnamed}) => is_unnamed) ?? [];
  return unnamed.slice(-mostUnnamed).map(({statement}) => statement ?? '');
}

/** The sampler reads statements at every tick only while their view is shown. */
export function showEffect(state: ConsoleState): Effect {
  const {view, past, isPaused, load} = state;
  return {
    kind: 'show',
    statements: view === 'statements',
    texts: shownStatements(state),
    // Waits needs the cores of the host, once.
    server: past !== null || isPaused ? null : serverPaceOf(view, load),
  };
}

function serverPaceOf(view: ConsoleState['view'], {cores}: ConsoleState['load']): 'shown' | 'host' | null {
  if (view === 'server') return 'shown';
  return view === 'waits' && cores === undefined ? 'host' : null;
}
