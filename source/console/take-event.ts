import {pushSample} from '../core/history.ts';
import type {Snapshot} from '../core/snapshot.ts';
import {assignLetters} from './findings.ts';
import {updateGuideRun} from './guide.ts';
import {showEffect, shownQueryIds} from './held.ts';
import type {Event} from './messages.ts';
import type {ConsoleState} from './state.ts';
import {only, type Updated, withOverlay} from './updated.ts';
import {statementId} from './views/statements.ts';

/** Statement trends kept per statement, newest last. */
const trendLength = 120;
const trendedStatements = 200;

/** What the world says, taken into the state. */
export function takeEvent(state: ConsoleState, event: Event): Updated {
  switch (event.kind) {
    case 'read':
      return takeReading(state, event);
    case 'lost':
      return only({...state, link: event});
    case 'connecting':
      return only({...state, link: {kind: 'connecting', message: event.message}});
    case 'resized':
      return only({...state, columns: event.columns, rows: event.rows});
    case 'session-described':
      return only(
        withOverlay(state, overlay =>
          overlay.kind === 'session' && overlay.id === event.id ? {...overlay, detail: event.lines} : overlay,
        ),
      );
    case 'statement-formatted':
      return only(
        withOverlay(state, overlay =>
          overlay.kind === 'statement' && overlay.id === event.id ? {...overlay, text: event.lines} : overlay,
        ),
      );
    case 'explained':
      return only(
        withOverlay(state, overlay =>
          overlay.kind === 'statement' && overlay.id === event.id
            ? {...overlay, explain: event.lines}
            : overlay,
        ),
      );
    case 'journal-read':
      return only(takeJournal(state, event));
    case 'run':
      return {
        state: updateGuideRun(state, event.run),
        effects: event.run.phase === 'ended' ? [{kind: 'read-journal'}] : [],
      };
    case 'run-failed':
      return {
        state: withOverlay(state, overlay =>
          overlay.kind === 'guide'
            ? {...overlay, guide: {...overlay.guide, stage: 'done', error: event.message}}
            : overlay,
        ),
        effects: [{kind: 'read-journal'}],
      };
    case 'notice':
      return only({...state, notice: event.notice});
  }
}

function takeJournal(state: ConsoleState, event: Extract<Event, {kind: 'journal-read'}>): ConsoleState {
  const {entries, problem, unfinished} = event;
  const isNew = state.journal === null && unfinished > 0;
  const text = `${unfinished} act(s) of an earlier run never told their outcome: unknown, verify (6 Journal)`;
  return {
    ...state,
    journal: {entries, problem, unfinished},
    notice: isNew ? {text, severity: 'warning'} : state.notice,
  };
}

function takeReading(
  state: ConsoleState,
  {snapshot, effective_interval_ms, cameByRescue = false}: Extract<Event, {kind: 'read'}>,
): Updated {
  const history = pushSample(state.history, snapshot);
  const live: ConsoleState = {
    ...state,
    history,
    effective_interval_ms,
    link: {kind: 'live', cameByRescue},
    targetName: snapshot.target.id,
  };
  if (state.isPaused) return only(live);
  const findings = state.recipes
    .flatMap(recipe => recipe.diagnose(snapshot, {}))
    .sort((a, b) => Number(b.severity === 'critical') - Number(a.severity === 'critical'));
  const letters = assignLetters(state.letters, findings);
  const next = {...live, snapshot, findings, letters, trends: pushTrends(state.trends, snapshot)};
  const shown = shownQueryIds(next);
  const before = shownQueryIds(state);
  const isSame = shown.length === before.length && shown.every((id, index) => id === before[index]);
  return {state: next, effects: isSame && state.snapshot !== null ? [] : [showEffect(next)]};
}

function pushTrends(trends: ConsoleState['trends'], snapshot: Snapshot): ConsoleState['trends'] {
  const next: ConsoleState['trends'] = {};
  for (const statement of snapshot.statements.slice(0, trendedStatements)) {
    const {rates} = statement;
    const id = statementId(statement);
    const values = trends[id] ?? [];
    next[id] = rates ? [...values.slice(1 - trendLength), rates.exec_ms_per_second] : values;
  }
  return next;
}
