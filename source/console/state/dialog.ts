import type {ServerRow} from '../../core/server/topics/index.ts';
import type {Finding} from '../../model/recipe.ts';
import type {Backend, Statement} from '../../model/snapshot.ts';
import {atEnd, type InputLine} from './line-editor.ts';

/** What lies on top of a view: a page or a prompt, and a notice in the last row. */
export type DialogSlice = {
  overlay: Overlay | null;
  notice: Notice | null;
  /** What was entered into the prompts, oldest first. */
  entered: Record<Prompt['purpose'], readonly string[]>;
};

type Overlay =
  | {kind: 'help'}
  | {kind: 'overview'}
  /** A row as it was when it was opened: each column with its text. */
  | {kind: 'row'; id: string; cells: Cells}
  /** `finding`: as it was when it was opened. */
  | {kind: 'finding'; id: string; finding: Finding}
  | Prompt
  | {kind: 'pool'; id: string}
  | {kind: 'server'; id: string; row: ServerRow}
  /** A pool of PgBouncer. */
  | {kind: 'pooler'; id: string}
  | {kind: 'endpoint'; id: string}
  | {kind: 'session'; id: string; detail: string[] | null}
  | {kind: 'statement'; id: string; text: string[] | null; explain: string[] | null}
  | {kind: 'run'; run: string};

/** Names of columns, and their texts. */
export type Cells = [title: string, text: string][];

export type Prompt = InputLine & {
  kind: 'prompt';
  purpose: 'filter' | 'command';
  /** The filter that Esc restores. */
  before: string;
  error: string | null;
  /** Which of `entered` is shown, and what had been typed before it; null while none is. */
  recalled: {index: number; typed: string} | null;
};

export type Notice = {text: string; severity: 'info' | 'warning' | 'danger'};

export type DialogEvent =
  | {kind: 'session-described'; id: string; lines: string[]}
  | {kind: 'statement-formatted'; id: string; lines: string[]}
  | {kind: 'explained'; id: string; lines: string[]}
  | {kind: 'notice'; notice: Notice};

export type DialogEffect =
  /** `isPast`: from a past snapshot, so the server is not asked. */
  | {kind: 'describe-session'; id: string; backend: Backend; isPast: boolean}
  | {kind: 'format-statement'; id: string; query: string}
  | {kind: 'explain'; id: string; statement: Statement}
  | {kind: 'copy'; text: string};

type Opened<State> = {state: State; effects: DialogEffect[]};

export function createDialog(): DialogSlice {
  return {overlay: null, notice: null, entered: {filter: [], command: []}};
}

export function openHelp<State extends DialogSlice>(state: State): State {
  return {...state, overlay: {kind: 'help'}};
}

export function openOverview<State extends DialogSlice>(state: State): State {
  return {...state, overlay: {kind: 'overview'}};
}

export function openRow<State extends DialogSlice>(state: State, id: string, cells: Cells): State {
  return {...state, overlay: {kind: 'row', id, cells}};
}

export function openFindingDetail<State extends DialogSlice>(
  state: State,
  id: string,
  finding: Finding,
): State {
  return {...state, overlay: {kind: 'finding', id, finding}};
}

export function openPool<State extends DialogSlice>(state: State, id: string): State {
  return {...state, overlay: {kind: 'pool', id}};
}

export function openEndpoint<State extends DialogSlice>(state: State, id: string): State {
  return {...state, overlay: {kind: 'endpoint', id}};
}

/** `row`: as it was when its page was opened. */
export function openServerRow<State extends DialogSlice>(state: State, row: ServerRow): State {
  return {...state, overlay: {kind: 'server', id: row.id, row}};
}

export function openPooler<State extends DialogSlice>(state: State, id: string): State {
  return {...state, overlay: {kind: 'pooler', id}};
}

export function openRun<State extends DialogSlice>(state: State, run: string): State {
  return {...state, overlay: {kind: 'run', run}};
}

export function openSession<State extends DialogSlice>(
  state: State,
  id: string,
  backend: Backend,
  isPast: boolean,
): Opened<State> {
  return {
    state: {...state, overlay: {kind: 'session', id, detail: null}},
    effects: [{kind: 'describe-session', id, backend, isPast}],
  };
}

export function openStatement<State extends DialogSlice>(
  state: State,
  id: string,
  {query}: Statement,
): Opened<State> {
  return {
    state: {...state, overlay: {kind: 'statement', id, text: null, explain: null}},
    effects: query === null ? [] : [{kind: 'format-statement', id, query}],
  };
}

/** Requests the statement's plan, and shows it in the statement's detail. */
export function explainStatement<State extends DialogSlice>(
  state: State,
  id: string,
  statement: Statement,
): Opened<State> {
  const text = state.overlay?.kind === 'statement' ? state.overlay.text : null;
  return {
    state: {
      ...state,
      overlay: {kind: 'statement', id, text, explain: ['waiting for the plan']},
    },
    effects: [{kind: 'explain', id, statement}],
  };
}

/** Adds the text that was requested when a page was opened; ignores it if another page has been opened since. */
export function handleDialogEvent<State extends DialogSlice>(state: State, event: DialogEvent): State {
  const {overlay} = state;
  switch (event.kind) {
    case 'session-described':
      return overlay?.kind === 'session' && overlay.id === event.id
        ? {...state, overlay: {...overlay, detail: event.lines}}
        : state;
    case 'statement-formatted':
      return overlay?.kind === 'statement' && overlay.id === event.id
        ? {...state, overlay: {...overlay, text: event.lines}}
        : state;
    case 'explained':
      return overlay?.kind === 'statement' && overlay.id === event.id
        ? {...state, overlay: {...overlay, explain: event.lines}}
        : state;
    case 'notice':
      return {...state, notice: event.notice};
  }
}

export function openPrompt<State extends DialogSlice>(
  state: State,
  purpose: Prompt['purpose'],
  filter: string,
): State {
  const line = atEnd(purpose === 'filter' ? filter : '');
  const prompt: Prompt = {kind: 'prompt', purpose, ...line, before: filter, error: null, recalled: null};
  return {...state, overlay: prompt};
}

export function editPrompt<State extends DialogSlice>(
  state: State,
  change: (line: InputLine) => InputLine,
): State {
  const {overlay} = state;
  if (overlay?.kind !== 'prompt') return state;
  const {text, cursor} = change(overlay);
  const error = text === overlay.text ? overlay.error : null;
  return {...state, overlay: {...overlay, text, cursor, error}};
}

/** Shows what was entered before (-1) or after (1) what is shown; after the newest comes what was being typed. */
export function recall<State extends DialogSlice>(state: State, by: 1 | -1): State {
  const {overlay, entered} = state;
  if (overlay?.kind !== 'prompt') return state;
  const lines = entered[overlay.purpose];
  const {index, typed} = overlay.recalled ?? {index: lines.length, typed: overlay.text};
  const to = index + by;
  if (to < 0 || to > lines.length) return state;
  const recalled = to === lines.length ? null : {index: to, typed};
  return {...state, overlay: {...overlay, ...atEnd(lines[to] ?? typed), recalled, error: null}};
}

const mostEntered = 100;

/** Adds a line to the history of its prompt, unless it repeats the last one. */
export function remember<State extends DialogSlice>(state: State, {purpose, text}: Prompt): State {
  const lines = state.entered[purpose];
  if (text.trim() === '' || lines.at(-1) === text) return state;
  return {...state, entered: {...state.entered, [purpose]: [...lines, text].slice(-mostEntered)}};
}

export function closeOverlay<State extends DialogSlice>(state: State): State {
  return {...state, overlay: null};
}

export function inform<State extends DialogSlice>(
  state: State,
  text: string,
  severity: Notice['severity'] = 'info',
): State {
  return {...state, notice: {text, severity}};
}
