import {pushSample} from '../core/history.ts';
import type {Snapshot} from '../core/snapshot.ts';
import {enterCommandLine} from './command-line.ts';
import {openGuide, openSessionGuide, stepGuide, updateGuideRun} from './guide.ts';
import {copyText, heldSession, heldStatement, shownQueryIds} from './held.ts';
import type {Command, Effect, Event, Message} from './messages.ts';
import {type ConsoleState, type Overlay, type TableState, viewIds} from './state.ts';
import {viewOf} from './views/index.ts';
import {findingId} from './views/overview.ts';

export type Updated = {state: ConsoleState; effects: Effect[]};

/** The whole behaviour of the console: pure, effects as values. */
export function update(state: ConsoleState, message: Message): Updated {
  return isEvent(message) ? take(state, message) : obey(state, message);
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
  'run',
  'run-failed',
  'notice',
] satisfies Event['kind'][]);

function isEvent(message: Message): message is Event {
  return eventKinds.has(message.kind);
}

/** Statement trends kept per statement, newest last. */
const trendLength = 120;
const trendedStatements = 200;

function take(state: ConsoleState, event: Event): Updated {
  switch (event.kind) {
    case 'read':
      return takeReading(state, event.snapshot, event.effective_interval_ms);
    case 'lost':
      return only({...state, link: {kind: 'lost', message: event.message, retry_in_ms: event.retry_in_ms}});
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

function takeReading(state: ConsoleState, snapshot: Snapshot, effective_interval_ms: number): Updated {
  const history = pushSample(state.history, snapshot);
  const live: ConsoleState = {
    ...state,
    history,
    effective_interval_ms,
    link: {kind: 'live'},
    targetName: snapshot.target.id,
  };
  if (state.isPaused) return only(live);
  const findings = state.recipes
    .flatMap(recipe => recipe.diagnose(snapshot))
    .sort((a, b) => Number(b.severity === 'critical') - Number(a.severity === 'critical'));
  const next = {...live, snapshot, findings, trends: pushTrends(state.trends, snapshot)};
  const shown = shownQueryIds(next);
  const before = shownQueryIds(state);
  const isSame = shown.length === before.length && shown.every((id, index) => id === before[index]);
  return {state: next, effects: isSame && state.snapshot !== null ? [] : [showEffect(next)]};
}

function pushTrends(trends: ConsoleState['trends'], snapshot: Snapshot): ConsoleState['trends'] {
  const next: ConsoleState['trends'] = {};
  for (const {queryid, rates} of snapshot.statements.slice(0, trendedStatements)) {
    const values = trends[queryid] ?? [];
    next[queryid] = rates ? [...values.slice(1 - trendLength), rates.exec_ms_per_second] : values;
  }
  return next;
}

const intervalStepsMs = [500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

function obey(state: ConsoleState, command: Command): Updated {
  const quiet = state.notice === null ? state : {...state, notice: null};
  if (quiet.overlay?.kind === 'guide' && isGuideCommand(command))
    return stepGuide(quiet, quiet.overlay.guide, command);
  switch (command.kind) {
    case 'show-view':
      return showView(quiet, command.view);
    case 'turn-view':
      return showView(
        quiet,
        viewIds[(viewIds.indexOf(quiet.view) + command.by + viewIds.length) % viewIds.length] ?? 'overview',
      );
    case 'move':
      return quiet.overlay ? only(scrollOverlay(quiet, command.by)) : only(moveCursor(quiet, command.by));
    case 'page':
      return quiet.overlay
        ? only(scrollOverlay(quiet, command.by * (quiet.rows - 6)))
        : only(moveCursor(quiet, command.by * (quiet.rows - 6)));
    case 'edge':
      return quiet.overlay
        ? only(scrollOverlay(quiet, command.to === 'first' ? -100_000 : 100_000))
        : only(moveCursor(quiet, command.to === 'first' ? -100_000 : 100_000));
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
          error: null,
        },
      });
    case 'type':
      return only(editPrompt(quiet, text => text + command.text));
    case 'erase':
      return only(editPrompt(quiet, text => [...text].slice(0, -1).join('')));
    case 'submit':
      return submitPrompt(quiet);
    case 'pause':
      return only({...quiet, isPaused: !quiet.isPaused});
    case 'change-interval':
      return changeInterval(quiet, command.faster);
    case 'copy': {
      const text = copyText(quiet);
      return text === null
        ? only({...quiet, notice: {text: 'y: nothing is held', severity: 'info'}})
        : {state: {...quiet, notice: {text: 'copied', severity: 'info'}}, effects: [{kind: 'copy', text}]};
    }
    case 'end-sessions':
      return openSessionGuide(quiet, command.how);
    case 'explain':
      return explain(quiet);
    case 'open-recipe':
      return openRecipe(quiet);
    case 'answer-finding': {
      const finding = quiet.findings[command.index];
      return finding ? openGuide(quiet, finding.recipe, finding) : only(quiet);
    }
    case 'help':
      return only({...quiet, overlay: {kind: 'help', scroll: 0}});
    case 'back':
      return only(goBack(quiet));
    case 'redraw':
      return {state: quiet, effects: [{kind: 'redraw'}]};
    case 'suspend':
      return {state: quiet, effects: [{kind: 'suspend'}]};
    case 'quit':
      return {state: quiet, effects: [{kind: 'quit'}]};
  }
}

function isGuideCommand(command: Command): boolean {
  return !['quit', 'suspend', 'redraw'].includes(command.kind);
}

function showView(state: ConsoleState, view: ConsoleState['view']): Updated {
  const next: ConsoleState = {...state, view, overlay: null};
  return {
    state: next,
    effects: [showEffect(next), ...(view === 'journal' ? [{kind: 'read-journal'} as const] : [])],
  };
}

/** The sampler reads statements each tick only while somebody looks at them. */
function showEffect(state: ConsoleState): Effect {
  return {kind: 'show', statements: state.view === 'statements', queryids: shownQueryIds(state)};
}

/** Taking hold of a row freezes the order, so that nothing moves between reading a line and acting on it. */
function moveCursor(state: ConsoleState, by: number): ConsoleState {
  const ids = viewOf(state.view).ids(state);
  if (ids.length === 0) return state;
  const {cursor} = state.tables[state.view];
  const at = cursor === null ? -1 : ids.indexOf(cursor);
  const start = at === -1 && by < 0 ? ids.length : at;
  const to = Math.max(0, Math.min(ids.length - 1, start + by));
  return withTable(state, table => ({...table, cursor: ids[to] ?? null, heldOrder: table.heldOrder ?? ids}));
}

function tagHeld(state: ConsoleState): ConsoleState {
  return withTable(state, table => {
    if (table.cursor === null) return table;
    const {cursor, tagged} = table;
    return {
      ...table,
      tagged: tagged.includes(cursor) ? tagged.filter(id => id !== cursor) : [...tagged, cursor],
    };
  });
}

function sortBy(state: ConsoleState, by: 1 | -1): ConsoleState {
  const {sortColumns} = viewOf(state.view);
  if (sortColumns.length === 0) return state;
  return withTable(state, table => {
    const at = sortColumns.findIndex(column => column.id === table.sort.column);
    const column = sortColumns[(at + by + sortColumns.length) % sortColumns.length]?.id ?? table.sort.column;
    return {...table, sort: {...table.sort, column}, heldOrder: null};
  });
}

function open(state: ConsoleState): Updated {
  const {cursor} = state.tables[state.view];
  if (cursor === null) return only(state);
  switch (state.view) {
    case 'overview': {
      const finding = state.findings.find(candidate => findingId(candidate) === cursor);
      return finding ? openGuide(state, finding.recipe, finding) : only(state);
    }
    case 'recipes':
      return openGuide(state, cursor, null);
    case 'sessions':
    case 'locks': {
      const backend = heldSession(state);
      if (!backend) return only({...state, notice: {text: 'this session is gone', severity: 'info'}});
      return {
        state: {...state, overlay: {kind: 'session', id: cursor, scroll: 0, detail: null}},
        effects: [{kind: 'describe-session', id: cursor, backend}],
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
    case 'journal':
      return only(state);
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
  const {cursor} = state.tables[state.view];
  const backend = heldSession(state);
  if (backend) {
    const finding = state.findings.find(({subject}) => subject === `backend:${backend.pid}`);
    return openGuide(state, finding?.recipe ?? 'kill-idle-sessions', finding ?? null, {
      pid: String(backend.pid),
    });
  }
  const finding =
    state.view === 'overview'
      ? (state.findings.find(f => findingId(f) === cursor) ?? state.findings[0])
      : undefined;
  return finding ? openGuide(state, finding.recipe, finding) : showView(state, 'recipes');
}

/** One step back: first what is on top, then the row held, the tags, the filter. */
function goBack(state: ConsoleState): ConsoleState {
  if (state.overlay) return {...state, overlay: null};
  return withTable(state, table => {
    if (table.cursor !== null) return {...table, cursor: null, heldOrder: null};
    if (table.tagged.length > 0) return {...table, tagged: []};
    return {...table, filter: ''};
  });
}

function changeInterval(state: ConsoleState, faster: boolean): Updated {
  const candidates = faster
    ? intervalStepsMs.filter(ms => ms < state.interval_ms)
    : intervalStepsMs.filter(ms => ms > state.interval_ms);
  const interval_ms = (faster ? candidates.at(-1) : candidates[0]) ?? state.interval_ms;
  return {state: {...state, interval_ms}, effects: [{kind: 'set-interval', interval_ms}]};
}

function editPrompt(state: ConsoleState, edit: (text: string) => string): ConsoleState {
  return withOverlay(
    state,
    overlay => (overlay.kind === 'prompt' ? {...overlay, text: edit(overlay.text), error: null} : overlay),
    filterAsTyped,
  );
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
  const entered = enterCommandLine(state, overlay.text);
  if ('error' in entered) return only({...state, overlay: {...overlay, error: entered.error}});
  return 'command' in entered
    ? obey({...state, overlay: null}, entered.command)
    : {state: {...entered.state, overlay: null}, effects: entered.effects};
}

function scrollOverlay(state: ConsoleState, by: number): ConsoleState {
  return withOverlay(state, overlay =>
    'scroll' in overlay ? {...overlay, scroll: Math.max(0, overlay.scroll + by)} : overlay,
  );
}

function withOverlay(
  state: ConsoleState,
  change: (overlay: Overlay) => Overlay,
  after: (state: ConsoleState) => ConsoleState = same => same,
): ConsoleState {
  return state.overlay ? after({...state, overlay: change(state.overlay)}) : state;
}

function withTable(state: ConsoleState, change: (table: TableState) => TableState): ConsoleState {
  return {...state, tables: {...state.tables, [state.view]: change(state.tables[state.view])}};
}

function only(state: ConsoleState): Updated {
  return {state, effects: []};
}
