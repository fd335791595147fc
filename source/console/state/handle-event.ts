import {pushSample} from '../../core/activity/budget.ts';
import {compareServers, serverDifference} from '../../core/server/server-identity.ts';
import {counted} from '../../core/text/format.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {interaction} from '../load-interaction.ts';
import {releaseJournal} from './browsing.ts';
import {diagnose, pushTrends} from './findings.ts';
import type {Effect, Event} from './messages.ts';
import {handlePastRead, keepNow, playOn} from './past.ts';
import {showEffect, shownQueryIds} from './selection.ts';
import type {ConsoleState, LiveLink, Notice} from './state.ts';
import {noEffects, type UpdateResult, withOverlay} from './update-result.ts';
import {withWizard, wizardOf} from './wizard.ts';

/** Takes what the server, the terminal and effects report into the state. */
export function handleEvent(state: ConsoleState, event: Event): UpdateResult {
  switch (event.kind) {
    case 'read':
      return handleSnapshot(state, event);
    case 'lost':
      return noEffects({...state, link: event});
    case 'connecting':
      return noEffects({...state, link: {kind: 'connecting', message: event.message}});
    case 'resized':
      return noEffects({...state, columns: event.columns, rows: event.rows});
    case 'session-described':
      return noEffects(
        withOverlay(state, overlay =>
          overlay.kind === 'session' && overlay.id === event.id ? {...overlay, detail: event.lines} : overlay,
        ),
      );
    case 'statement-formatted':
      return noEffects(
        withOverlay(state, overlay =>
          overlay.kind === 'statement' && overlay.id === event.id ? {...overlay, text: event.lines} : overlay,
        ),
      );
    case 'explained':
      return noEffects(
        withOverlay(state, overlay =>
          overlay.kind === 'statement' && overlay.id === event.id
            ? {...overlay, explain: event.lines}
            : overlay,
        ),
      );
    case 'journal-read':
      return noEffects(handleJournal(state, event));
    case 'diagnosis-data':
      return noEffects(diagnose({...state, diagnosisData: event.diagnosisData}));
    case 'past-read':
      return handlePastRead(state, event);
    case 'play-on':
      return playOn(state);
    case 'data-loaded':
    case 'data-failed':
      return interaction().handleRecipeData(state, event);
    case 'run':
      return event.run.phase === 'ended'
        ? {
            state: interaction().updateRun(releaseJournal(changed(state)), event.run),
            effects: [{kind: 'read-journal'}],
          }
        : noEffects(interaction().updateRun(state, event.run));
    case 'run-failed': {
      const wizard = wizardOf(state);
      return {
        state: wizard ? withWizard(state, {...wizard, stage: 'done', error: event.message}) : state,
        effects: [{kind: 'read-journal'}],
      };
    }
    case 'replay-update':
    case 'replayed':
    case 'replay-failed':
      return interaction().handleReplayEvent(state, event);
    case 'notice':
      return noEffects({...state, notice: event.notice});
  }
}

function handleJournal(state: ConsoleState, event: Extract<Event, {kind: 'journal-read'}>): ConsoleState {
  const {kind: _, ...journal} = event;
  const {unfinished} = journal;
  const isNew = state.journal === null && unfinished > 0;
  const text = `${counted(unfinished, 'step')} of an earlier run ended without a recorded result: check the Journal (6)`;
  return {
    ...state,
    journal,
    notice: isNew ? {text, severity: 'warning'} : state.notice,
  };
}

function handleSnapshot(
  state: ConsoleState,
  {snapshot, effective_interval_ms, viaRescueUrl = false}: Extract<Event, {kind: 'read'}>,
): UpdateResult {
  if (state.past !== null) {
    const link = linkOf(state, snapshot, viaRescueUrl);
    const server = state.server ?? snapshot.target.server ?? null;
    return noEffects(keepNow({...state, effective_interval_ms, link, server}, state.past, snapshot));
  }
  const history = pushSample(state.history, snapshot);
  const link = linkOf(state, snapshot, viaRescueUrl);
  const live: ConsoleState = {
    ...state,
    history,
    effective_interval_ms,
    link,
    notice: newlyMoved(state, link) ?? state.notice,
    server: state.server ?? snapshot.target.server ?? null,
    targetName: snapshot.target.id,
  };
  if (state.isPaused) return noEffects(live);
  const next = diagnose({...live, snapshot, trends: pushTrends(state.trends, snapshot)});
  const shown = shownQueryIds(next);
  const before = shownQueryIds(state);
  const isSame = shown.length === before.length && shown.every((id, index) => id === before[index]);
  const effects: Effect[] = isSame && state.snapshot !== null ? [] : [showEffect(next)];
  const at_ms = Date.parse(snapshot.at);
  return isDiagnosisDataDue(next, at_ms)
    ? {state: {...next, diagnosis_data_at_ms: at_ms}, effects: [...effects, {kind: 'load-diagnosis-data'}]}
    : {state: next, effects};
}

/** The rescue URL, or the address after a reconnect, may lead to another server than at the start. */
function linkOf({server}: ConsoleState, {target}: Snapshot, viaRescueUrl: boolean): LiveLink {
  const now = target.server;
  const likeness = server === null || now === undefined ? 'same' : compareServers(server, now);
  const isOther = likeness === 'other' || (likeness === 'unknown' && viaRescueUrl);
  const by = viaRescueUrl ? 'the rescue URL' : 'the address';
  const another_server =
    isOther && server !== null && now !== undefined
      ? `${by} leads to another server: ${serverDifference(server, now)}`
      : null;
  return {kind: 'live', viaRescueUrl, another_server};
}

function newlyMoved({link: before}: ConsoleState, {another_server: text}: LiveLink): Notice | null {
  const isTold = before.kind === 'live' && before.another_server === text;
  return text === null || isTold ? null : {text, severity: 'danger'};
}

const diagnosisDataEveryMs = 60_000;
/** Expensive data is read only after this many snapshots: the first frame and the keys come first. */
const leastReadings = 2;

/** Data that diagnoses require is read once a minute, by the server's clock, and never while paused. */
function isDiagnosisDataDue({recipes, history, diagnosis_data_at_ms}: ConsoleState, at_ms: number): boolean {
  if (history.length < leastReadings || recipes.every(({diagnoseRequires: watches}) => watches === undefined))
    return false;
  return diagnosis_data_at_ms === null || Math.abs(at_ms - diagnosis_data_at_ms) >= diagnosisDataEveryMs;
}

/** After a run the data may have changed: it is read again with the next snapshot. */
function changed(state: ConsoleState): ConsoleState {
  return {...state, diagnosis_data_at_ms: null};
}
