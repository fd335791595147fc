import {sessionId} from '../core/sessions/session-id.ts';
import {goBack, moveCursor, releaseRecipes, sortBy, tagHeld} from './browse.ts';
import {pageStep} from './components/page.ts';
import {findingId, findingOf} from './findings.ts';
import {copyText, heldSession, heldStatement, showEffect} from './held.ts';
import {interaction} from './load-interaction.ts';
import type {Command, Event, Message} from './messages.ts';
import {backToNow, changeSpeed, goInTime, togglePlaying} from './past.ts';
import {type ConsoleState, type Notice, viewIds} from './state.ts';
import {takeEvent} from './take-event.ts';
import {only, type Updated, withInterval, withOverlay, withTable} from './updated.ts';
import {heldRun} from './views/journal.ts';

/** The whole behaviour of the console: pure, effects as values. */
export function update(state: ConsoleState, message: Message): Updated {
  return isEvent(message) ? takeEvent(state, message) : obey(state, message);
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
  'watched',
  'gathered',
  'gather-failed',
  'run',
  'run-failed',
  'replay-update',
  'replayed',
  'replay-failed',
  'notice',
  'recalled',
  'play-on',
] satisfies Event['kind'][]);

function isEvent(message: Message): message is Event {
  return eventKinds.has(message.kind);
}

const intervalStepsMs = [500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

function obey(state: ConsoleState, command: Command): Updated {
  const quiet = state.notice === null ? state : {...state, notice: null};
  if (quiet.overlay?.kind === 'guide' && isGuideCommand(command))
    return interaction().stepGuide(quiet, quiet.overlay.guide, command);
  if (quiet.overlay?.kind === 'replay' && isGuideCommand(command))
    return interaction().stepReplay(quiet, quiet.overlay, command);
  switch (command.kind) {
    case 'show-view':
      return showView(quiet, command.view);
    case 'turn-view':
      return showView(
        quiet,
        viewIds[(viewIds.indexOf(quiet.view) + command.by + viewIds.length) % viewIds.length] ?? 'overview',
      );
    case 'move':
      return only(moveBy(quiet, command.by));
    case 'page':
      return only(moveBy(quiet, command.by * pageStep(quiet)));
    case 'edge':
      return only(moveBy(quiet, command.to === 'first' ? -Infinity : Infinity));
    case 'tag':
      return only(moveCursor(tagHeld(quiet), 1));
    case 'open':
      return open(quiet);
    case 'sort-next':
      return only(sortBy(quiet, 1));
    case 'sort-previous':
      return only(sortBy(quiet, -1));
    case 'sort-reverse':
      return only(
        withTable(quiet, table => ({
          ...table,
          sort: {...table.sort, isDescending: !table.sort.isDescending},
          heldOrder: null,
        })),
      );
    case 'ask':
      return only({
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
      return only(editPrompt(quiet, text => text + command.text));
    case 'paste':
      return quiet.overlay?.kind === 'prompt'
        ? only(editPrompt(quiet, text => text + command.text))
        : only({...quiet, notice: pasteNotice});
    case 'erase':
      return only(editPrompt(quiet, text => [...text].slice(0, -1).join('')));
    case 'submit':
      return submitPrompt(quiet);
    case 'pause':
      if (quiet.past !== null) return togglePlaying(quiet, quiet.past);
      return only({...quiet, isPaused: !quiet.isPaused});
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
        ? only({...quiet, notice: {text: 'y: nothing is held', severity: 'info'}})
        : {state: {...quiet, notice: copiedNotice(text)}, effects: [{kind: 'copy', text}]};
    }
    case 'end-sessions':
      return interaction().openSessionGuide(quiet, command.how);
    case 'explain':
      return explain(quiet);
    case 'open-recipe':
      return openRecipe(quiet);
    case 'answer-finding': {
      const finding = findingOf(quiet, command.letter);
      return finding ? interaction().openGuide(quiet, finding.recipe, finding) : only(quiet);
    }
    case 'undo-run':
      return interaction().openUndo(quiet);
    case 'help':
      return only({...quiet, overlay: {kind: 'help', scroll: 0}});
    case 'back':
      return only(goBack(quiet));
    case 'choose':
    case 'open-waited-for':
    case 'unfold':
      return only(quiet);
    case 'redraw':
      return {state: quiet, effects: [{kind: 'redraw'}]};
    case 'suspend':
      return {state: quiet, effects: [{kind: 'suspend'}]};
    case 'quit':
      return {state: quiet, effects: [{kind: 'quit'}]};
  }
}

/** A reading carries so much of a session's statement; the detail has all of it. */
const longestRead = 2048;

/** Pasted text runs no keys. */
const pasteNotice: Notice = {
  text: 'Pasted text is ignored here. Paste it into a field: / filters, : takes a command',
  severity: 'info',
};

function copiedNotice(text: string): Notice {
  const isCut = text.length >= longestRead;
  return {text: isCut ? `copied the first ${text.length} characters` : 'copied', severity: 'info'};
}

function isGuideCommand(command: Command): boolean {
  return !['quit', 'suspend', 'redraw'].includes(command.kind);
}

function showView(state: ConsoleState, view: ConsoleState['view']): Updated {
  const next: ConsoleState = {...(view === 'recipes' ? state : releaseRecipes(state)), view, overlay: null};
  return {
    state: next,
    effects: [showEffect(next), ...(view === 'journal' ? [{kind: 'read-journal'} as const] : [])],
  };
}

function open(state: ConsoleState): Updated {
  const {cursor} = state.tables[state.view];
  if (cursor === null) return only(state);
  switch (state.view) {
    case 'overview': {
      const finding = state.findings.find(candidate => findingId(candidate) === cursor);
      return finding ? interaction().openGuide(state, finding.recipe, finding) : only(state);
    }
    case 'recipes':
      return interaction().openGuide(
        state,
        cursor,
        state.findings.find(({recipe}) => recipe === cursor) ?? null,
      );
    case 'sessions':
    case 'locks': {
      const backend = heldSession(state);
      if (!backend) return only({...state, notice: {text: 'this session is gone', severity: 'info'}});
      return {
        state: {...state, overlay: {kind: 'session', id: cursor, scroll: 0, detail: null, over: null}},
        effects: [{kind: 'describe-session', id: cursor, backend, isPast: state.past !== null}],
      };
    }
    case 'statements': {
      const statement = heldStatement(state);
      if (!statement) return only(state);
      return {
        state: {...state, overlay: {kind: 'statement', id: cursor, scroll: 0, text: null, explain: null}},
        effects:
          statement.query === null ? [] : [{kind: 'format-statement', id: cursor, query: statement.query}],
      };
    }
    case 'journal': {
      const run = heldRun(state);
      return only(run === undefined ? state : {...state, overlay: {kind: 'run', run, scroll: 0}});
    }
  }
}

function explain(state: ConsoleState): Updated {
  const statement = heldStatement(state);
  const id = state.tables.statements.cursor;
  if (!statement || id === null) return only(state);
  return {
    state: {
      ...state,
      overlay: {
        kind: 'statement',
        id,
        scroll: 0,
        text: state.overlay?.kind === 'statement' ? state.overlay.text : null,
        explain: ['asking the planner'],
      },
    },
    effects: [{kind: 'explain', id, statement}],
  };
}

function openRecipe(state: ConsoleState): Updated {
  if (state.view === 'recipes') return open(state);
  const {cursor} = state.tables[state.view];
  const backend = heldSession(state);
  if (backend) {
    const finding = state.findings.find(({subject}) => subject === `backend:${backend.pid}`);
    return interaction().openGuide(state, finding?.recipe ?? 'kill-idle-sessions', finding ?? null, {
      pid: sessionId(backend),
    });
  }
  const finding = state.view === 'overview' ? state.findings.find(f => findingId(f) === cursor) : undefined;
  return finding ? interaction().openGuide(state, finding.recipe, finding) : showView(state, 'recipes');
}

function changeInterval(state: ConsoleState, faster: boolean): Updated {
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

/** A filter shows its effect with every key. */
function filterAsTyped(state: ConsoleState): ConsoleState {
  const {overlay} = state;
  if (overlay?.kind !== 'prompt' || overlay.purpose !== 'filter') return state;
  return withTable(state, table => ({...table, filter: overlay.text, cursor: null, heldOrder: null}));
}

function submitPrompt(state: ConsoleState): Updated {
  const {overlay} = state;
  if (overlay?.kind !== 'prompt') return only(state);
  if (overlay.purpose === 'filter') return only({...state, overlay: null});
  const closed = {...state, overlay: null};
  const entered = interaction().enterCommandLine(closed, overlay.text);
  if ('error' in entered) return only({...state, overlay: {...overlay, error: entered.error}});
  return 'command' in entered ? obey(closed, entered.command) : entered;
}

/** Within what is open, or from row to row where nothing is. */
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
