import {parseSessionId} from '../core/session-id.ts';
import type {Command} from './messages.ts';
import {type ConsoleState, viewIds} from './state.ts';
import {viewOf} from './views/index.ts';
import {findingKeys} from './views/overview.ts';

/** What the keys go to: the views, an overlay, or a line being typed. */
export type Mode = 'browse' | 'reading' | 'typing' | 'guide';

export type Binding = {
  keys: string[];
  modes: Mode[];
  command: Command;
  /** Footer; '' keeps it out of there. */
  label: string;
  /** Help and README. */
  help: string;
  /** Why it can do nothing now; null when it can. Shown beside the key instead of hiding it. */
  disabledBecause?(state: ConsoleState): string | null;
  /** Footer only in these views. */
  views?: ConsoleState['view'][];
};

export function modeOf(state: ConsoleState): Mode {
  switch (state.overlay?.kind) {
    case undefined:
      return 'browse';
    case 'prompt':
      return 'typing';
    case 'guide':
      return 'guide';
    default:
      return 'reading';
  }
}

function needsRow(state: ConsoleState): string | null {
  return state.tables[state.view].cursor === null ? 'no row is held: move onto one first' : null;
}

function needsTable(state: ConsoleState): string | null {
  return state.view === 'sessions' || state.view === 'statements'
    ? null
    : 'only sessions and statements: 2 or 3';
}

function needsTaggable(state: ConsoleState): string | null {
  return state.view === 'sessions' || state.view === 'locks'
    ? needsRow(state)
    : 'only sessions are tagged: 2 or 4';
}

function needsSessions(state: ConsoleState): string | null {
  if (state.view !== 'sessions' && state.view !== 'locks') return 'only sessions can be ended: 2 or 4';
  const {cursor, tagged} = state.tables[state.view];
  const held = cursor === null ? tagged : [...tagged, cursor];
  if (held.length === 0) return 'no session is held or tagged';
  if (held.every(id => parseSessionId(id).backend_start === ''))
    return 'no client session this role can tell apart';
  return state.link.kind === 'live' ? null : 'not connected';
}

function needsStatement(state: ConsoleState): string | null {
  if (state.overlay?.kind === 'statement') return null;
  return state.view === 'statements' ? needsRow(state) : 'only statements can be explained: 3';
}

/** Every key there is. Footer, help and README's list are made from these rows. */
export const bindings: Binding[] = [
  ...viewIds.map(
    (view): Binding => ({
      keys: [viewOf(view).key],
      modes: ['browse', 'reading'],
      command: {kind: 'show-view', view},
      label: '',
      help: viewOf(view).title,
    }),
  ),
  {keys: ['tab'], modes: ['browse'], command: {kind: 'turn-view', by: 1}, label: '', help: 'next view'},
  {
    keys: ['shift-tab'],
    modes: ['browse'],
    command: {kind: 'turn-view', by: -1},
    label: '',
    help: 'previous view',
  },
  {
    keys: ['down', 'j'],
    modes: ['browse', 'reading'],
    command: {kind: 'move', by: 1},
    label: '',
    help: 'down; takes hold of a row, and the order freezes',
  },
  {keys: ['up', 'k'], modes: ['browse', 'reading'], command: {kind: 'move', by: -1}, label: '', help: 'up'},
  {
    keys: ['pagedown', 'ctrl-f', 'ctrl-d'],
    modes: ['browse', 'reading', 'guide'],
    command: {kind: 'page', by: 1},
    label: '',
    help: 'a page down',
  },
  {
    keys: ['pageup', 'ctrl-b', 'ctrl-u'],
    modes: ['browse', 'reading', 'guide'],
    command: {kind: 'page', by: -1},
    label: '',
    help: 'a page up',
  },
  {
    keys: ['home', 'g'],
    modes: ['browse', 'reading'],
    command: {kind: 'edge', to: 'first'},
    label: '',
    help: 'first',
  },
  {
    keys: ['end', 'G'],
    modes: ['browse', 'reading'],
    command: {kind: 'edge', to: 'last'},
    label: '',
    help: 'last',
  },
  {
    keys: ['enter'],
    modes: ['browse'],
    command: {kind: 'open'},
    label: 'detail',
    help: 'detail of the row held; opens a finding or a recipe',
    disabledBecause: needsRow,
  },
  {
    keys: ['space'],
    modes: ['browse'],
    command: {kind: 'tag'},
    label: 'tag',
    help: 'tag the row held',
    disabledBecause: needsTaggable,
    views: ['sessions', 'locks'],
  },
  ...findingKeys.map(
    (key, index): Binding => ({
      keys: [key],
      modes: ['browse'],
      command: {kind: 'answer-finding', index},
      label: '',
      help: `Overview: the recipe that answers finding ${index + 1}`,
      disabledBecause: state =>
        state.view !== 'overview' ? 'only on the Overview' : state.findings[index] ? null : 'no such finding',
    }),
  ),
  {
    keys: ['C'],
    modes: ['browse'],
    command: {kind: 'end-sessions', how: 'cancel'},
    label: 'cancel',
    help: 'cancel the statements of the tagged sessions, or of the one held',
    disabledBecause: needsSessions,
    views: ['sessions', 'locks'],
  },
  {
    keys: ['K'],
    modes: ['browse'],
    command: {kind: 'end-sessions', how: 'terminate'},
    label: 'terminate',
    help: 'terminate the tagged sessions, or the one held',
    disabledBecause: needsSessions,
    views: ['sessions', 'locks'],
  },
  {
    keys: ['x'],
    modes: ['browse', 'reading'],
    command: {kind: 'explain'},
    label: 'explain',
    help: 'plan of the statement, never executed',
    disabledBecause: needsStatement,
    views: ['statements'],
  },
  {
    keys: ['r'],
    modes: ['browse', 'reading'],
    command: {kind: 'open-recipe'},
    label: 'recipe',
    help: 'the recipe for what is held, or the list of recipes',
  },
  {
    keys: ['/'],
    modes: ['browse'],
    command: {kind: 'ask', purpose: 'filter'},
    label: 'filter',
    help: 'filter: words, column:value, !inverse',
    disabledBecause: needsTable,
    views: ['sessions', 'statements'],
  },
  {
    keys: ['s', '>'],
    modes: ['browse'],
    command: {kind: 'sort-next'},
    label: 'sort',
    help: 'sort by the next column',
    disabledBecause: needsTable,
    views: ['sessions', 'statements'],
  },
  {
    keys: ['S', '<'],
    modes: ['browse'],
    command: {kind: 'sort-previous'},
    label: '',
    help: 'sort by the column before',
    disabledBecause: needsTable,
  },
  {
    keys: ['R'],
    modes: ['browse'],
    command: {kind: 'sort-reverse'},
    label: '',
    help: 'reverse the order',
    disabledBecause: needsTable,
  },
  {
    keys: ['p'],
    modes: ['browse', 'reading'],
    command: {kind: 'pause'},
    label: 'pause',
    help: 'pause the screen; the server is still read for the charts',
  },
  {
    keys: ['+', '='],
    modes: ['browse'],
    command: {kind: 'change-interval', faster: true},
    label: '',
    help: 'read more often',
  },
  {
    keys: ['-'],
    modes: ['browse'],
    command: {kind: 'change-interval', faster: false},
    label: '',
    help: 'read less often',
  },
  {
    keys: ['y'],
    modes: ['browse', 'reading'],
    command: {kind: 'copy'},
    label: '',
    help: 'copy the statement held (OSC 52: through SSH too)',
  },
  {
    keys: [':'],
    modes: ['browse'],
    command: {kind: 'ask', purpose: 'command'},
    label: 'command',
    help: 'a command by name: :sessions, :sort mean, :interval 1s, :quit',
  },
  {keys: ['?', 'h'], modes: ['browse', 'reading'], command: {kind: 'help'}, label: '', help: 'this list'},
  {
    keys: ['ctrl-l'],
    modes: ['browse', 'reading', 'guide'],
    command: {kind: 'redraw'},
    label: '',
    help: 'draw the screen anew',
  },
  {keys: ['escape', 'q'], modes: ['reading'], command: {kind: 'back'}, label: 'back', help: 'back'},
  {
    keys: ['escape'],
    modes: ['browse', 'typing', 'guide'],
    command: {kind: 'back'},
    label: '',
    help: 'let go of the row, the filter, or one step back in a guide',
  },
  {keys: ['q'], modes: ['browse'], command: {kind: 'quit'}, label: '', help: 'back; from a view, out'},
  {
    keys: ['enter'],
    modes: ['typing', 'guide'],
    command: {kind: 'submit'},
    label: '',
    help: 'take what was typed; go on in a guide',
  },
  {keys: ['backspace'], modes: ['typing', 'guide'], command: {kind: 'erase'}, label: '', help: 'erase'},
  {
    keys: ['down', 'tab'],
    modes: ['guide'],
    command: {kind: 'move', by: 1},
    label: '',
    help: 'next parameter, or down',
  },
  {
    keys: ['up', 'shift-tab'],
    modes: ['guide'],
    command: {kind: 'move', by: -1},
    label: '',
    help: 'parameter before, or up',
  },
  {
    keys: ['ctrl-z'],
    modes: ['browse', 'reading', 'typing', 'guide'],
    command: {kind: 'suspend'},
    label: '',
    help: 'to the shell and back (fg)',
  },
  {
    keys: ['ctrl-c'],
    modes: ['browse', 'reading', 'typing', 'guide'],
    command: {kind: 'quit'},
    label: '',
    help: 'leave at once',
  },
];

/** What a key means now; `blocked` is why it means nothing. */
export function commandOf(key: string, state: ConsoleState): {command: Command} | {blocked: string} | null {
  const mode = modeOf(state);
  const binding = bindings.find(({keys, modes}) => keys.includes(key) && modes.includes(mode));
  if (binding) {
    const reason = binding.disabledBecause?.(state) ?? null;
    return reason === null ? {command: binding.command} : {blocked: `${key}: ${reason}`};
  }
  if (mode === 'typing' || mode === 'guide') {
    if (key === 'space') return {command: {kind: 'type', text: ' '}};
    if ([...key].length === 1) return {command: {kind: 'type', text: key}};
  }
  return null;
}
