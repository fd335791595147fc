import {sessionId} from '../../core/sessions/session.ts';
import {pageStep} from '../components/page.ts';
import {interaction} from '../load-interaction.ts';
import {selectedRun} from '../views/journal.ts';
import {goBack, moveCursor, releaseRecipes, sortBy, tagSelected} from './browsing.ts';
import {findingId, findingOf} from './findings.ts';
import {handleEvent} from './handle-event.ts';
import type {Command, Event, Message} from './messages.ts';
import {backToNow, changeSpeed, goInTime, togglePlaying} from './past.ts';
import {copyText, selectedSession, selectedStatement, showEffect} from './selection.ts';
import {type ConsoleState, type Notice, viewIds} from './state.ts';
import {noEffects, type UpdateResult, withInterval, withOverlay, withTable} from './update-result.ts';

/** The next state for a message, and the effects to perform. Pure. */
export function update(state: ConsoleState, message: Message): UpdateResult {
  return isEvent(message) ? handleEvent(state, message) : handleCommand(state, message);
}

const eventKinds = new Set<Message['kind']>([
  'read',
  'lost',
  'connecting',
  'resized',
  'session-described',
  'statement-formatted',
  'explained',
  'journal-read',
  'diagnosis-data',
  'data-loaded',
  'data-failed',
  'run',
  'run-failed',
  'replay-update',
  'replayed',
  'replay-failed',
  'notice',
  'past-read',
  'play-on',
] satisfies Event['kind'][]);

function isEvent(message: Message): message is Event {
  return eventKinds.has(message.kind);
}

const intervalStepsMs = [500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

function handleCommand(state: ConsoleState, command: Command): UpdateResult {
  const quiet = state.notice === null ? state : {...state, notice: null};
  if (quiet.overlay?.kind === 'wizard' && isWizardCommand(command))
    return interaction().handleWizardCommand(quiet, quiet.overlay.wizard, command);
  if (quiet.overlay?.kind === 'replay' && isWizardCommand(command))
    return interaction().handleReplayCommand(quiet, quiet.overlay, command);
  switch (command.kind) {
    case 'show-view':
      return showView(quiet, command.view);
    case 'cycle-view':
      return showView(
        quiet,
        viewIds[(viewIds.indexOf(quiet.view) + command.by + viewIds.length) % viewIds.length] ?? 'overview',
      );
    case 'move':
      return noEffects(moveBy(quiet, command.by));
    case 'page':
      return noEffects(moveBy(quiet, command.by * pageStep(quiet)));
    case 'edge':
      return noEffects(moveBy(quiet, command.to === 'first' ? -Infinity : Infinity));
    case 'tag':
      return noEffects(moveCursor(tagSelected(quiet), 1));
    case 'open':
      return open(quiet);
    case 'sort-next':
      return noEffects(sortBy(quiet, 1));
    case 'sort-previous':
      return noEffects(sortBy(quiet, -1));
    case 'sort-reverse':
      return noEffects(
        withTable(quiet, table => ({
          ...table,
          sort: {...table.sort, isDescending: !table.sort.isDescending},
          frozenOrder: null,
        })),
      );
    case 'prompt':
      return noEffects({
        ...quiet,
        overlay: {
          kind: 'prompt',
          purpose: command.purpose,
          text: command.purpose === 'filter' ? quiet.tables[quiet.view].filter : '',
          before: quiet.tables[quiet.view].filter,
          error: null,
        },
      });
    case 'type':
      return noEffects(editPrompt(quiet, text => text + command.text));
    case 'paste':
      return quiet.overlay?.kind === 'prompt'
        ? noEffects(editPrompt(quiet, text => text + command.text))
        : noEffects({...quiet, notice: pasteNotice});
    case 'erase':
      return noEffects(editPrompt(quiet, text => [...text].slice(0, -1).join('')));
    case 'submit':
      return submitPrompt(quiet);
    case 'pause':
      if (quiet.past !== null) return togglePlaying(quiet, quiet.past);
      return noEffects({...quiet, isPaused: !quiet.isPaused});
    case 'change-interval':
      if (quiet.past !== null) return changeSpeed(quiet, quiet.past, command.faster);
      return changeInterval(quiet, command.faster);
    case 'step-time':
      return goInTime(quiet, {by: command.by});
    case 'leap-time':
      return goInTime(quiet, {by_ms: command.by_ms});
    case 'back-to-now':
      return backToNow(quiet);
    case 'write-out':
      return {state: quiet, effects: [{kind: 'write-out', file: command.file}]};
    case 'copy': {
      const text = copyText(quiet);
      return text === null
        ? noEffects({...quiet, notice: {text: 'y: no row selected', severity: 'info'}})
        : {state: {...quiet, notice: copiedNotice(text)}, effects: [{kind: 'copy', text}]};
    }
    case 'end-sessions':
      return interaction().openSessionWizard(quiet, command.how);
    case 'explain':
      return explain(quiet);
    case 'open-recipe':
      return openRecipe(quiet);
    case 'open-finding': {
      const finding = findingOf(quiet, command.letter);
      return finding ? interaction().openWizard(quiet, finding.recipe, finding) : noEffects(quiet);
    }
    case 'undo-run':
      return interaction().openUndo(quiet);
    case 'help':
      return noEffects({...quiet, overlay: {kind: 'help', scroll: 0}});
    case 'back':
      return noEffects(goBack(quiet));
    case 'choose':
    case 'open-blocker':
    case 'toggle-guards':
      return noEffects(quiet);
    case 'redraw':
      return {state: quiet, effects: [{kind: 'redraw'}]};
    case 'suspend':
      return {state: quiet, effects: [{kind: 'suspend'}]};
    case 'quit':
      return {state: quiet, effects: [{kind: 'quit'}]};
  }
}

/** A snapshot holds this much of a session's statement; the detail reads all of it. */
const longestRead = 2048;

/** Pasted text runs no keys. */
const pasteNotice: Notice = {
  text: 'Pasted text is ignored here. Paste it into a filter (/) or a command (:)',
  severity: 'info',
};

function copiedNotice(text: string): Notice {
  const isCut = text.length >= longestRead;
  return {text: isCut ? `copied the first ${text.length} characters` : 'copied', severity: 'info'};
}

function isWizardCommand(command: Command): boolean {
  return !['quit', 'suspend', 'redraw'].includes(command.kind);
}

function showView(state: ConsoleState, view: ConsoleState['view']): UpdateResult {
  const next: ConsoleState = {...(view === 'recipes' ? state : releaseRecipes(state)), view, overlay: null};
  return {
    state: next,
    effects: [showEffect(next), ...(view === 'journal' ? [{kind: 'read-journal'} as const] : [])],
  };
}

function open(state: ConsoleState): UpdateResult {
  const {cursor} = state.tables[state.view];
  if (cursor === null) return noEffects(state);
  switch (state.view) {
    case 'overview': {
      const finding = state.findings.find(candidate => findingId(candidate) === cursor);
      return finding ? interaction().openWizard(state, finding.recipe, finding) : noEffects(state);
    }
    case 'recipes':
      return interaction().openWizard(
        state,
        cursor,
        state.findings.find(({recipe}) => recipe === cursor) ?? null,
      );
    case 'sessions':
    case 'locks': {
      const backend = selectedSession(state);
      if (!backend) return noEffects({...state, notice: {text: 'this session has ended', severity: 'info'}});
      return {
        state: {...state, overlay: {kind: 'session', id: cursor, scroll: 0, detail: null, wizard: null}},
        effects: [{kind: 'describe-session', id: cursor, backend, isPast: state.past !== null}],
      };
    }
    case 'statements': {
      const statement = selectedStatement(state);
      if (!statement) return noEffects(state);
      return {
        state: {...state, overlay: {kind: 'statement', id: cursor, scroll: 0, text: null, explain: null}},
        effects:
          statement.query === null ? [] : [{kind: 'format-statement', id: cursor, query: statement.query}],
      };
    }
    case 'journal': {
      const run = selectedRun(state);
      return noEffects(run === undefined ? state : {...state, overlay: {kind: 'run', run, scroll: 0}});
    }
  }
}

function explain(state: ConsoleState): UpdateResult {
  const statement = selectedStatement(state);
  const id = state.tables.statements.cursor;
  if (!statement || id === null) return noEffects(state);
  return {
    state: {
      ...state,
      overlay: {
        kind: 'statement',
        id,
        scroll: 0,
        text: state.overlay?.kind === 'statement' ? state.overlay.text : null,
        explain: ['waiting for the plan'],
      },
    },
    effects: [{kind: 'explain', id, statement}],
  };
}

function openRecipe(state: ConsoleState): UpdateResult {
  if (state.view === 'recipes') return open(state);
  const {cursor} = state.tables[state.view];
  const backend = selectedSession(state);
  if (backend) {
    const finding = state.findings.find(({subject}) => subject === `backend:${backend.pid}`);
    return interaction().openWizard(state, finding?.recipe ?? 'kill-idle-sessions', finding ?? null, {
      pid: sessionId(backend),
    });
  }
  const finding = state.view === 'overview' ? state.findings.find(f => findingId(f) === cursor) : undefined;
  return finding ? interaction().openWizard(state, finding.recipe, finding) : showView(state, 'recipes');
}

function changeInterval(state: ConsoleState, faster: boolean): UpdateResult {
  const candidates = faster
    ? intervalStepsMs.filter(ms => ms < state.interval_ms)
    : intervalStepsMs.filter(ms => ms > state.interval_ms);
  const interval_ms = (faster ? candidates.at(-1) : candidates[0]) ?? state.interval_ms;
  return withInterval(state, interval_ms);
}

function editPrompt(state: ConsoleState, edit: (text: string) => string): ConsoleState {
  const edited = withOverlay(state, overlay =>
    overlay.kind === 'prompt' ? {...overlay, text: edit(overlay.text), error: null} : overlay,
  );
  return filterAsTyped(edited);
}

/** Applies the filter with every character. */
function filterAsTyped(state: ConsoleState): ConsoleState {
  const {overlay} = state;
  if (overlay?.kind !== 'prompt' || overlay.purpose !== 'filter') return state;
  return withTable(state, table => ({...table, filter: overlay.text, cursor: null, frozenOrder: null}));
}

function submitPrompt(state: ConsoleState): UpdateResult {
  const {overlay} = state;
  if (overlay?.kind !== 'prompt') return noEffects(state);
  if (overlay.purpose === 'filter') return noEffects({...state, overlay: null});
  const closed = {...state, overlay: null};
  const entered = interaction().enterCommandLine(closed, overlay.text);
  if ('error' in entered) return noEffects({...state, overlay: {...overlay, error: entered.error}});
  return 'command' in entered ? handleCommand(closed, entered.command) : entered;
}

/** Scrolls the open page, or moves the cursor. */
function moveBy(state: ConsoleState, by: number): ConsoleState {
  if (!state.overlay) return moveCursor(state, by);
  return withOverlay(state, overlay =>
    'scroll' in overlay
      ? {...overlay, scroll: clamp(overlay.scroll + by, interaction().mostScroll(state))}
      : overlay,
  );
}

function clamp(value: number, most: number): number {
  return Math.max(0, Math.min(most, value));
}
