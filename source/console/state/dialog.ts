import type {Backend, Statement} from '../../model/snapshot.ts';

/** What lies on top of a view: a page or a prompt, and a notice in the last row. */
export type DialogSlice = {
  overlay: Overlay | null;
  notice: Notice | null;
};

export type Overlay =
  | {kind: 'help'; scroll: number}
  | Prompt
  | {kind: 'session'; id: string; scroll: number; detail: string[] | null}
  | {kind: 'statement'; id: string; scroll: number; text: string[] | null; explain: string[] | null}
  | {kind: 'run'; run: string; scroll: number};

/** `before`: the filter that Esc restores. */
export type Prompt = {
  kind: 'prompt';
  purpose: 'filter' | 'command';
  text: string;
  before: string;
  error: string | null;
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
  return {overlay: null, notice: null};
}

export function openHelp<State extends DialogSlice>(state: State): State {
  return {...state, overlay: {kind: 'help', scroll: 0}};
}

export function openRun<State extends DialogSlice>(state: State, run: string): State {
  return {...state, overlay: {kind: 'run', run, scroll: 0}};
}

export function openSession<State extends DialogSlice>(
  state: State,
  id: string,
  backend: Backend,
  isPast: boolean,
): Opened<State> {
  return {
    state: {...state, overlay: {kind: 'session', id, scroll: 0, detail: null}},
    effects: [{kind: 'describe-session', id, backend, isPast}],
  };
}

export function openStatement<State extends DialogSlice>(
  state: State,
  id: string,
  {query}: Statement,
): Opened<State> {
  return {
    state: {...state, overlay: {kind: 'statement', id, scroll: 0, text: null, explain: null}},
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
      overlay: {kind: 'statement', id, scroll: 0, text, explain: ['waiting for the plan']},
    },
    effects: [{kind: 'explain', id, statement}],
  };
}

/** Takes the text of a page that was requested when it was opened; another page may be open by now. */
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
  const text = purpose === 'filter' ? filter : '';
  return {...state, overlay: {kind: 'prompt', purpose, text, before: filter, error: null}};
}

export function editPrompt<State extends DialogSlice>(state: State, edit: (text: string) => string): State {
  const {overlay} = state;
  return overlay?.kind === 'prompt'
    ? {...state, overlay: {...overlay, text: edit(overlay.text), error: null}}
    : state;
}

export function closeOverlay<State extends DialogSlice>(state: State): State {
  return {...state, overlay: null};
}

/** `mostScroll`: where the end of the page is shown. */
export function scrollOverlay<State extends DialogSlice>(
  state: State,
  by: number,
  mostScroll: number,
): State {
  const {overlay} = state;
  if (overlay === null || !('scroll' in overlay)) return state;
  const scroll = Math.max(0, Math.min(mostScroll, overlay.scroll + by));
  return {...state, overlay: {...overlay, scroll}};
}

export function inform<State extends DialogSlice>(
  state: State,
  text: string,
  severity: Notice['severity'] = 'info',
): State {
  return {...state, notice: {text, severity}};
}
